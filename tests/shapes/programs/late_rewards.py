"""Rewards a step late: what a step has rolled out is rewarded at the beginning of the next, as pipelines do."""

from tests.shapes.programs.world import ITEMS, STEPS, ask, is_right


class Trainer:
    def __init__(self):
        self.made = []

    def execute_rollout(self, item):
        return ask(item["problem"])

    def compute_reward(self, item, response):
        return float(is_right(response, item["ground_truth"]))

    def train_step(self, step):
        for item, answer in self.made:
            self.compute_reward(item, answer)
        self.made = [(item, self.execute_rollout(item)) for item in ITEMS] if step <= STEPS else []


def train(trainer):
    for step in range(1, STEPS + 2):
        trainer.train_step(step)


if __name__ == "__main__":
    train(Trainer())
