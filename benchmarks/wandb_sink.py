"""What the W&B sink adds to a trainer's `log`, and what handing it a payload of 60 keys costs; offline, in one process.

Three runs of one process take turns, call by call: one with the sink, one without, and one whose trainer logs the
payload's keys itself. What counts is the CPU time of the thread that logs, which is the trainer's: by the clock, a call
that waits for W&B's own threads and its service, or for another process on the machine, would be charged to whoever is
logging just then. What W&B does in those, with the trainer's keys as with ours, is in no figure here. Run it with
`python benchmarks/wandb_sink.py`.
"""

from __future__ import annotations

import gc
import tempfile
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import wandb
from figures import figure

from llm_telemetry.events import STEP_KEY, Payload
from llm_telemetry.sinks.wandb.sink import WandbSink

if TYPE_CHECKING:
    from collections.abc import Callable

    from figures import Figure

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


def milliseconds(call: Callable[[], Any]) -> float:
    """Return the milliseconds of CPU time that `call` takes in this thread."""
    began = time.thread_time_ns()
    call()
    return (time.thread_time_ns() - began) / 1e6


def row(number: int) -> dict[str, float]:
    """Return a row of the trainer."""
    return {f"train/key_{key}": number + key / 7 for key in range(TRAINER_KEYS)}


def measure(runs: dict[str, Any], sink: WandbSink, rounds: int) -> dict[str, list[float]]:
    """Return, round by round, the ratios of watched calls to others, and a payload's milliseconds."""
    told: dict[str, list[float]] = {"watched": [], "riding": [], "write": []}
    for number in range(rounds):
        rides, data, ours = number % ROWS_PER_STEP == 0, row(number), payload(number)
        if rides:
            told["write"].append(milliseconds(partial(sink.write, ours)))
        pair = {"watched": data, "whole": {**data, **ours.values}} if rides else {"watched": data, "alone": data}
        order = list(pair) if number // ROWS_PER_STEP % 2 else list(reversed(pair))
        took = {name: milliseconds(partial(runs[name].log, pair[name])) for name in order}
        told["riding" if rides else "watched"].append(took["watched"] / took["whole" if rides else "alone"])
    return told


def figures(rounds: int = 3000) -> list[Figure]:
    """Return what `log` takes with us: a row of the trainer's, one with a payload in it; and what a payload takes."""
    with tempfile.TemporaryDirectory() as folder:
        runs = {name: begin(folder) for name in ("alone", "watched", "whole")}
        sink = WandbSink(runs["watched"])
        sink.attach()
        measure(runs, sink, 200)
        gc.collect()
        told = measure(runs, sink, rounds)
        for run in runs.values():
            run.finish()
        wandb.teardown()
    return [
        figure("W&B's `log` of 20 keys", told["watched"], "×", "how much more of the trainer's thread a row takes"),
        figure(
            f"W&B's `log` with a payload of {OUR_KEYS} keys in it", told["riding"], "×",
            "the same for a row that brings a payload, over the same row logged by the trainer",
        ),
        figure(f"a payload of {OUR_KEYS} keys for W&B", told["write"], "ms", "what a flush takes longer with W&B"),
    ]  # fmt: skip


if __name__ == "__main__":
    for one in figures():
        print(one.what, one)
