"""A trainer that validates after each step: its validation has numbers of its own."""

from tests.shapes.programs.world import ITEMS, STEPS, ask, is_right


class Trainer:
    def execute_rollout(self, item):
        return ask(item["problem"])

    def compute_reward(self, problem, response, truth):
        return float(is_right(response, truth))

    def try_all(self, items):
        for item in items:
            self.compute_reward(item["problem"], self.execute_rollout(item), item["ground_truth"])

    def train_step(self, step):
        self.try_all(ITEMS)

    def evaluate(self):
        self.try_all(ITEMS[:6])


def train(trainer):
    for step in range(1, STEPS + 1):
        trainer.train_step(step)
        trainer.evaluate()


if __name__ == "__main__":
    train(Trainer())
