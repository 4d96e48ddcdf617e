"""A reward function that returns a number for each criterion, and nobody says what they come to."""

from tests.shapes.programs.world import ITEMS, STEPS, ask, is_right


class Trainer:
    def execute_rollout(self, item):
        return ask(item["problem"])

    def compute_reward(self, problem, response, truth):
        return [float(is_right(response, truth)), 1.0]

    def train_step(self, step):
        for item in ITEMS:
            self.compute_reward(item["problem"], self.execute_rollout(item), item["ground_truth"])


def train(trainer):
    for step in range(1, STEPS + 1):
        trainer.train_step(step)


if __name__ == "__main__":
    train(Trainer())
