"""A trainer that calls the model where it needs it: rollouts are known by their rewards."""

from tests.shapes.programs.world import ITEMS, STEPS, ask, is_right


class Trainer:
    def compute_reward(self, problem, response, truth, source):
        return float(is_right(response, truth))

    def train_step(self, step):
        for item in ITEMS:
            for _ in range(2):
                said = ask(item["problem"])
                self.compute_reward(item["problem"], said, item["ground_truth"], item["source"])


def train(trainer):
    for step in range(1, STEPS + 1):
        trainer.train_step(step)


if __name__ == "__main__":
    train(Trainer())
