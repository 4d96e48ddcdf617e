"""Which step and which split: numbers given, found or counted; steps that fail, repeat, nest, or never begin."""

import asyncio
import gc
import warnings

import numpy as np
import pytest

from tests.support.loops import AsyncExecutor, Grader, Loop, SyncExecutor, run
from tests.support.trainers import watch


def one_by_one(trainer):
    for item in trainer.data.sample_batch():
        trainer.reward.compute_reward(item["problem"], trainer.executor.execute(item["problem"]))


def loop(kind=Loop, body=one_by_one):
    return kind(body, executor=SyncExecutor(), reward=Grader())


def steps(memory):
    """What each payload says: split, step, rollouts."""
    prefix = {"train": "dataset", "val": "val"}
    return [(p.split, p.step, p.values.get(f"{prefix[p.split]}/count")) for p in memory.payloads]


class Keyword(Loop):
    def train_step(self, *, step):
        return self.body(self)


class Second(Loop):
    def train_step(self, batch, global_step=None):
        return self.body(self)


class Anything(Loop):
    def train_step(self, *args, **kwargs):
        return self.body(self)


class Unnumbered(Loop):
    def train_step(self):
        return self.body(self)


@pytest.mark.parametrize(
    ("kind", "args", "kwargs", "step"),
    [
        (Loop, (7,), {}, 7),
        (Loop, (), {"step": 7}, 7),
        (Keyword, (), {"step": 7}, 7),
        (Second, ([], 7), {}, 7),
        (Second, ([],), {"global_step": 7}, 7),
        (Anything, (), {"step": 7}, 7),
        (Loop, (np.int64(7),), {}, 7),
        (Unnumbered, (), {}, 1),
        (Loop, (None,), {}, 1),
        (Loop, ("seven",), {}, 1),
        (Loop, (True,), {}, 1),
    ],
)
def test_the_step_s_number_is_found_by_name_or_place_else_counted(tmp_path, kind, args, kwargs, step):
    trainer = loop(kind)
    _, memory = watch(trainer, tmp_path)
    trainer.train_step(*args, **kwargs)
    trainer.train_step(*args, **kwargs)
    assert [payload.step for payload in memory.payloads] == ([step, step] if step == 7 else [1, 2])
    assert all(type(payload.step) is int for payload in memory.payloads)


def test_a_step_that_fails_and_is_tried_again_is_one_step_with_all_that_it_spent(tmp_path):
    error = MemoryError("once")
    errors = [error]

    def body(trainer):
        one_by_one(trainer)
        if errors:
            raise errors.pop()

    trainer = loop(body=body)
    _, memory = watch(trainer, tmp_path)
    with pytest.raises(MemoryError) as caught:
        trainer.train_step(1)
    assert caught.value is error
    assert memory.payloads == []
    trainer.train_step(1)
    trainer.train_step(2)
    assert steps(memory) == [("train", 1, 4), ("train", 2, 2)]


@pytest.mark.parametrize("numbered", [True, False])
def test_a_step_that_fails_and_is_not_tried_again_is_not_lost(tmp_path, numbered):
    def body(trainer):
        one_by_one(trainer)
        if trainer.fails:
            raise MemoryError

    trainer = loop(body=body)
    telemetry, memory = watch(trainer, tmp_path)
    trainer.fails = True
    with pytest.raises(MemoryError):
        trainer.train_step(1)
    if numbered:
        trainer.fails = False
        trainer.train_step(2)
    telemetry.uninstrument()
    assert steps(memory) == [("train", 1, 2)] + [("train", 2, 2)] * numbered


class Validating(Loop):
    def evaluate(self, samples=2):
        one_by_one(self)


def test_validation_has_the_step_before_it_and_a_payload_of_its_own(tmp_path):
    trainer = loop(Validating)
    _, memory = watch(trainer, tmp_path)
    for step in (1, 2):
        trainer.train_step(step)
    trainer.evaluate()
    assert steps(memory) == [("train", 1, 2), ("train", 2, 2), ("val", 2, 2)]
    assert not [key for key in memory.last if key.startswith("dataset/")]


def test_validation_in_a_training_step_is_counted_apart(tmp_path):
    def body(trainer):
        one_by_one(trainer)
        trainer.evaluate()
        one_by_one(trainer)

    trainer = loop(Validating, body)
    _, memory = watch(trainer, tmp_path)
    trainer.train_step(7)
    assert steps(memory) == [("val", 7, 2), ("train", 7, 4)]


def test_a_step_that_calls_its_parent_s_is_one_step(tmp_path):
    class Child(Loop):
        def train_step(self, step=None):
            one_by_one(self)
            return super().train_step(step)

    base, child = loop(), loop(Child)
    (_, of_base), (_, of_child) = watch(base, tmp_path / "1"), watch(child, tmp_path / "2")
    child.train_step(3)
    base.train_step(4)
    assert steps(of_child) == [("train", 3, 4)]
    assert steps(of_base) == [("train", 4, 2)]


