"""A batched executor: one call, a list of items, a list of answers; then one call for all rewards."""

from concurrent.futures import ThreadPoolExecutor

from tests.shapes.programs.world import ITEMS, STEPS, ask, is_right


class Engine:
    def run(self, samples):
        with ThreadPoolExecutor(4) as pool:
            return list(pool.map(ask, [sample["problem"] for sample in samples]))


class Rewards:
    def compute_rewards(self, samples, completions):
        return [float(is_right(c, s["ground_truth"])) for s, c in zip(samples, completions, strict=True)]


class Trainer:
    def __init__(self):
        self.engine = Engine()
        self.rewards = Rewards()

    def train_step(self, step):
        completions = self.engine.run(ITEMS)
        self.rewards.compute_rewards(ITEMS, completions)


def train(trainer):
    for step in range(1, STEPS + 1):
        trainer.train_step(step)


if __name__ == "__main__":
    train(Trainer())
