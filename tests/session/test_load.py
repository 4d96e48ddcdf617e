"""A million events of ten thousand sources by 256 threads: all counted, in memory that does not grow."""

import gc
import sys
import threading
from collections import Counter

import pytest

from llm_telemetry.events import Call, Rollout, Usage
from llm_telemetry.session.inbox import MOST
from llm_telemetry.session.rollouts import Phase
from llm_telemetry.session.session import Session
from llm_telemetry.settings.config import Config

SOURCES, THREADS, STEPS, ROLLOUTS = 10_000, 256, 10, 196
"""Rollouts are those of a thread in a step, each with a call: 1,003,520 events in all."""
ALL = THREADS * STEPS * ROLLOUTS
PRICES = {"m": {"input": 1.0, "output": 2.0}}
SLACK = 1_000
"""Blocks of memory that may come and go; from the middle to the end there are half a million events."""


class Theirs:
    """A collector, a sink and a threshold of the user's, which look whether they are in a lock of ours."""

    def __init__(self):
        self.session, self.in_a_lock = None, False
        self.heard, self.told = Counter(), Counter()
        self.last = {}

    def look(self):
        self.in_a_lock |= self.session._inbox.turn.is_mine or self.session.rollouts._lock._is_owned()

    def threshold(self, reward):
        self.look()
        return reward == 1

    def add(self, event):
        self.look()
        self.heard[type(event)] += 1

    def collect(self, split):
        self.look()
        return {"own/rollouts": self.heard[Rollout]}

    def write(self, payload):
        self.look()
        self.told.update({key: n for key, n in payload.values.items() if key.startswith("dataset/")})
        self.last = payload.values

    def close(self):
        """Nothing is open."""


def record(session, number):
    """Record a thread's rollouts of a step, each of another source, with a call."""
    for one in range(number * ROLLOUTS, (number + 1) * ROLLOUTS):
        key, source = (number, one), f"source {one % SOURCES}"
        session.record(Call("executor", "train", source, "m", "m", Usage(3, 1), None, 0, 0.1, True, key))
        session.record(Rollout("train", source, 1.0, failed=False, group=one, keys=(key,)))


def blocks():
    """Return how many blocks of memory Python's objects have, the garbage collected."""
    gc.collect()
    return sys.getallocatedblocks()


@pytest.mark.long
def test_a_million_events_of_ten_thousand_sources_by_256_threads_are_counted_in_memory_that_does_not_grow():
    theirs, memory, most = Theirs(), [], 0
    session = theirs.session = Session(
        Config(prices=PRICES, collectors=(theirs,), threshold=theirs.threshold), [theirs]
    )
    for step in range(STEPS):
        numbers = range(step * THREADS, (step + 1) * THREADS)
        threads = [threading.Thread(target=record, args=(session, number)) for number in numbers]
        for thread in threads:
            thread.start()
        for thread in threads[:: THREADS // 4]:
            most = max(most, len(session._inbox.waiting))
            session.flush(Phase("train", step), manual=True)
            thread.join()
        for thread in threads:
            thread.join()
        session.flush(Phase("train", step))
        memory.append(blocks())
    session.close()
    assert not theirs.in_a_lock
    assert most < 6 * MOST
    assert theirs.heard == {Call: ALL, Rollout: ALL}
    by_source = [n for key, n in theirs.told.items() if key.endswith("/count") and key.count("/") == 2]
    assert (theirs.told["dataset/count"], sum(by_source), len(by_source)) == (ALL, ALL, 65)
    assert theirs.told["dataset/unscored"] == 0
    assert theirs.last["own/rollouts"] == theirs.last["cost/executor_calls"] == theirs.last["cost/total_samples"] == ALL
    assert theirs.last["cost/total_cost"] == ALL * (3 * PRICES["m"]["input"] + PRICES["m"]["output"]) / 1e6
    assert max(memory[STEPS // 2 :]) - memory[STEPS // 2 - 1] < SLACK
