"""Many writers, one owner: what an event costs the owner, how late it counts, what memory it takes.

2,000 writers with 100 events a second each make 200,000 events for each second of training. One machine cannot run
2,000 processes, so their files are written beforehand, second by second, and the owner takes each second's share as it
would at the end of a step: what it costs is measured, who waits for what is computed from that (docs/scale.md). CPU
time, not wall time. Run: `python benchmarks/scale.py`.
"""

from __future__ import annotations

import json
import os
import resource
import statistics
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from llm_telemetry.events import Call, Evaluation, Judged, Usage
from llm_telemetry.session.copies import put
from llm_telemetry.session.foreign import told_of
from llm_telemetry.session.reader import SpoolReader
from llm_telemetry.session.rollouts import OpenRollout, fresh_id
from llm_telemetry.session.session import Session
from llm_telemetry.session.spool import ForwardedRollouts, SpoolWriter
from llm_telemetry.session.writers import Writer
from llm_telemetry.settings.config import Config

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WRITERS, RATE, SECONDS = 2_000, 100, 3
"""Processes, events of each in a second, seconds."""
STEP_WRITERS, STEP_EVENTS = 512, 8
"""Workers of a step, and events of each: two rollouts, each executed, judged by one call, and rewarded."""
STEP_ROLLOUTS = 2
PIECES = 2_000
CALL = Call(
    "judge",
    "train",
    "math",
    "gpt-4o-mini",
    "gpt-4o-mini",
    Usage(300, 20),
    None,
    0,
    0.5,
    rollout=(7, 1),
    evaluation=(7, 2),
)
VERDICT = Evaluation("train", "math", "correct", None, disagreed=False, rollout=(7, 1), key=(7, 2))


class Cost(NamedTuple):
    """What a piece of work has taken."""

    cpu: float
    """Seconds."""
    wall: float
    """Seconds; a busy machine makes it longer."""


def cost_of(work: Callable[[], object]) -> Cost:
    """Do some work and return what it took."""
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return Cost(time.process_time() - cpu, time.perf_counter() - wall)


def lines_of(events: int) -> bytes:
    """Return what a worker writes: calls and evaluations by turns."""
    told = [["call", told_of(CALL)], ["evaluation", told_of(VERDICT)]]
    return b"".join(json.dumps(told[number % 2]).encode() + b"\n" for number in range(events))


def owner_of(folder: Path) -> Session:
    """Return an owner that reads a folder."""
    session = Session(Config(run=False, jsonl=False))
    session.children = SpoolReader(folder)
    return session


def write_all(files: list[Path], data: bytes) -> None:
    """Append the same to all files, which are closed to others."""
    for path in files:
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(file, data)
        os.close(file)


def steps_of(writers: int, events: int, steps: int) -> Iterator[Cost]:
    """Yield what each step's end costs an owner whose writers have written so many events each."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        files = [folder / Writer(number + 1, "aa", f"{number:x}").name for number in range(writers)]
        owner, data = owner_of(folder), lines_of(events)
        for step in range(1, steps + 1):
            write_all(files, data)
            yield cost_of(lambda step=step: owner.end_window(step))
        counted = owner.counted().judge.state()
        assert counted["train"] == writers * steps * (events // 2), counted


def told_steps_of(tell: Callable[[ForwardedRollouts, int], None], steps: int) -> Iterator[Cost]:
    """Yield the same of `STEP_WRITERS`, each of which has told of `STEP_ROLLOUTS` in this way."""
    with tempfile.TemporaryDirectory() as name:
        tellers = [ForwardedRollouts(SpoolWriter(Path(name))) for _ in range(STEP_WRITERS)] * STEP_ROLLOUTS
        owner = owner_of(Path(name))
        for step in range(1, steps + 1):
            for number, teller in enumerate(tellers):
                tell(teller, step * len(tellers) + number)
            yield cost_of(lambda step=step: owner.end_window(step))
            assert owner.latest["train"].values["dataset/count"] == len(tellers)


def reward_alone(teller: ForwardedRollouts, number: int) -> None:
    """Tell of a reward without an execution, as verl's workers do."""
    teller.rewarded(OpenRollout("train", None, "math", number), None, 1.0)


def whole_rollout(teller: ForwardedRollouts, number: int) -> None:
    """Tell all five events of a rollout: executed by one call, judged by one call, rewarded."""
    rollout, judging = OpenRollout("train", None, "math", number), fresh_id()
    judged = Judged(number, 120, degenerate=False)
    verdict = VERDICT._replace(rollout=rollout.key, key=judging, judge="llm_judge", attempts=1, judged=judged)
    tell = teller._writer.record
    tell(CALL._replace(role="executor", rollout=rollout.key, evaluation=None))
    teller.executed(rollout, failed=False)
    tell(CALL._replace(rollout=rollout.key, evaluation=judging))
    tell(verdict)
    teller.rewarded(rollout, rollout, 1.0)


def memory() -> float:
    """Return the largest memory of this process so far, in MB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def show_owner() -> None:
    """Print what the owner pays for many writers."""
    before = memory()
    costs = list(steps_of(WRITERS, RATE, SECONDS))
    events = WRITERS * RATE
    cpu = statistics.median(cost.cpu for cost in costs)
    print(f"{WRITERS:,} writers x {RATE} events/s: {cpu / events * 1e6:.1f} µs CPU an event, {cpu:.1f} s a second's")
    print(
        f"  worth of events; lines of {len(lines_of(2)) // 2} bytes; memory {before:.0f} -> {memory():.0f} MB at most"
    )
    print(f"  so one owner takes {events / cpu:,.0f} events/s, and is never behind below that")


def show_step() -> None:
    """Print what the end of a step costs with many workers."""
    costs = sorted(cost.cpu for cost in steps_of(STEP_WRITERS, STEP_EVENTS, 9))
    idle = sorted(cost.cpu for cost in steps_of(STEP_WRITERS, 0, 9))
    middle = statistics.median(costs)
    print(
        f"{STEP_WRITERS} writers, {STEP_EVENTS} events each, one step: {middle * 1e3:.0f} ms CPU ({costs[0] * 1e3:.0f}"
    )
    print(f"  to {costs[-1] * 1e3:.0f}); with nothing new in any file {statistics.median(idle) * 1e3:.1f} ms")
    for tell in (reward_alone, whole_rollout):
        cpu = statistics.median(cost.cpu for cost in told_steps_of(tell, 9))
        print(f"  {STEP_ROLLOUTS} times {tell.__name__} each: {cpu * 1e3:.0f} ms")


def show_pieces() -> None:
    """Print what the collector pays for a push, and what a worker pays for an event."""
    with tempfile.TemporaryDirectory() as name:
        data, path = lines_of(STEP_EVENTS), Writer(1, "aa", "0").name
        cost = cost_of(lambda: [put(Path(name), path, number * len(data), data) for number in range(PIECES)])
        writer = SpoolWriter(Path(name) / "spool")
        event = cost_of(lambda: [writer.record(CALL) for _ in range(PIECES)])
    print(f"collector: {cost.cpu / PIECES * 1e6:.0f} µs CPU a push of {len(data)} bytes, Ray's own share not counted")
    print(f"worker: {event.cpu / PIECES * 1e6:.0f} µs CPU an event, one system call")


if __name__ == "__main__":
    show_pieces()
    show_step()
    show_owner()
