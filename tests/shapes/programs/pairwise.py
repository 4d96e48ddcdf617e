"""Two answers to each problem are compared in both orders; each order gives a reward to both."""

from tests.shapes.programs.world import ITEMS, STEPS, ask, is_right


class Executor:
    def execute(self, problem):
        return {"problem": problem, "text": ask(problem)}


class Ranker:
    def compute_rewards(self, trajectories, truths):
        return [float(is_right(one["text"], truth)) for one, truth in zip(trajectories, truths, strict=True)]


class Trainer:
    def __init__(self):
        self.executor = Executor()
        self.grader = Ranker()

    def train_step(self, step):
        for item in ITEMS:
            first, second = self.executor.execute(item["problem"]), self.executor.execute(item["problem"])
            truths = [item["ground_truth"]] * 2
            self.grader.compute_rewards([first, second], truths)
            self.grader.compute_rewards([second, first], truths)


def train(trainer):
    for step in range(1, STEPS + 1):
        trainer.train_step(step)


if __name__ == "__main__":
    train(Trainer())
