"""Rewards of a batch as a tensor."""

import numpy as np

from tests.shapes.programs.world import ITEMS, STEPS, ask, is_right


class Tensor:
    """As much of a tensor as this needs: its truth cannot be asked for."""

    def __init__(self, values):
        self._values = np.array(values)
        self.shape = self._values.shape

    def tolist(self):
        return self._values.tolist()

    def __bool__(self):
        raise RuntimeError("Boolean value of Tensor with more than one value is ambiguous")


class Trainer:
    def __init__(self):
        self.reward_model = self.score_all

    def score_all(self, questions, answers, truths):
        return Tensor([float(is_right(answer, truth)) for answer, truth in zip(answers, truths, strict=True)])

    def execute_rollout(self, item):
        return ask(item["problem"])

    def train_step(self, step):
        answers = [self.execute_rollout(item) for item in ITEMS]
        questions, truths = [item["problem"] for item in ITEMS], [item["ground_truth"] for item in ITEMS]
        self.reward_model(questions, answers, truths)


def train(trainer):
    for step in range(1, STEPS + 1):
        trainer.train_step(step)


if __name__ == "__main__":
    train(Trainer())
