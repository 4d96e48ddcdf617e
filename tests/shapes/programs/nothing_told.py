"""All rollouts first; the reward function is given numbers that say nothing of where they come from."""

from tests.shapes.programs.world import ITEMS, STEPS, ask, number_in


class Executor:
    def execute(self, item):
        return ask(item["problem"])


class Trainer:
    def __init__(self):
        self.executor = Executor()

    def compute_reward(self, said, truth):
        return float(said == truth)

    def train_step(self, step):
        answers = [int(number_in(self.executor.execute(item))) for item in ITEMS]
        for item, answer in zip(ITEMS, answers, strict=True):
            self.compute_reward(answer, int(item["ground_truth"]))


def train(trainer):
    for step in range(1, STEPS + 1):
        trainer.train_step(step)


if __name__ == "__main__":
    train(Trainer())
