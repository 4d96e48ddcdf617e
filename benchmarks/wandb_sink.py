"""What the W&B sink adds to a trainer's `log`, and what a flush of 60 keys costs; offline, in one process.

Two runs of one process take turns, call by call, one with the sink and one without: what disturbs the machine
disturbs both. Run it with `python benchmarks/wandb_sink.py [rounds]`.
"""

from __future__ import annotations

import gc
import statistics
import sys
import tempfile
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import wandb

from llm_telemetry.events import STEP_KEY, Payload
from llm_telemetry.sinks.wandb.sink import WandbSink

if TYPE_CHECKING:
    from collections.abc import Callable

TRAINER_KEYS = 20
OUR_KEYS = 60
ROWS_PER_STEP = 10


def begin(folder: str) -> Any:
    """Begin a quiet offline run that is not `wandb.run`."""
    settings = wandb.Settings(console="off", silent=True, x_disable_meta=True, x_disable_stats=True)
    return wandb.init(project="p", mode="offline", dir=folder, reinit="create_new", settings=settings)


def payload(step: int) -> Payload:
    """Return a payload of 60 keys, 10 of them totals."""
    values = {f"dataset/source_{number}/accuracy": step + number / 7 for number in range(OUR_KEYS - 11)}
    totals = {f"cost/total_{number}": step * 0.01 for number in range(10)}
    return Payload(step, "train", {STEP_KEY: step, **values, **totals}, totals, 0.0)


def seconds(call: Callable[[], Any]) -> float:
    """Return the seconds that `call` takes."""
    began = time.perf_counter()
    call()
    return time.perf_counter() - began


def row(number: int) -> dict[str, float]:
    """Return a row of the trainer."""
    return {f"train/key_{key}": number + key / 7 for key in range(TRAINER_KEYS)}


def measure(alone: Any, watched: Any, sink: WandbSink, rounds: int) -> dict[str, list[float]]:
    """Return the seconds of each call: the trainer's, alone and watched, with and without a row riding; a flush."""
    times: dict[str, list[float]] = {"alone": [], "watched": [], "riding": [], "flush": []}
    for number in range(rounds):
        data, rides = row(number), number % ROWS_PER_STEP == 0
        if rides:
            times["flush"].append(seconds(partial(sink.write, payload(number))))
        pair = [("alone", alone), ("riding" if rides else "watched", watched)]
        for name, run in pair if number % 2 else reversed(pair):
            times[name].append(seconds(partial(run.log, data)))
    return times


def show(times: dict[str, list[float]]) -> None:
    """Print medians and means in microseconds, and the ratios."""
    for name, values in times.items():
        middle, mean = statistics.median(values) * 1e6, statistics.fmean(values) * 1e6
        print(f"{name:8} p50 {middle:7.0f} µs   mean {mean:7.0f} µs   n={len(values)}")
    ratio = statistics.median(times["watched"]) / statistics.median(times["alone"])
    print(f"a trainer's log, watched / alone (p50): {ratio:.3f}")
    whole = sum(times["watched"] + times["riding"] + times["flush"]) / sum(times["alone"])
    print(f"all of it, {ROWS_PER_STEP} rows to a flush of {OUR_KEYS} keys (sums): {whole:.3f}")


def main(rounds: int = 4000) -> None:
    """Run the benchmark."""
    with tempfile.TemporaryDirectory() as folder:
        alone, watched = begin(folder), begin(folder)
        sink = WandbSink(watched)
        sink.attach()
        measure(alone, watched, sink, 200)
        gc.collect()
        show(measure(alone, watched, sink, rounds))
        alone.finish()
        watched.finish()
        wandb.teardown()


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
