"""What a rollout with its judge takes of ours, counted and not timed: no load of the machine changes bytecodes."""

import openai

from llm_telemetry.testing import LLMServer
from tests.support.bytecodes import COUNTED, bytecodes
from tests.support.trainers import Executor, RewardComputer, Trainer, train_step, watch

pytestmark = COUNTED

ROLLOUTS = 64
ROLLOUT = 9_430
"""Bytecodes a rollout at most, its share of the flush included; some 3 in 100 more than there are in Python 3.11."""


def test_a_judged_rollout_takes_few_bytecodes_of_ours(tmp_path):
    async def answer(problem):
        return f"I have looked at it twice. {problem} It is 4.", 0.0, {"success": True}

    items = [{"problem": f"2 + {i // 4}?", "ground_truth": "4", "source": "gsm8k"} for i in range(ROLLOUTS)]
    graded = RewardComputer()
    trainer = Trainer(items, Executor(answer), graded)
    with LLMServer("<true_false>True</true_false>") as server:
        graded.llm_judge_client = openai.OpenAI(base_url=f"{server.url}/v1", api_key="k")
        telemetry, memory = watch(trainer, tmp_path)
        with telemetry:
            train_step(trainer, 1)
            train_step(trainer, 2)  # what is looked up once is known by now
            assert 0 < bytecodes(lambda: train_step(trainer, 3)) / ROLLOUTS <= ROLLOUT
    assert memory.last["dataset/gsm8k/accuracy"] == 100.0
    assert memory.last["judge/calls"] == ROLLOUTS
