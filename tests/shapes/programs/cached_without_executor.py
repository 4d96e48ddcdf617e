"""Without an executor: a judgement that is kept, and asked for again for the same answer to the same problem."""

from tests.shapes.programs.world import ITEMS, JUDGE, JUDGE_MODEL, STEPS, ask


class Trainer:
    def __init__(self):
        self.known = {}

    def compute_reward(self, problem, response, truth, source):
        key = problem, response
        if key not in self.known:
            self.known[key] = self._judge(problem, response, truth)
        return self.known[key]

    def _judge(self, problem, response, truth):
        said = ask(f"{problem} truth: {truth} candidate: {response}", JUDGE_MODEL, JUDGE)
        return float("<true_false>True" in said)

    def train_step(self, step):
        self.known.clear()
        samples = [(item, ask(item["problem"])) for item in ITEMS for _ in range(2)]
        for _ in range(2):
            for item, answer in samples:
                words = " ".join(answer.split())  # another object each time
                self.compute_reward(item["problem"], words, item["ground_truth"], item["source"])


def train(trainer):
    for step in range(1, STEPS + 1):
        trainer.train_step(step)


if __name__ == "__main__":
    train(Trainer())
