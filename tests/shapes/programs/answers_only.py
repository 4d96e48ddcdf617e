"""All rollouts first; the reward function is told the answer and the truth, and not what was asked."""

from tests.shapes.programs.world import ITEMS, STEPS, ask, is_right


class Executor:
    def execute(self, item):
        return ask(item["problem"])


class Trainer:
    def __init__(self):
        self.executor = Executor()

    def compute_reward(self, response, truth):
        return float(is_right(response, truth))

    def train_step(self, step):
        answers = [self.executor.execute(item) for item in ITEMS]
        for item, answer in zip(ITEMS, answers, strict=True):
            self.compute_reward(answer, item["ground_truth"])


def train(trainer):
    for step in range(1, STEPS + 1):
        trainer.train_step(step)


if __name__ == "__main__":
    train(Trainer())
