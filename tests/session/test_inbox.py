"""What waits for being booked: a batch at most, and where another thread is at it, not without end."""

import threading
import time

import pytest

from llm_telemetry import guard
from llm_telemetry.collectors.cost import CostTracker
from llm_telemetry.events import Call, Padded, Rollout, UnmatchedReward, Usage
from llm_telemetry.session import inbox
from llm_telemetry.session.counts import one_by_one
from llm_telemetry.session.inbox import BATCH, MOST
from llm_telemetry.session.rollouts import Phase
from llm_telemetry.session.session import Session
from llm_telemetry.settings.config import Config
from tests.support.children import PATIENCE

CALL = Call("executor", "train", "sums", "m", "m", Usage(1, 1), None, 0, 0.1)


def record(session, calls):
    """Record calls; return how many waited after each."""
    waiting = []
    for _ in range(calls):
        session.record(CALL)
        waiting.append(len(session._inbox.waiting))
    return waiting


def calls_of(session):
    return session.counted().cost.get_wandb_logs("train")["cost/executor_calls"]


def test_no_more_than_a_batch_waits_and_who_appends_its_last_event_books_it():
    session = Session(Config())
    waiting = record(session, 3 * BATCH)
    assert waiting == [*range(1, BATCH), 0] * 3
    assert calls_of(session) == 3 * BATCH


def test_while_another_thread_has_the_turn_events_only_wait_and_the_next_one_books_them():
    session = Session(Config())
    with session._inbox.turn.held():
        thread = threading.Thread(target=record, args=(session, MOST - 1))
        thread.start()
        thread.join(PATIENCE)
        assert len(session._inbox.waiting) == MOST - 1
    assert record(session, 1) == [0]
    assert calls_of(session) == MOST


def test_where_too_much_waits_who_appends_waits_for_the_one_that_books(monkeypatch):
    monkeypatch.setattr(inbox, "PAUSE", PATIENCE)
    session, waiting = Session(Config()), []
    with session._inbox.turn.held():
        record(session, MOST - 1)
        thread = threading.Thread(target=lambda: waiting.extend(record(session, 2)))
        thread.start()
        while len(session._inbox.waiting) < MOST:
            time.sleep(0.001)
    thread.join(PATIENCE)
    assert waiting == [0, 1]
    assert calls_of(session) == MOST + 1


def test_it_waits_for_a_moment_only_as_it_may_hold_what_the_other_one_wants(monkeypatch):
    monkeypatch.setattr(inbox, "PAUSE", 0.001)
    session = Session(Config())
    with session._inbox.turn.held():
        thread = threading.Thread(target=record, args=(session, MOST + BATCH))
        thread.start()
        thread.join(PATIENCE)
        assert len(session._inbox.waiting) == MOST + BATCH
    assert calls_of(session) == MOST + BATCH


def test_booking_ends_though_events_come_without_end():
    session = Session(Config())
    session._inbox.listeners = {Call: one_by_one(session.record)}
    session.record(CALL)
    session.counted()
    assert len(session._inbox.waiting) == 1


def test_booking_ends_though_it_fails_before_it_takes_an_event(monkeypatch):
    monkeypatch.setattr(inbox.Inbox, "_book_all", lambda self, events: None)  # as a guard gives for what has failed
    session = Session(Config())
    session.record(CALL)
    session.counted()
    assert len(session._inbox.waiting) == 1


ROLLOUT = Rollout("train", "sums", 1.0, failed=False)


@pytest.mark.parametrize("at", range(5))
def test_what_fails_is_of_one_event_and_the_others_are_booked_wherever_it_stands(monkeypatch, at):
    monkeypatch.setattr(guard.failures, "strict", False)
    add = CostTracker.add_call
    monkeypatch.setattr(CostTracker, "add_call", lambda self, call: 1 / 0 if call.error else add(self, call))
    session = Session(Config())
    events = [CALL, CALL, ROLLOUT, CALL]
    events.insert(at, CALL._replace(error="other"))
    for event in events:
        session.record(event)
    counts, before = session.counted(), session.failures.total()
    assert (counts.cost.get_wandb_logs()["cost/executor_calls"], before) == (3, 1)
    assert counts.calls.get_wandb_logs()["llm/executor/calls"] == 3
    assert counts.cost.get_wandb_logs()["cost/total_samples"] == 1


def test_the_user_s_collectors_hear_each_event_in_the_order_in_which_they_came():
    class Theirs:
        def __init__(self):
            self.heard = []

        def add(self, event):
            self.heard.append(event)

        def collect(self, _):
            return {}

    theirs = Theirs()
    session = Session(Config(collectors=(theirs,)))
    calls = [CALL._replace(role=role) for role in ("judge", "executor", "policy", "other")]
    for event in (*calls, ROLLOUT, CALL, UnmatchedReward("train", 1.0), ROLLOUT, Padded("train", 1), CALL):
        session.record(event)
    session.flush(Phase("train", 1))
    assert theirs.heard == [*calls, ROLLOUT, CALL, ROLLOUT, CALL]


def test_a_split_has_something_to_tell_as_soon_as_an_event_of_it_is_booked():
    session = Session(Config())
    session.record(CALL)
    session.record(ROLLOUT._replace(split="val"))
    session.counted()
    assert session._inbox.dirty == {"train", "val"}
