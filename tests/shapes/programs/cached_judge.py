"""A reward that is computed once for all, and asked for again, from a cache, where it is needed."""

from tests.shapes.programs.world import ITEMS, JUDGE, JUDGE_MODEL, STEPS, ask


class Grader:
    def __init__(self):
        self.known = {}

    def compute_reward(self, problem, prediction, truth):
        key = problem, prediction
        if key not in self.known:
            self.known[key] = self._judge(problem, prediction, truth)
        return self.known[key]

    def _judge(self, problem, prediction, truth):
        said = ask(f"{problem} truth: {truth} candidate: {prediction}", JUDGE_MODEL, JUDGE)
        return float("<true_false>True" in said)


class Trainer:
    def __init__(self):
        self.grader = Grader()

    def run_workflow(self, item):
        return ask(item["problem"])

    def train_step(self, step):
        self.grader.known.clear()
        answers = [self.run_workflow(item) for item in ITEMS]
        for _ in range(2):
            for item, answer in zip(ITEMS, answers, strict=True):
                self.grader.compute_reward(item["problem"], answer, item["ground_truth"])


def train(trainer):
    for step in range(1, STEPS + 1):
        trainer.train_step(step)


if __name__ == "__main__":
    train(Trainer())
