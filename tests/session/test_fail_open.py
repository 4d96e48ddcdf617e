"""What a collector or a sink of the user's does wrong costs its own part; windows end only where a payload is made."""

import json
import math

import pytest

from llm_telemetry import guard
from llm_telemetry.clients.replies import usage_in
from llm_telemetry.events import Rollout, Usage
from llm_telemetry.session.inbox import BATCH
from llm_telemetry.session.session import Session
from llm_telemetry.settings.config import Config
from tests.support.mocking import chat, usage
from tests.support.trainers import Executor, Memory, Trainer, ask, train_step, watch


@pytest.fixture
def _lenient(monkeypatch):
    """As in production: failures of ours are counted, and pass."""
    monkeypatch.setattr(guard.failures, "strict", False)


class Telling:
    """A user's collector that tells always the same."""

    def __init__(self, told):
        self.told = told

    def add(self, event):
        pass

    def collect(self, split):
        return self.told


def session_with(*collectors, sinks=()):
    memory = Memory()
    return Session(Config(collectors=collectors), [*sinks, memory]), memory


def end_step(session, step=1):
    session.close_phase(session.open_phase("train", step), None)


@pytest.mark.usefixtures("_lenient")
@pytest.mark.parametrize(
    "told",
    [
        pytest.param({7: 1.0}, id="a key that is no text"),
        pytest.param({"mine/x": math.inf}, id="infinity"),
        pytest.param({"mine/x": 10**400}, id="a number that no float can hold"),
        pytest.param(None, id="no mapping"),
    ],
)
def test_a_collector_that_tells_what_cannot_be_told_loses_its_part_and_the_rest_arrives(told, caplog):
    session, memory = session_with(Telling({"mine/y": 1, **told} if told else told), Telling({"other/z": 2}))
    session.record(Rollout("train", "gsm8k", 1.0, False))
    end_step(session)
    assert memory.last["dataset/count"] == 1
    assert memory.last["other/z"] == 2
    assert not [key for key in memory.last if str(key).startswith("mine")]
    assert "llm_telemetry: failed in Telling.collect" in caplog.text
    end_step(session, 2)
    assert memory.last["telemetry/errors"] == 2


@pytest.mark.usefixtures("_lenient")
def test_what_of_the_user_s_fails_as_events_come_is_counted_for_its_session():
    class Failing(Telling):
        def add(self, event):
            raise ValueError

    memory = Memory()
    session = Session(Config(collectors=(Failing({}),), threshold=lambda reward: 1 / 0), [memory])
    for _ in range(BATCH):
        session.record(Rollout("train", "gsm8k", 1.0, False))
    assert session.failures.total() == 2 * BATCH
    end_step(session)
    assert (memory.last["telemetry/errors"], memory.last["dataset/unscored"]) == (2 * BATCH, BATCH)


def test_what_a_collector_does_not_know_is_absent():
    session, memory = session_with(Telling({"mine/x": None, "mine/y": math.nan, "mine/z": True}))
    end_step(session)
    assert {key: value for key, value in memory.last.items() if key.startswith("mine/")} == {"mine/z": 1}


@pytest.mark.usefixtures("_lenient")
def test_a_window_goes_on_where_no_payload_could_be_made(monkeypatch):
    session, memory = session_with()
    session.record(Rollout("train", "gsm8k", 1.0, False))
    with monkeypatch.context() as patch:
        patch.setattr(session.counts.cost, "state", lambda: 1 / 0)
        end_step(session)
    assert memory.payloads == []
    session.record(Rollout("train", "gsm8k", 0.0, False))
    end_step(session, 2)
    assert (memory.last["dataset/count"], memory.last["dataset/accuracy"]) == (2, 50)


def test_a_payload_that_an_interrupt_held_up_reaches_each_sink_once_with_the_next():
    class Interrupted(Memory):
        def write(self, payload):
            if payload.step == 1:
                raise KeyboardInterrupt
            super().write(payload)

    first = Memory()
    session, last = session_with(sinks=[first, Interrupted()])
    with pytest.raises(KeyboardInterrupt):
        end_step(session)
    end_step(session, 2)
    assert [payload.step for payload in first.payloads] == [1, 2]
    assert [payload.step for payload in last.payloads] == [1, 2]


def test_a_sink_that_flushes_in_the_middle_of_a_payload_neither_hangs_nor_disturbs_the_order():
    class Flushing(Memory):
        def write(self, payload):
            super().write(payload)
            if payload.split == "train":
                session.record(Rollout("val", "gsm8k", 1.0, False))
                session.flush_rest()

    flushing = Flushing()
    session, last = session_with(sinks=[flushing])
    end_step(session)
    assert [(p.step, p.split) for p in last.payloads] == [(p.step, p.split) for p in flushing.payloads]
    assert [p.split for p in last.payloads] == ["train", "val"]


@pytest.mark.parametrize("told", [10**400, 2**63, -1, "12", 1.5, True])
def test_a_count_that_cannot_be_is_unknown_and_the_run_s_numbers_stay_numbers(api, tmp_path, told):
    odd, sane = chat("4", usage={"prompt_tokens": told, "completion_tokens": 3}), chat("4", usage=usage(5, 3))
    api.post("/chat/completions").side_effect = [odd, sane]
    trainer = Trainer(executor=Executor(_ask_twice))
    telemetry, memory = watch(trainer, tmp_path)
    train_step(trainer)
    telemetry.uninstrument()
    last = memory.last
    assert (last["llm/executor/calls"], last["llm/executor/no_usage"]) == (2, 1)
    assert last["tokens/executor/prompt"] == 5
    assert all(math.isfinite(value) for value in last.values())
    (line,) = telemetry.path.read_text().splitlines()
    assert json.loads(line, parse_constant=pytest.fail)["payload"]["cost/total_cost"] > 0


async def _ask_twice(problem):
    await ask(problem)
    await ask(problem)
    return "4", 0, {"success": False}


def test_more_cached_tokens_than_there_are_tokens_are_unknown():
    told = {"prompt_tokens": 10, "completion_tokens": 0, "prompt_tokens_details": {"cached_tokens": 99}}
    assert usage_in(told) == Usage(10, 0, None, None)
