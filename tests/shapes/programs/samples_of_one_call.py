"""An executor that samples several answers to one problem in one call."""

from tests.shapes.programs.world import ITEMS, STEPS, ask, is_right


class Sampler:
    def execute(self, problem, n):
        return [ask(problem) for _ in range(n)]


class Trainer:
    def __init__(self):
        self.executor = Sampler()

    def compute_reward(self, problem, response, truth):
        return float(is_right(response, truth))

    def train_step(self, step):
        for item in ITEMS:
            for answer in self.executor.execute(item["problem"], n=4):
                self.compute_reward(item["problem"], answer, item["ground_truth"])


def train(trainer):
    for step in range(1, STEPS + 1):
        trainer.train_step(step)


if __name__ == "__main__":
    train(Trainer())
