"""A trainer whose steps are random schedules of what may happen to its actors, on this machine and on another one.

Each step's line, as JSON, has what was done, and how many rewards of the run should have been counted by its end:
`python -m … COUNT SEED`.
"""

import contextlib
import json
import os
import random
import signal
import sys
import threading
import time
from pathlib import Path

import ray

import llm_telemetry.ray
from llm_telemetry import instrument
from llm_telemetry.processes.nodes import NAMESPACE

WORKERS = ("far", "far", "here")
ACTIONS = {
    "work": 6,
    "killed at rest": 1,
    "killed before it tells": 1,
    "killed when it has told": 2,
    "collector killed": 1,
    "pushed again": 2,
    "pushed later": 2,
    "the late push comes": 2,
}
"""How likely each of them is."""
LENGTH = 8


def told():
    """How much this worker has told."""
    files = Path(os.environ["LLM_TELEMETRY_CHILDREN"]).glob(f"{os.getpid()}-*.jsonl")
    return sum(file.stat().st_size for file in files)


def die(when):
    """Kill this process: at once, or when it has told more than by now."""
    before = told()
    while when == "killed when it has told" and told() == before:
        time.sleep(0.0005)
    os.kill(os.getpid(), signal.SIGKILL)


class Rewarder:
    def compute_reward(self, problem, prediction, source, fate=None):
        if fate == "killed when it has told":
            threading.Thread(target=die, args=(fate,), daemon=True).start()
        elif fate:
            die(fate)
        return 1.0


def started(place):
    """Start a worker."""
    where = {"resources": {os.environ["FAR"]: 0.001}} if place == "far" else {"resources": {"here": 0.001}}
    return ray.remote(Rewarder).options(num_cpus=0, **where).remote()


class Trainer:
    def __init__(self, rng):
        self.rng = rng
        self.rewarders = [started(place) for place in WORKERS]
        self.problems = 0
        self.rewards = 0
        self.late = []

    def reward(self, index, fate=None):
        """Have something rewarded that nobody has seen before."""
        self.problems += 1
        return self.rewarders[index].compute_reward.remote(str(self.problems), "x", "sums", fate)

    def replace(self, index):
        self.rewarders[index] = started(WORKERS[index])

    def collector(self):
        return ray.get_actor(Path(os.environ["LLM_TELEMETRY_CHILDREN"]).name, namespace=NAMESPACE)

    def piece(self):
        """A piece of a file of the other machine, from anywhere to its end."""
        folder = Path(os.environ["FAR_FOLDER"]) / Path(os.environ["LLM_TELEMETRY_CHILDREN"]).name
        with contextlib.suppress(IndexError, FileNotFoundError):
            data = (file := self.rng.choice(sorted(folder.glob("*.jsonl")))).read_bytes()
            at = self.rng.randint(0, len(data))
            return file.name, at, data[at:], "0"
        return None

    def do(self, action):
        index = self.rng.randrange(len(WORKERS))
        if action == "work":
            at = [self.rng.randrange(len(WORKERS)) for _ in range(self.rng.randint(1, 4))]
            self.rewards += sum(map(bool, ray.get([self.reward(index) for index in at])))
        elif action == "killed at rest":
            ray.kill(self.rewarders[index])
            self.replace(index)
        elif action.startswith("killed"):
            with contextlib.suppress(ray.exceptions.RayError):
                ray.get(self.reward(index, action))
            self.rewards += action == "killed when it has told"
            self.replace(index)
        elif action == "collector killed":
            ray.kill(self.collector(), no_restart=False)
        elif action == "the late push comes" and self.late:
            ray.get(self.collector().put.remote(*self.late.pop(0)))
        elif action.startswith("pushed") and (piece := self.piece()) is not None:
            self.late.append(piece)
            if action == "pushed again":
                ray.get([self.collector().put.remote(*self.late[-1]) for _ in range(2)])

    def train_step(self, step):
        actions = self.rng.choices([*ACTIONS], weights=ACTIONS.values(), k=LENGTH)
        for action in actions:
            self.do(action)
        self.rewards += len(
            ray.get([self.reward(index) for index in range(len(WORKERS))])
        )  # brings what dead ones left
        return actions


def main(count, seed):
    ray.init(address="auto", log_to_driver=False, runtime_env=llm_telemetry.ray.runtime_env())
    trainer = Trainer(random.Random(int(seed)))
    with instrument(trainer, console=0):
        for step in range(1, int(count) + 1):
            actions = trainer.train_step(step)
            sys.stdout.write(json.dumps({"rewards": trainer.rewards, "actions": actions}) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
