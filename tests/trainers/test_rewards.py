"""Which reward belongs to which rollout, in the loops that people write."""

import asyncio

import numpy as np
import pytest

from llm_telemetry.trainers.by_shape import ByShape
from tests.support.loops import AsyncExecutor, Grader, Items, Loop, SyncExecutor, counts, payload_of, right
from tests.support.trainers import watch


def one_by_one(trainer):
    """Execute and reward item by item."""
    for item in trainer.data.sample_batch():
        trainer.reward.compute_reward(item["problem"], trainer.executor.execute(item["problem"]))


def batch_first(trainer):
    """Execute the whole batch, then compute all rewards."""
    batch = trainer.data.sample_batch()
    answers = [trainer.executor.execute(item["problem"]) for item in batch]
    for item, answer in zip(batch, answers, strict=True):
        trainer.reward.compute_reward(item["problem"], answer)


@pytest.mark.parametrize("loop", [one_by_one, batch_first])
def test_k_rollouts_of_a_problem_get_a_reward_each(tmp_path, loop):
    rewards = iter([1, 0, 1, 1, 0, 0, 0, 1])
    trainer = Loop(loop, executor=SyncExecutor(), reward=Grader(lambda _: next(rewards)), data=Items(times=4))
    payload = payload_of(trainer, tmp_path)
    assert counts(payload) == {"gsm8k": 4, "mmlu": 4}
    assert right(payload) == {"gsm8k": 3, "mmlu": 1}
    assert payload["dataset/gsm8k/failed"] == 0


def test_a_batch_under_gather_whose_rewards_come_later_and_at_once(tmp_path):
    async def body(trainer):
        batch = trainer.data.sample_batch()
        await asyncio.gather(*(trainer.executor.execute(item["problem"]) for item in batch))

        async def rewarded(item):
            await asyncio.sleep(0)
            return trainer.reward.compute_reward(item["problem"], item["source"])

        await asyncio.gather(*map(rewarded, reversed(batch)))

    async def work(_):
        await asyncio.sleep(0)

    grader = Grader(lambda source: float(source == "mmlu"))
    payload = payload_of(Loop(body, executor=AsyncExecutor(work), reward=grader, data=Items(times=3)), tmp_path)
    assert right(payload) == {"gsm8k": 0, "mmlu": 3}
    assert counts(payload) == {"gsm8k": 3, "mmlu": 3}


def test_a_reward_function_that_is_told_the_source_but_not_the_problem(tmp_path):
    class BySource:
        def compute_reward(self, prediction, source):
            return float(source == "mmlu")

    def body(trainer):
        batch = trainer.data.sample_batch()
        answers = [trainer.executor.execute(item["problem"]) for item in batch]
        for item, answer in zip(batch, answers, strict=True):
            trainer.reward.compute_reward(answer, source=item["source"])

    payload = payload_of(Loop(body, executor=SyncExecutor(), reward=BySource()), tmp_path)
    assert right(payload) == {"gsm8k": 0, "mmlu": 1}


def test_an_executor_that_is_given_a_prompt_made_of_the_problem_is_the_same_rollout(tmp_path):
    def body(trainer):
        for item in trainer.data.sample_batch():
            answer = trainer.executor.execute(f"Solve step by step: {item['problem']}")
            trainer.reward.compute_reward(item["problem"], answer)

    payload = payload_of(Loop(body, executor=SyncExecutor(), reward=Grader()), tmp_path)
    assert right(payload) == counts(payload) == {"gsm8k": 1, "mmlu": 1}


def test_an_executor_whose_problem_is_called_task_has_the_item_s_source(tmp_path):
    class TaskExecutor:
        def execute(self, task):
            return task

    payload = payload_of(Loop(one_by_one, executor=TaskExecutor(), reward=Grader()), tmp_path)
    assert counts(payload) == {"gsm8k": 1, "mmlu": 1}


def test_the_item_itself_tells_the_source(tmp_path):
    class ItemExecutor:
        def execute(self, item):
            return item["question"]

    def body(trainer):
        for source in ({"source": "gsm8k"}, {"extra_info": {"data_source": "mmlu"}}, {}):
            trainer.executor.execute({"question": f"{source}?", **source})

    assert counts(payload_of(Loop(body, executor=ItemExecutor()), tmp_path)) == {"gsm8k": 1, "mmlu": 1, "unknown": 1}


def test_a_reward_that_is_computed_twice_is_one_rollout(tmp_path):
    async def body(trainer):
        async def rollout(item):
            answer = await trainer.executor.execute(item["problem"])
            for _ in range(2):
                trainer.reward.compute_reward(item["problem"], answer)

        await asyncio.gather(*map(rollout, trainer.data.sample_batch()))

    async def work(_):
        await asyncio.sleep(0)

    payload = payload_of(Loop(body, executor=AsyncExecutor(work), reward=Grader(), data=Items(times=2)), tmp_path)
    assert right(payload) == counts(payload) == {"gsm8k": 2, "mmlu": 2}


