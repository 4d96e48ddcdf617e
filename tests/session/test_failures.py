"""Whose a failure of telemetry's own is: one trainer's are not counted for another, nor made loud by it."""

import logging

import pytest

from llm_telemetry import guard
from tests.support.loops import Grader, Loop, SyncExecutor
from tests.support.trainers import Memory, watch


class Broken(Memory):
    """A sink that cannot write."""

    def write(self, payload):
        super().write(payload)
        raise OSError("disk full")


@pytest.fixture(autouse=True)
def _as_in_production(monkeypatch):
    monkeypatch.setattr(guard.failures, "strict", False)


def trainer(**parts):
    def body(self):
        answer = self.executor.execute("2 + 2?")
        return self.reward.compute_reward("2 + 2?", answer)

    return Loop(body, executor=SyncExecutor(), reward=Grader(), **parts)


def errors(memory):
    return [payload.values["telemetry/errors"] for payload in memory.payloads]


def test_failures_of_one_trainer_are_not_counted_for_another(tmp_path):
    first, second = trainer(), trainer()
    broken = Broken()
    _, of_first = watch(first, tmp_path / "1", sinks=[broken])
    _, of_second = watch(second, tmp_path / "2")
    for step in (1, 2, 3):
        first.train_step(step)
        second.train_step(step)
    assert errors(broken) == [0, 1, 2]
    assert errors(of_second) == [0, 0, 0]
    assert of_first.payloads == []


def test_what_fails_inside_of_a_step_is_its_trainer_s_even_if_another_was_watched_later(tmp_path):
    class Unreadable:
        def __float__(self):
            raise RuntimeError("no number")

    first, second = trainer(), trainer()
    first.reward.grade = lambda _: Unreadable()
    _, of_first = watch(first, tmp_path / "1")
    _, of_second = watch(second, tmp_path / "2")
    first.train_step(1)
    second.train_step(1)
    assert errors(of_first)[0] > 0
    assert errors(of_second) == [0]


def test_strict_is_one_trainer_s_own(tmp_path, caplog):
    loud, quiet = trainer(), trainer()
    telemetry, _ = watch(loud, tmp_path / "1", sinks=[Broken()], strict=True)
    watch(quiet, tmp_path / "2", sinks=[Broken()])
    with caplog.at_level(logging.WARNING, "llm_telemetry"):
        quiet.train_step(1)
    assert ["failed in" in record.getMessage() for record in caplog.records].count(True) == 1
    with pytest.raises(OSError, match="disk full"):
        loud.train_step(1)
    telemetry._session._outbox._sinks.clear()
    telemetry.uninstrument()
    again = trainer()
    watch(again, tmp_path / "3", sinks=[Broken()])
    again.train_step(1)
