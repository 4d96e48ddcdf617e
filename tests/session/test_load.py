"""Many names, many events, many threads: what is kept does not grow, and nobody's code runs under a lock of ours."""

import gc
import threading
import tracemalloc

import pytest

from llm_telemetry.events import Call, Rollout, Usage
from llm_telemetry.session.rollouts import Phase
from llm_telemetry.session.session import Session
from llm_telemetry.settings.config import Config

SOURCES = 10_000
THREADS = 256


class Latest:
    """Keeps the latest payload, and tells whether the session's lock was free when it came."""

    def __init__(self) -> None:
        self.payload = None
        self.lock_was_free = True
        self.session = None

    def write(self, payload) -> None:
        taken = self.session._inbox.turn._lock.acquire(blocking=False)
        if taken:
            self.session._inbox.turn._lock.release()
        self.lock_was_free &= taken
        self.payload = payload

    def close(self) -> None:
        """Nothing is open."""


def record(session: Session, step: int, rollouts: int) -> None:
    """Record rollouts of ever other sources, each with a call."""
    for number in range(rollouts):
        key, source = (step, number), f"source {(step * rollouts + number) % SOURCES}"
        session.record(Call("executor", "train", source, "m", f"m-{number}", Usage(1, 1), None, 0, 0.1, True, key))
        session.record(Rollout("train", source, 1.0, failed=False, group=number, keys=(key,)))


@pytest.mark.long
def test_what_is_kept_of_ten_thousand_sources_does_not_grow_with_the_steps():
    session = Session(Config(), [])
    kept = []
    tracemalloc.start()
    for step in range(1, 61):
        record(session, step, 500)
        session.flush(Phase("train", step))
        if step in (30, 60):
            gc.collect()
            kept.append(tracemalloc.get_traced_memory()[0])
    tracemalloc.stop()
    session.close()
    assert kept[1] < kept[0] * 1.05


@pytest.mark.long
def test_what_256_threads_record_is_counted_once_and_sinks_are_written_to_under_no_lock_of_the_counts():
    sink = Latest()
    session = sink.session = Session(Config(), [sink])
    threads = [threading.Thread(target=record, args=(session, n, 50)) for n in range(THREADS)]
    for thread in threads:
        thread.start()
    session.flush(Phase("train", 1), manual=True)
    for thread in threads:
        thread.join()
    session.flush(Phase("train", 2))
    session.close()
    assert sink.lock_was_free
    assert sink.payload.values["cost/executor_calls"] == sink.payload.values["cost/total_samples"] == THREADS * 50