def test_an_executor_made_anew_in_each_step_is_watched(tmp_path):
    def body(trainer):
        trainer.executor = SyncExecutor()
        trainer.reward = Grader()
        one_by_one(trainer)

    trainer = loop(body=body)
    _, memory = watch(trainer, tmp_path)
    trainer.train_step(1)
    gc.collect()
    trainer.train_step(2)
    assert steps(memory) == [("train", 1, 2), ("train", 2, 2)]
    assert memory.last["dataset/accuracy"] == 100


def test_a_flush_by_hand_and_an_end_in_mid_step_have_the_step_s_number(tmp_path):
    def body(trainer):
        one_by_one(trainer)
        trainer.telemetry.flush()
        one_by_one(trainer)
        trainer.telemetry.uninstrument()
        one_by_one(trainer)

    trainer = loop(body=body)
    trainer.telemetry, memory = watch(trainer, tmp_path)
    trainer.train_step(5)
    assert steps(memory) == [("train", 5, 2), ("train", 5, 2)]


async def work(_):
    await asyncio.sleep(0)


async def execute_all(trainer):
    await asyncio.gather(*(trainer.executor.execute(item["problem"]) for item in trainer.data.sample_batch()))


def async_loop(body=execute_all):
    return Loop(body, executor=AsyncExecutor(work))


def test_a_step_that_is_cancelled_before_it_begins_does_not_swallow_the_next(tmp_path):
    trainer = async_loop()
    _, memory = watch(trainer, tmp_path)

    async def train():
        task = asyncio.create_task(trainer.train_step(1))
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        await trainer.train_step(2)
        await trainer.train_step(3)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # that we make none is another test's matter
        run(train())
        gc.collect()
    assert steps(memory)[-2:] == [("train", 2, 2), ("train", 3, 2)]


@pytest.mark.filterwarnings("error")
def test_a_coroutine_that_is_cancelled_before_it_begins_makes_no_warning(tmp_path):
    trainer = async_loop()
    watch(trainer, tmp_path)

    async def train():
        task = asyncio.create_task(trainer.executor.execute("2 + 2?"))
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        run(train())
        gc.collect()
    assert [str(warning.message) for warning in told] == []


def test_steps_whose_coroutines_are_made_before_the_first_is_awaited_are_steps(tmp_path):
    trainer = async_loop()
    _, memory = watch(trainer, tmp_path)

    async def train():
        for coroutine in [trainer.train_step(1), trainer.train_step(2)]:
            await coroutine

    run(train())
    assert steps(memory) == [("train", 1, 2), ("train", 2, 2)]


def test_steps_that_overlap_lose_nothing(tmp_path):
    trainer = async_loop()
    telemetry, memory = watch(trainer, tmp_path)

    async def train():
        await asyncio.gather(trainer.train_step(1), trainer.train_step(2))

    run(train())
    telemetry.uninstrument()
    assert sum(count or 0 for _, _, count in steps(memory)) == 4
    assert {step for _, step, _ in steps(memory)} == {1, 2}


def test_a_trainer_is_not_disturbed_by_what_another_has_left_in_the_same_context(tmp_path):
    first = loop()
    telemetry, _ = watch(first, tmp_path / "1")
    first.train_step(1)
    telemetry.uninstrument()

    last_problem = first.data.sample_batch()[-1]["problem"]
    second = Loop(lambda trainer: trainer.reward.compute_reward(last_problem, "Paris"), reward=Grader())
    _, memory = watch(second, tmp_path / "2")
    second.train_step(1)
    assert steps(memory) == [("train", 1, 1)]


def test_a_fresh_run_whose_steps_count_from_0_is_told_nothing(tmp_path, caplog):
    trainer = loop()
    watch(trainer, tmp_path)
    for step in (0, 1):
        trainer.train_step(step)
    assert "older checkpoint" not in caplog.text


@pytest.mark.parametrize("name", ["epoch", "epoch_idx", "round"])
def test_steps_that_go_by_epoch_have_its_number(tmp_path, name):
    namespace = {}
    exec(
        f"class ByEpoch:\n    def train_step(self, batch, {name}): return self.reward.compute_reward('q', 'a')",
        namespace,
    )
    trainer = namespace["ByEpoch"]()
    trainer.reward = Grader()
    _, memory = watch(trainer, tmp_path)
    for number in (4, 7):
        trainer.train_step([], number)
    assert [payload.step for payload in memory.payloads] == [4, 7]


@pytest.mark.parametrize("name", ["_validate", "validation_step", "eval_step"])
def test_a_validation_by_any_of_its_names(tmp_path, name):
    trainer = type("Validating", (Loop,), {name: lambda self: self.reward.compute_reward("q", "a")})(
        lambda _: None, reward=Grader()
    )
    _, memory = watch(trainer, tmp_path)
    getattr(trainer, name)()
    assert [(payload.split, payload.values["val/count"]) for payload in memory.payloads] == [("val", 1)]
