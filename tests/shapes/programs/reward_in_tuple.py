"""A reward function that returns what it saw, and then the reward."""

from tests.shapes.programs.world import ITEMS, STEPS, ask, is_right


class Trainer:
    def execute_rollout(self, item):
        return ask(item["problem"])

    def compute_reward(self, problem, response, truth):
        return {"length": len(response)}, float(is_right(response, truth))

    def train_step(self, step):
        for item in ITEMS:
            self.compute_reward(item["problem"], self.execute_rollout(item), item["ground_truth"])


def train(trainer):
    for step in range(1, STEPS + 1):
        trainer.train_step(step)


if __name__ == "__main__":
    train(Trainer())
