"""A pool of threads in the reward computer, in which an LLM judges each answer."""

from concurrent.futures import ThreadPoolExecutor

from tests.shapes.programs.world import ITEMS, JUDGE, JUDGE_MODEL, STEPS, ask


class RewardComputer:
    def __init__(self):
        self.pool = ThreadPoolExecutor(4)

    def compute_rewards(self, problems, predictions, truths):
        return list(self.pool.map(self._judge, problems, predictions, truths))

    def _judge(self, problem, prediction, truth):
        said = ask(f"{problem} truth: {truth} candidate: {prediction}", JUDGE_MODEL, JUDGE)
        return float("<true_false>True" in said)


class Trainer:
    def __init__(self):
        self.reward_computer = RewardComputer()

    def execute_rollout(self, item):
        return ask(item["problem"])

    def train_step(self, step):
        answers = [self.execute_rollout(item) for item in ITEMS]
        problems, truths = [item["problem"] for item in ITEMS], [item["ground_truth"] for item in ITEMS]
        self.reward_computer.compute_rewards(problems, answers, truths)


def train(trainer):
    for step in range(1, STEPS + 1):
        trainer.train_step(step)


if __name__ == "__main__":
    train(Trainer())
