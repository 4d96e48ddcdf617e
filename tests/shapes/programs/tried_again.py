"""Rollouts that raise now and then, and are tried again by the trainer."""

from tests.shapes.programs.world import ITEMS, STEPS, ask, is_right


class Executor:
    def __init__(self):
        self.calls = 0

    def execute(self, problem):
        self.calls += 1
        if self.calls % 6 == 0:
            raise TimeoutError(f"no sandbox for {problem}")
        return ask(problem)


class Trainer:
    def __init__(self):
        self.executor = Executor()

    def compute_reward(self, problem, response, truth):
        return float(is_right(response, truth))

    def attempt(self, problem, times=3):
        try:
            return self.executor.execute(problem)
        except TimeoutError:
            if times == 1:
                raise
        return self.attempt(problem, times - 1)

    def train_step(self, step):
        for item in ITEMS:
            self.compute_reward(item["problem"], self.attempt(item["problem"]), item["ground_truth"])


def train(trainer):
    for step in range(1, STEPS + 1):
        trainer.train_step(step)


if __name__ == "__main__":
    train(Trainer())