def test_an_answer_that_is_a_text_of_numpy_s_is_known_again_when_it_is_rewarded_again(tmp_path):
    answer = np.str_("Step by step, the answer is 4")

    def body(trainer):
        for _ in range(3):
            trainer.reward.compute_reward("2 + 2?", answer)

    assert payload_of(Loop(body, reward=Grader()), tmp_path)["dataset/count"] == 1


def test_a_reward_function_that_runs_code_through_the_executor_has_one_rollout(tmp_path):
    executor = SyncExecutor()
    payload = payload_of(
        Loop(one_by_one, executor=executor, reward=Grader(lambda p: executor.execute(p) == p)), tmp_path
    )
    assert right(payload) == counts(payload) == {"gsm8k": 1, "mmlu": 1}


def test_an_executor_that_computes_the_reward_itself_has_one_rollout(tmp_path):
    grader = Grader()

    def body(trainer):
        for item in trainer.data.sample_batch():
            trainer.executor.execute(item["problem"])

    executor = SyncExecutor(lambda problem: grader.compute_reward(problem, "4"))
    payload = payload_of(Loop(body, executor=executor, reward=grader), tmp_path)
    assert right(payload) == counts(payload) == {"gsm8k": 1, "mmlu": 1}


def test_an_executor_that_rewards_several_candidates_has_one_rollout_from_the_first_step_on(tmp_path):
    class BestOfThree(SyncExecutor):
        def execute(self, problem):
            return max((str(i) for i in range(3)), key=lambda one: trainer.reward.compute_reward(problem, one))

    trainer = Loop(one_by_one, executor=BestOfThree(), reward=Grader())
    payload = payload_of(trainer, tmp_path)
    assert right(payload) == counts(payload) == {"gsm8k": 1, "mmlu": 1}


def test_a_sub_workflow_is_part_of_its_rollout(tmp_path):
    class Nested(SyncExecutor):
        def execute(self, problem, depth=2):
            return self.execute(f"part of {problem}", depth - 1) if depth else "4"

    payload = payload_of(Loop(one_by_one, executor=Nested(), reward=Grader()), tmp_path)
    assert right(payload) == counts(payload) == {"gsm8k": 1, "mmlu": 1}


def test_rollouts_without_a_reward_are_wrong_where_the_user_says_so_and_others_are_rewarded(tmp_path, caplog):
    def body(trainer):
        for item in trainer.data.sample_batch():
            made = trainer.executor.execute(item["problem"])
            if item["source"] == "gsm8k":
                trainer.reward.compute_reward(item["problem"], made)

    parts = {"executor": SyncExecutor(), "reward": Grader(), "data": Items(times=2)}
    said = payload_of(Loop(body, **parts), tmp_path / "said", unrewarded_is_wrong=True)
    assert [said[f"dataset/{key}"] for key in ("count", "unscored", "failed", "accuracy")] == [4, 0, 0, 50]
    assert (said["dataset/mmlu/accuracy"], "unscored" in caplog.text) == (0, False)
    silent = payload_of(Loop(body, **parts), tmp_path / "silent")
    assert [silent[f"dataset/{key}"] for key in ("count", "unscored", "accuracy")] == [4, 2, 100]
    assert caplog.text.count("unrewarded_is_wrong=True") == 1


def test_an_adapter_may_say_that_rollouts_without_a_reward_are_wrong(tmp_path):
    class Strict(ByShape):
        def find(self, trainer, config):
            return super().find(trainer, config)._replace(unrewarded_is_wrong=True)

    def body(trainer):
        trainer.executor.execute("3 + 3?")
        trainer.reward.compute_reward("2 + 2?", trainer.executor.execute("2 + 2?"))

    payload = payload_of(Loop(body, executor=SyncExecutor(), reward=Grader()), tmp_path, adapter=Strict)
    assert [payload[f"dataset/{key}"] for key in ("count", "unscored", "accuracy")] == [2, 0, 50]


def test_where_no_reward_was_seen_nothing_is_wrong_whatever_is_said(tmp_path):
    trainer = Loop(lambda t: t.executor.execute("2 + 2?"), executor=SyncExecutor())
    payload = payload_of(trainer, tmp_path, unrewarded_is_wrong=True)
    assert (payload["dataset/unscored"], "dataset/accuracy" in payload) == (1, False)


def test_where_the_reward_function_that_is_watched_is_not_the_one_that_is_called_that_is_told_once(tmp_path, caplog):
    class Two(Grader):
        def compute_rewards(self, problems, predictions):
            return [self.grade(one) for one in predictions]

    def body(trainer):
        problems = [item["problem"] for item in trainer.data.sample_batch()]
        return trainer.reward.compute_rewards(problems, [trainer.executor.execute(one) for one in problems])

    trainer = Loop(body, executor=SyncExecutor(), reward=Two())
    telemetry, memory = watch(trainer, tmp_path / "found")
    for step in range(3):
        trainer.train_step(step)
    assert [message.count("was not called") for message in caplog.messages if "reward" in message] == [1]
    assert memory.last["dataset/unscored"] == memory.last["dataset/count"] > 0
    telemetry.uninstrument()
    named = payload_of(trainer, tmp_path / "named", reward="reward.compute_rewards")
    assert (named["dataset/accuracy"], named["dataset/unscored"]) == (100, 0)
