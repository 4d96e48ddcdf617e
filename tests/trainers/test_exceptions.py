"""The trainer's exceptions and its context stay its own, and ours stay with us."""

import asyncio
import decimal
import functools
import logging
from concurrent.futures import ThreadPoolExecutor

import pytest

from llm_telemetry import guard
from tests.support.loops import AsyncExecutor, Loop, SyncExecutor, ask_sync, run
from tests.support.mocking import chat
from tests.support.sdk import CHAT
from tests.support.trainers import Trainer, train_step, watch
from tests.trainers.test_transparency import loop


class OddError(Exception):
    """An exception that cannot be made again from its arguments."""

    def __init__(self, one, two):
        super().__init__(one)


@pytest.mark.parametrize(
    "error", [OddError(1, 2), KeyboardInterrupt(), SystemExit(3), GeneratorExit(), StopIteration(1)], ids=repr
)
def test_an_exception_comes_out_as_the_object_that_it_is(tmp_path, error):
    def work(_):
        raise error

    trainer = loop(executor=SyncExecutor(work))
    watch(trainer, tmp_path)
    with pytest.raises(type(error)) as caught:
        trainer.train_step(1)
    assert caught.value is error
    assert error.__context__ is None
    assert error.__cause__ is None


@pytest.mark.parametrize("error", [OddError(1, 2), asyncio.CancelledError("why")], ids=repr)
def test_an_exception_comes_out_of_a_coroutine_as_the_object_that_it_is(tmp_path, error):
    async def work(_):
        raise error

    async def step(trainer):
        with pytest.raises(type(error)) as caught:
            await trainer.executor.execute("2 + 2?")
        assert caught.value is error

    trainer = Loop(step, executor=AsyncExecutor(work))
    watch(trainer, tmp_path)
    run(trainer.train_step(1))


class Broken:
    """A user's collector whose methods fail."""

    def __init__(self, error):
        def fail(*_):
            raise error

        self.add = functools.partial(fail)
        self.collect = functools.partial(fail)


@pytest.mark.parametrize("place", ["cost.add_call", "dataset.add_rollout", "calls.get_wandb_logs", "rollouts.rewarded"])
def test_a_failure_of_ours_is_told_once_counted_and_kept_from_the_trainer(tmp_path, api, monkeypatch, caplog, place):
    monkeypatch.setattr(guard.failures, "strict", False)
    monkeypatch.setattr(guard.failures, "_counts", {})
    from llm_telemetry.session import counts, session  # noqa: PLC0415 - to break one of their parts before it is wired

    def fail(*_, **__):
        raise RuntimeError("ours")

    owner, name = place.split(".")
    kinds = {"cost": "CostTracker", "dataset": "DatasetMetricsCollector", "calls": "CallCollector"}
    broken = getattr(counts, kinds[owner]) if owner in kinds else session.RolloutBook
    monkeypatch.setattr(broken, name, fail)
    api.post(CHAT).mock(chat("true"))
    trainer = Trainer()
    _, memory = watch(trainer, tmp_path)
    with caplog.at_level(logging.WARNING, "llm_telemetry"):
        assert [train_step(trainer, step) for step in (1, 2)] == [[1.0], [1.0]]
    assert memory.last["telemetry/errors"] >= 2
    assert len([r for r in caplog.records if "failed in" in r.getMessage()]) == 1


def test_a_user_s_collector_that_fails_is_kept_from_the_trainer(tmp_path, monkeypatch):
    monkeypatch.setattr(guard.failures, "strict", False)
    trainer = loop(executor=SyncExecutor(lambda _: "1"))
    _, memory = watch(trainer, tmp_path, collectors=[Broken(ValueError("theirs"))])
    trainer.train_step(1)
    assert memory.last["dataset/accuracy"] == 100
    trainer.train_step(2)
    assert memory.last["telemetry/errors"] >= 3


# --- the trainer's own context


def test_decimal_in_a_pool_s_thread_is_what_it_is_without_us(tmp_path):
    def step(trainer):
        with decimal.localcontext() as context, ThreadPoolExecutor(1) as pool:
            context.prec = 3
            trainer.seen = pool.submit(lambda: decimal.getcontext().prec).result()

    trainer = Loop(step)
    watch(trainer, tmp_path)
    trainer.train_step(1)
    assert trainer.seen == decimal.DefaultContext.prec


def test_the_trainer_s_decimal_context_neither_bends_our_sums_nor_sees_them(tmp_path, api):
    api.post(CHAT).mock(chat("true"))
    prices = {"gpt-4o-mini": {"input": 0.123457, "output": 7}}

    def step(trainer):
        with decimal.localcontext(decimal.Context(prec=2)) as context:
            trainer.executor.execute("2 + 2?")
            trainer.evaluate()
            trainer.flags = [signal for signal, is_set in context.flags.items() if is_set]

    class Validating(Loop):
        def evaluate(self):
            self.executor.execute("3 + 3?")

    trainer = Validating(step, executor=SyncExecutor(lambda _: ask_sync()))
    _, memory = watch(trainer, tmp_path, prices=prices)
    trainer.train_step(1)
    assert memory.last["cost/total_cost"] == pytest.approx(2 * (10 * 0.123457 + 5 * 7) / 1e6)
    assert trainer.flags == []
