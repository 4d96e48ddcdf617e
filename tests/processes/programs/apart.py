"""One of two ranks, one of which trains and validates before the other: `apart.py NUMBER FIRST`.

They have nothing in common but files by which they wait for each other. Where rank 0 is the first, its validation goes
on until the other one has trained, and is over when that one validates.
"""

import sys
import time
from pathlib import Path

from llm_telemetry import instrument
from tests.support.mocking import chat, openai_api
from tests.support.trainers import Trainer

TRAINED, VALIDATED = 3, 2
"""Rewards, each by a judge, of each rank in a training step and in a validation."""
WAITS = {
    ("0", "train", "1"): "validated-1",
    ("1", "train", "0"): "validating-0",
    ("0", "end its validation", "0"): "trained-1",
    ("1", "validate", "0"): "validated-0",
    **{("0", "end", first): "done-1" for first in "01"},
}
"""What a rank waits for: its number, what it is about to do, who is the first."""


class Rank(Trainer):
    def __init__(self, number, first):
        super().__init__()
        self.number, self.first = number, first

    def wait_to(self, do):
        name = WAITS.get((self.number, do, self.first))
        while name and not Path(name).exists():
            time.sleep(0.01)

    def tell(self, what):
        Path(f"{what}-{self.number}").touch()

    def reward(self, times):
        for number in range(times):
            self.reward_computer.compute_reward(problem=f"{number} + 1?", prediction="4", ground_truth="4")

    def train_step(self, step):
        self.wait_to("train")
        self.reward(TRAINED)
        self.tell("trained")

    def evaluate_on_val_set(self, num_samples):
        self.tell("validating")
        self.reward(VALIDATED)
        self.wait_to("end its validation")

    def train(self):
        self.train_step(1)
        self.wait_to("validate")
        self.evaluate_on_val_set(1)
        self.tell("validated")


def main(number, first):
    with openai_api() as api:
        api.post("/chat/completions").mock(side_effect=lambda request: chat("true"))
        trainer = Rank(number, first)
        with instrument(trainer, console=0, run=False):
            trainer.train()
            trainer.wait_to("end")
        trainer.tell("done")


if __name__ == "__main__":
    main(*sys.argv[1:])
