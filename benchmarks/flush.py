"""What a flush costs: a step's rollouts are booked, then its payload is made and written to a JSONL, in CPU time.

Each of 64 rollouts has three calls of the executor, one of the judge, and one evaluation; the number of sources makes
the number of keys. The first flush in a minute asks genai-prices for each model's price besides, half a millisecond.

What counts is the CPU time of the flushing thread; no other thread of ours is there. Python looks for garbage whenever
there are so many objects more, 700 as a rule. A step's events are of one number, and with nothing else in the process
every flush would have such a look in it, or none. So other objects, of another number in each step, stand for what a
trainer makes.
"""

from __future__ import annotations

import gc
import random
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from figures import figure

from llm_telemetry.events import Call, Evaluation, Judged, Rollout, Usage
from llm_telemetry.runs.place import Place
from llm_telemetry.session.rollouts import Phase
from llm_telemetry.session.session import Session
from llm_telemetry.settings.config import Config
from llm_telemetry.sinks.jsonl import JsonlSink

if TYPE_CHECKING:
    from collections.abc import Iterator

    from figures import Figure

    from llm_telemetry.events import Event

ROLLOUTS, STEPS, WARM = 64, 100, 10
SOURCES = {100: 1, 1_000: 38}
"""Keys of a payload, about, and the sources that make them."""


def events(rng: random.Random, step: int, sources: int) -> Iterator[Event]:
    """Yield what is recorded in one step."""
    for number in range(ROLLOUTS):
        key, judged, source = (step, number), (-step, number), f"source_{number % sources}"
        group = f"{source} {number // sources // 4}"
        for role, count in (("executor", 3), ("judge", 1)):
            for _ in range(count):
                usage = Usage(rng.randrange(10, 500), rng.randrange(5, 300))
                of = judged if role == "judge" else None
                yield Call(
                    role, "train", source, "gpt-4o-mini", "gpt-4o-mini", usage, None, 0, rng.random(), True, key, of
                )
        right = rng.random() < 0.5  # noqa: PLR2004 - a coin
        answer = Judged(number + ROLLOUTS * step, rng.randrange(1, 2000), False)
        outcome = "correct" if right else "incorrect"
        yield Evaluation("train", source, outcome, None, False, attempts=1, rollout=key, key=judged, judged=answer)
        yield Rollout("train", source, float(right), failed=False, group=group, keys=(key,))


def flushes(sources: int) -> tuple[int, list[float]]:
    """Return the keys of a payload, and the CPU milliseconds of each flush."""
    rng, took = random.Random(1), []  # noqa: S311 - no secret
    others: list[list[None]] = []
    with tempfile.TemporaryDirectory() as folder:
        config = Config(folder=Path(folder), run=False)
        session = Session(config, [JsonlSink(Place(config, None))])
        for step in range(1, STEPS + WARM):
            others.clear()
            others.extend([] for _ in range(rng.randrange(gc.get_threshold()[0])))
            for event in events(rng, step, sources):
                session.record(event)
            session.counted()
            began = time.thread_time_ns()
            session.flush(Phase("train", step))
            took.append((time.thread_time_ns() - began) / 1e6)
        session.close()
        return len(session.latest["train"].values), took[WARM:]


def figures() -> list[Figure]:
    """Return what flushes of few and of many keys take."""
    told = []
    for about, sources in SOURCES.items():
        keys, took = flushes(sources)
        meaning = f"what the end of a step of {ROLLOUTS} rollouts takes, from the counts to the line in the JSONL"
        told.append(figure(f"a flush of some {about:,} keys ({keys})", took, "ms", meaning))
    return told


if __name__ == "__main__":
    for one in figures():
        print(one.what, one)
