"""Trajectories: all rollouts first, then all rewards, with the item one level down and no problem told."""

from dataclasses import dataclass, field

from tests.shapes.programs.world import ITEMS, STEPS, ask, is_right


@dataclass
class Trajectory:
    task: dict
    messages: list = field(default_factory=list)


class Runner:
    def run(self, task):
        said = ask(task["question"])
        return Trajectory(task, [{"role": "user", "content": task["question"]}, {"role": "assistant", "content": said}])


class Scorer:
    def score(self, trajectory):
        return float(is_right(trajectory.messages[-1]["content"], trajectory.task["answer"]))


class Trainer:
    def __init__(self):
        self.runner = Runner()
        self.scorer = Scorer()

    def train_step(self, step):
        tasks = [{"question": i["problem"], "answer": i["ground_truth"], "dataset": i["source"]} for i in ITEMS]
        trajectories = [self.runner.run(task) for task in tasks]
        return [self.scorer.score(trajectory) for trajectory in reversed(trajectories)]


def train(trainer):
    for step in range(1, STEPS + 1):
        trainer.train_step(step)


if __name__ == "__main__":
    train(Trainer())
