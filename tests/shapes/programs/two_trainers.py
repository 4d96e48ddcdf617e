"""Two trainers in one process, taking turns."""

from tests.shapes.programs.one_by_one import Trainer
from tests.shapes.programs.world import STEPS


class Pair:
    def __init__(self):
        self.both = Trainer(), Trainer()


def train(pair):
    for step in range(1, STEPS + 1):
        for trainer in pair.both:
            trainer.train_step(step)


if __name__ == "__main__":
    train(Pair())
