"""A trainer that never says where an item comes from: problems and truths, and nothing else."""

from tests.shapes.programs.world import ITEMS, STEPS, ask, is_right


class Executor:
    def execute(self, problem):
        return ask(problem)


class Grader:
    def score(self, problem, prediction, truth):
        return is_right(prediction, truth)


class Trainer:
    def __init__(self):
        self.executor = Executor()
        self.grader = Grader()

    def train_step(self, step):
        for item in ITEMS:
            answer = self.executor.execute(item["problem"])
            self.grader.score(item["problem"], answer, item["ground_truth"])


def train(trainer):
    for step in range(1, STEPS + 1):
        trainer.train_step(step)


if __name__ == "__main__":
    train(Trainer())
