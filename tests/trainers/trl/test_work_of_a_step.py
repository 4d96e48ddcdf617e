"""What a step of TRL takes of ours, counted and not timed: bytecodes, which no load of the machine changes."""

import pytest

from llm_telemetry import instrument
from llm_telemetry.session.sessions import active
from tests.support import tiny_trl
from tests.support.bytecodes import COUNTED, bytecodes

pytestmark = [*COUNTED, pytest.mark.filterwarnings("default")]  # theirs are their own

STEP = 17_000
"""Bytecodes of ours at most, from four completions to the payload; some 3 in 100 more than there are in Python 3.11."""


def nothing(completions, **_):
    return [0.0] * len(completions)


def test_a_step_without_a_judge_takes_few_bytecodes_of_ours(tmp_path):
    trainer = tiny_trl.trainer("grpo", [nothing], tmp_path)
    inputs = [{"prompt": f"w{i // 2} w1", "source": tiny_trl.SOURCES[i // 2], "truth": "4"} for i in range(4)]
    prompts, completions = [item["prompt"] for item in inputs], [f"w{i} w3" for i in range(4)]

    def step():
        trainer._calculate_rewards(inputs, prompts, completions, [[1, 2, 3]] * 4)
        trainer.state.global_step += 1
        trainer.log({"loss": 0.0})

    trainer.model.train()
    with instrument(trainer, folder=tmp_path, run=False, console=0):
        step()
        step()  # what is looked up once is known by now
        assert 0 < bytecodes(step) <= STEP
        assert active[-1].latest["train"].values["dataset/count"] == len(inputs)
