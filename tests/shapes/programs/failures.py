"""Rollouts that raise, and rollouts that say that they did not succeed; neither is rewarded."""

from tests.shapes.programs.world import ITEMS, STEPS, ask, is_right


class Executor:
    def execute(self, problem):
        if problem.startswith("What is 2 "):
            raise TimeoutError
        return {"answer": ask(problem), "success": not problem.startswith("What is 3 ")}


class Trainer:
    def __init__(self):
        self.executor = Executor()

    def compute_reward(self, problem, response, truth):
        return float(is_right(response, truth))

    def train_step(self, step):
        for item in ITEMS:
            try:
                made = self.executor.execute(item["problem"])
            except TimeoutError:
                continue
            if made["success"]:
                self.compute_reward(item["problem"], made["answer"], item["ground_truth"])


def train(trainer):
    for step in range(1, STEPS + 1):
        trainer.train_step(step)


if __name__ == "__main__":
    train(Trainer())
