"""`watch(reward_function)`: any reward function is seen wherever it is called, without a trainer."""

import asyncio
import inspect
import json

import openai
import pytest

from llm_telemetry import instrument, judge, watch
from llm_telemetry.handle import handles
from llm_telemetry.testing import LLMServer
from llm_telemetry.trainers.script import SCRIPT
from tests.support.children import ROOT, payloads_in, python
from tests.support.trainers import Memory

ROWS = {"prompts": ["2 + 2?", "Capital?"], "truth": ["4", "Paris"], "source": ["sums", "capitals"]}


def right(prompts, completions, truth, **_):
    """One number for each completion."""
    return [float(said == true) for said, true in zip(completions, truth, strict=True)]


@pytest.fixture
def memory(tmp_path):
    memory = Memory()
    with instrument(folder=tmp_path, sinks=[memory], console=0) as telemetry:
        memory.telemetry = telemetry
        yield memory


def counts(payload):
    return {key.split("/")[1]: n for key, n in payload.items() if key.startswith("dataset/") and key.endswith("/count")}


def test_each_completion_that_it_rewards_is_a_rollout(memory):
    watched = watch(right)
    with memory.telemetry.step(1):
        assert watched(completions=["4", "Rome"], **ROWS) == [1.0, 0.0]
    assert counts(memory.last) == {"sums": 1, "capitals": 1, "count": 2}
    assert (memory.last["dataset/sums/accuracy"], memory.last["dataset/capitals/accuracy"]) == (100, 0)
    assert "judge/calls" not in memory.last  # nobody was asked


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("level", {"easy": 1, "hard": 1}),
        ("=mine", {"mine": 2}),
        ("gsm8k", {"gsm8k": 2}),
    ],
    ids=["a column", "a constant", "what is no column"],
)
def test_the_source_is_a_column_or_a_constant(memory, source, found):
    with memory.telemetry.step(1):
        watch(right, source=source)(completions=["4", "Rome"], level=["easy", "hard"], **ROWS)
    assert counts(memory.last) == {**found, "count": 2}


def test_a_function_for_one_item_finds_its_source_inside_of_an_argument(memory):
    @watch(source="subset")
    def compute_score(data_source, solution_str, ground_truth, extra_info):
        return {"score": 1.0 if solution_str == ground_truth else 0.0}

    with memory.telemetry.step(1):
        compute_score("all", "4", "4", {"subset": "sums"})
    assert counts(memory.last) == {"sums": 1, "count": 1}


def test_what_it_asks_is_the_judge_s_and_an_evaluation_of_each_completion(memory):
    with LLMServer(lambda request: "yes" if "4" in request.user else "no") as server:
        client = openai.AsyncOpenAI(base_url=server.base_url, api_key="none")

        async def ask(said):
            messages = [{"role": "user", "content": f"Is {said} right, yes or no?"}]
            reply = await client.chat.completions.create(model="gpt-4o-mini", messages=messages)
            return float(reply.choices[0].message.content == "yes")

        @watch
        async def judged(completions, **_):
            return await asyncio.gather(*map(ask, completions))

        assert inspect.iscoroutinefunction(judged)
        with memory.telemetry.step(1):
            assert asyncio.run(judged(completions=["4", "Rome"], **ROWS)) == [1.0, 0.0]
    told = memory.last
    assert (told["judge/calls"], told["judge/correct_count"], told["judge/incorrect_count"]) == (2, 1, 1)
    assert (told["llm/judge/calls"], told["judge/capitals/correct_ratio"]) == (2, 0)


def test_a_marked_judge_in_it_has_the_evaluations(memory):
    @judge(name="strict")
    def is_right(completion, truth):
        return completion == truth

    @watch
    def judged(completions, truth, **_):
        return [float(is_right(*pair)) for pair in zip(completions, truth, strict=True)]

    with memory.telemetry.step(1):
        judged(completions=["4", "Rome"], **ROWS)
    assert (memory.last["judge/calls"], memory.last["dataset/count"]) == (2, 2)


def test_it_is_the_same_function():
    assert (watch(right).__name__, watch(right).__doc__) == ("right", right.__doc__)
    assert inspect.signature(watch(right)) == inspect.signature(right)
    with pytest.raises(TypeError, match=r"@llm_telemetry\.watch marks a function or a method"):
        watch(3)
    handles[id(SCRIPT)].uninstrument()


def test_what_it_raises_it_raises_and_the_rollouts_are_unscored(memory):
    @watch
    def broken(completions, **_):
        raise LookupError("no such reward")

    with memory.telemetry.step(1), pytest.raises(LookupError, match="no such reward"):
        broken(completions=["4", "Rome"], **ROWS)
    memory.telemetry.flush()
    assert memory.last["dataset/unscored"] == 2


ALONE = """
from llm_telemetry import watch

@watch(source="=sums")
def right(completions, truth, **_):
    return [float(said == true) for said, true in zip(completions, truth)]

right(completions=["4", "5"], truth=["4", "4"])
"""


def test_alone_it_begins_to_watch_and_all_is_told_at_the_end(tmp_path):
    python("-c", ALONE, cwd=tmp_path, PYTHONPATH=str(ROOT))
    (path,) = (tmp_path / "llm_telemetry").glob("*.jsonl")
    last = json.loads(path.read_text().splitlines()[-1])["payload"]
    assert (last["dataset/sums/count"], last["dataset/sums/accuracy"]) == (2, 50)


def test_telemetry_that_is_off_leaves_it_alone(tmp_path):
    python("-c", ALONE, cwd=tmp_path, PYTHONPATH=str(ROOT), LLM_TELEMETRY="0")
    assert list(tmp_path.iterdir()) == []


IN_A_CHILD = """
import multiprocessing
import sys

sys.path.insert(0, ".")
from rewards import right

if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(pool.apply(right, (["4", "5"], ["4", "4"])))
"""
REWARDS = """
from llm_telemetry import watch

@watch(source="=sums")
def right(completions, truth):
    return [float(said == true) for said, true in zip(completions, truth)]
"""


def test_a_spawned_process_tells_its_owner_as_async_grpo_s_does(tmp_path):
    (tmp_path / "rewards.py").write_text(REWARDS)
    (tmp_path / "main.py").write_text(IN_A_CHILD)
    done = python("main.py", cwd=tmp_path, LLM_TELEMETRY="1", LLM_TELEMETRY_FOLDER="told")
    assert done.stdout == "[1.0, 0.0]\n"
    (last,) = payloads_in(tmp_path / "told")
    assert (last["dataset/sums/count"], last["dataset/sums/accuracy"]) == (2, 50)
