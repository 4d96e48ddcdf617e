"""The same with one dataset: it does not matter which rollout a reward belongs to."""

from tests.shapes.programs import nothing_told
from tests.shapes.programs.world import ITEMS, STEPS, ask, number_in


class Executor:
    def execute(self, item):
        return ask(item["problem"])


class Trainer(nothing_told.Trainer):
    def train_step(self, step):
        items = [item for item in ITEMS if item["source"] == "gsm8k"]
        answers = [int(number_in(self.executor.execute(item))) for item in items]
        for item, answer in zip(items, answers, strict=True):
            self.compute_reward(answer, int(item["ground_truth"]))


def train(trainer):
    for step in range(1, STEPS + 1):
        trainer.train_step(step)


if __name__ == "__main__":
    train(Trainer())
