"""`@judge` and `with scope(…)`: code that can be edited says itself what it is."""

import asyncio
import inspect
import pickle

import pytest

import llm_telemetry
from tests.support.asked_judges import (
    ask,
    failures_in,
    says_yes,
    text_of,
)
from tests.support.loops import Loop, payload_of
from tests.support.mocking import chat, openai_api
from tests.support.trainers import ask as ask_async
from tests.support.trainers import async_client


@pytest.fixture(autouse=True)
def api():
    with openai_api(assert_all_called=False) as api:
        api.post("/chat/completions").return_value = chat("true")
        yield api


@llm_telemetry.judge
def compare(question, answer, source=None):
    """Say whether it is right."""
    return says_yes(ask(f"{question} {answer}?"))


@llm_telemetry.judge(name="Strict one")
async def compare_strictly(question, answer, *, source=None):
    async with async_client() as client:
        return says_yes(await client.chat.completions.create(model="gpt-4o-mini", messages=[]))


class Judge:
    @llm_telemetry.judge
    def grade(self, question, answer, source=None):
        return says_yes(ask())

    @llm_telemetry.judge
    @staticmethod
    def grade_alone(question, answer, source=None):
        return says_yes(ask())

    @llm_telemetry.judge
    @classmethod
    def grade_by_class(cls, question, answer, source=None):
        return says_yes(ask())


class Executor:
    def execute(self, problem, source=None):
        return "4"


def step(body):
    return Loop(lambda _: body(), executor=Executor())


@pytest.mark.parametrize("grade", [compare, Judge().grade, Judge.grade_alone, Judge().grade_by_class])
@pytest.mark.parametrize("by", ["position", "keyword"])
def test_a_marked_function_is_a_judge(tmp_path, grade, by):
    def body():
        return grade("2 + 2", "4", "gsm8k") if by == "position" else grade(question="?", answer="4", source="gsm8k")

    payload = payload_of(step(body), tmp_path)
    assert (payload["judge/calls"], payload["judge/correct_count"], payload["judge/gsm8k/calls"]) == (1, 1, 1)
    assert payload["llm/judge/calls"] == 1


def test_an_async_one_and_its_name(tmp_path):
    async def body():
        return await asyncio.gather(
            compare_strictly("?", "4", source="gsm8k"), asyncio.to_thread(compare, "?", "4", "mmlu")
        )

    payload = payload_of(step(body), tmp_path)
    assert (payload["judge/strict_one/calls"], payload["judge/compare/calls"], payload["judge/calls"]) == (1, 1, 2)


def test_a_marked_function_is_the_same_function():
    assert compare.__doc__ == "Say whether it is right."
    assert list(inspect.signature(compare).parameters) == ["question", "answer", "source"]
    assert inspect.iscoroutinefunction(compare_strictly)
    assert pickle.loads(pickle.dumps(compare)) is compare
    assert compare("2 + 2", "4") is True  # and works while nothing is watched


def test_only_functions_can_be_marked():
    with pytest.raises(TypeError, match=r"@llm_telemetry\.judge marks a function"):
        llm_telemetry.judge(Judge)
    with pytest.raises(TypeError, match=r"@llm_telemetry\.judge marks a function"):
        llm_telemetry.judge(3)


def test_a_block_is_an_evaluation_of_its_source_by_its_text(tmp_path, api):
    api.post("/chat/completions").side_effect = [chat("true"), chat("Nice day.")]

    def body():
        for source in ("gsm8k", "mmlu"):
            with llm_telemetry.scope(role="judge", source=source):
                ask()

    payload = payload_of(step(body), tmp_path)
    assert (payload["judge/gsm8k/correct_ratio"], payload["judge/mmlu/parse_failure_rate"]) == (1, 1)
    assert (payload["llm/judge/calls"], failures_in(payload)) == (2, {"no_verdict": 1})
    assert (payload["cost/judge_calls"], payload["llm/judge/errors"]) == (2, 0)


def test_a_block_that_raises_is_a_failed_evaluation_and_the_exception_goes_on(tmp_path, api):
    api.post("/chat/completions").return_value = chat("true")

    def body():
        with pytest.raises(ValueError, match="could not convert"), llm_telemetry.scope(role="judge"):
            float(text_of(ask()))

    assert failures_in(payload_of(step(body), tmp_path)) == {"no_verdict": 1}


def test_a_judge_s_calls_that_give_no_verdict_are_only_its_cost(tmp_path):
    def body():
        with llm_telemetry.scope(role="judge", source="gsm8k", evaluation=False):
            ask("Extract the answer.")

    payload = payload_of(step(body), tmp_path)
    assert (payload["llm/judge/calls"], "judge/calls" in payload) == (1, False)


def test_a_block_around_a_judge_function_only_tells_it_the_source(tmp_path):
    def body():
        with llm_telemetry.scope(role="judge", source="gsm8k"):
            compare("2 + 2", "4")

    payload = payload_of(step(body), tmp_path)
    assert (payload["judge/calls"], payload["judge/gsm8k/calls"]) == (1, 1)


def test_a_block_around_an_execution_and_its_reward_tells_their_source(tmp_path):
    class Computer:
        def compute_reward(self, problem, prediction):
            return float(says_yes(ask()))

    async def body(trainer):
        with llm_telemetry.scope(source="gsm8k"):
            answer = trainer.executor.execute("2 + 2?")
            await ask_async()
            trainer.reward.compute_reward("2 + 2?", answer)

    payload = payload_of(Loop(body, executor=Executor(), reward=Computer()), tmp_path)
    assert (payload["dataset/gsm8k/count"], payload["dataset/count"]) == (1, 1)
    assert payload["dataset/gsm8k/avg_cost"] > 0


def test_a_block_with_the_judge_s_role_around_a_reward_leaves_it_a_reward(tmp_path):
    class Computer:
        def compute_reward(self, problem, prediction):
            return float(compare(problem, prediction))

    def body(trainer):
        with llm_telemetry.scope(role="judge", source="gsm8k"):
            trainer.reward.compute_reward("2 + 2?", "4")

    payload = payload_of(Loop(body, reward=Computer()), tmp_path)
    assert (payload["dataset/gsm8k/count"], payload["judge/calls"]) == (1, 1)


@pytest.mark.parametrize("role", ["executor", "policy", "other"])
def test_a_block_gives_its_calls_a_role(tmp_path, role):
    def body():
        with llm_telemetry.scope(role=role, source="gsm8k"):
            ask()

    assert payload_of(step(body), tmp_path)[f"llm/{role}/calls"] == 1


def test_a_role_that_does_not_exist_is_told_once_and_training_goes_on(tmp_path, caplog):
    def body():
        for _ in range(2):
            with llm_telemetry.scope(role="jugde"):
                ask()

    assert payload_of(step(body), tmp_path)["llm/other/calls"] == 2
    assert [record.getMessage() for record in caplog.records if "jugde" in record.getMessage()] == [
        "llm_telemetry: scope(role='jugde'): there is no such role; there are executor, judge, policy, other"
    ]


def test_blocks_mean_nothing_while_nothing_is_watched():
    with llm_telemetry.scope(role="judge", source="gsm8k"):
        assert says_yes(ask())


def test_one_block_object_may_be_entered_again_and_within_itself(tmp_path):
    def body():
        block = llm_telemetry.scope(role="judge", source="gsm8k")
        with block, block:
            ask()
        with block:
            ask()

    assert payload_of(step(body), tmp_path)["judge/calls"] == 2
