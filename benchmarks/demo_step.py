"""What telemetry adds to a watched step of the demo: 64 rollouts of three to four calls each, a judge among them.

Two trainers of the same seed ask the same and are told the same, so that a step with telemetry has its pair without.
They take turns in one process, each step in both orders, and each first makes steps that are not timed: Python forgets
what it has learnt about a class when a method of it is hooked, and a training is hooked once. What counts is the CPU
time of the thread that trains: the scripted server has threads of its own. What decides is counted in
`tests/lifecycle/test_work_of_a_rollout.py`, where no load of the machine disturbs.
Run: `python benchmarks/demo_step.py`.
"""

from __future__ import annotations

import asyncio
import gc
import tempfile
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

from figures import figure

from llm_telemetry import instrument
from llm_telemetry.demo.config import DemoConfig
from llm_telemetry.demo.models import CALM, demo_server
from llm_telemetry.demo.trainer import GRPOTrainer

if TYPE_CHECKING:
    from figures import Figure

PAIRS, WARM, UNTIMED = 8, 1, 3
"""Pairs of steps, those of them that only warm up, and steps before each that are not timed."""
ITEMS, GROUP = 16, 4


def seconds(loop: asyncio.AbstractEventLoop, trainer: GRPOTrainer, step: int) -> float:
    """Return the CPU seconds that this thread takes for a step."""
    gc.collect()
    began = time.thread_time()
    loop.run_until_complete(trainer.train_step(step))
    return time.thread_time() - began


def ratios() -> list[float]:
    """Return what each step takes with telemetry over the same step without."""
    told = []
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        url = stack.enter_context(demo_server(day=CALM)).base_url
        config = DemoConfig(url, batch_size=ITEMS, group_size=GROUP, workflow_timeout=60.0)
        plain, watched = GRPOTrainer(config), GRPOTrainer(config)
        stack.callback(plain.close)
        stack.callback(watched.close)
        loop = asyncio.new_event_loop()
        stack.callback(loop.close)
        for pair in range(PAIRS):
            took = {}
            for trainer in (plain, watched)[:: 1 if pair % 2 else -1]:
                with ExitStack() as watching:
                    if trainer is watched:
                        watching.enter_context(instrument(trainer, folder=folder, run=False, console=0))
                    for step in range(UNTIMED + 1):  # of the last one the time is kept
                        took[trainer is watched] = seconds(loop, trainer, (UNTIMED + 1) * pair + step + 1)
            told.append(took[True] / took[False])
    return told[WARM:]


def figures() -> list[Figure]:
    """Return what a step takes with telemetry over the same without."""
    meaning = (
        f"how much longer a step of {ITEMS * GROUP} rollouts keeps the CPU, with three to four calls each and a judge"
    )
    return [figure("a step of the demo", ratios(), "×", meaning)]


if __name__ == "__main__":
    for one in figures():
        print(one.what, one)
