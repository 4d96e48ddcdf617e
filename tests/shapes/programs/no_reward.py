"""A trainer whose rewards are computed where nobody can see it."""

from tests.shapes.programs.world import ITEMS, STEPS, ask, is_right


class Trainer:
    def __init__(self):
        self.advantages = []

    def execute_rollout(self, item):
        return ask(item["problem"])

    def train_step(self, step):
        self.advantages = [is_right(self.execute_rollout(item), item["ground_truth"]) - 0.5 for item in ITEMS]


def train(trainer):
    for step in range(1, STEPS + 1):
        trainer.train_step(step)


if __name__ == "__main__":
    train(Trainer())
