"""A reward function that is handed to the trainer, and kept on an attribute."""

from tests.shapes.programs.world import ITEMS, STEPS, ask, is_right


def grade(completion, truth, **_):
    """Grade one completion."""
    return float(is_right(completion, truth))


class Trainer:
    def __init__(self, reward_fn=grade):
        self.reward_fn = reward_fn

    def rollout(self, item):
        return ask(item["problem"])

    def train_step(self, step):
        for item in ITEMS:
            completion = self.rollout(item)
            self.reward_fn(completion=completion, truth=item["ground_truth"], data_source=item["source"])


def train(trainer):
    for step in range(1, STEPS + 1):
        trainer.train_step(step)


if __name__ == "__main__":
    train(Trainer())
