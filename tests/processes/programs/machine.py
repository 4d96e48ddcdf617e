"""A trainer whose rollouts are made and judged on other machines: `machine.py owner STEPS`, `machine.py worker STEPS`.

They have nothing in common but a folder: the trainer leaves `go-STEP` in it, each worker `done-STEP-NAME`. What a
worker does in a step is `ROLLOUTS` rollouts; `worker STEPS kill` then kills itself without a word.
"""

import os
import signal
import socket
import sys
import time
from pathlib import Path

from tests.processes.programs import spawn_parts
from tests.processes.programs.spawn_parts import Executor, RewardComputer

ROLLOUTS = 3
WORKERS = 4
COMMON = Path("common")


def wait_for(ready):
    while not ready():
        time.sleep(0.01)


class Trainer:
    def __init__(self):
        self.executor = Executor()
        self.reward_computer = RewardComputer()

    def train_step(self, step):
        (COMMON / f"go-{step}").touch()
        wait_for(lambda: len(list(COMMON.glob(f"done-{step}-*"))) == WORKERS)


def work(step):
    wait_for((COMMON / f"go-{step}").exists)
    parts = (lambda: Executor.execute, lambda: RewardComputer.compute_reward, lambda: spawn_parts.ask_judge)
    wait_for(lambda: all(hasattr(part(), "__wrapped__") for part in parts))  # which, is said moments before step 1
    executor, rewarder = Executor(), RewardComputer()
    name = f"{socket.gethostname()}-{os.environ['WORKER']}"
    for number in range(ROLLOUTS):
        problem = f"{name} {step} {number}"
        rewarder.compute_reward(problem=problem, prediction=executor.execute(problem))
    (COMMON / f"done-{step}-{name}").touch()


def main(role, steps, *ending):
    trainer = Trainer() if role == "owner" else None
    for step in range(1, int(steps) + 1):
        if trainer:
            trainer.train_step(step)
        else:
            work(step)
    if ending:
        os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    main(*sys.argv[1:])
