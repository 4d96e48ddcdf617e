"""Without an executor: a judge compares two answers to each problem in both orders, each order rewards both."""

from tests.shapes.programs.world import ITEMS, STEPS, ask, is_right


class Trainer:
    def compute_reward(self, problem, response_a, response_b, truth, source):
        return [float(is_right(one, truth)) for one in (response_a, response_b)]

    def train_step(self, step):
        for item in ITEMS:
            first, second = ask(item["problem"]), ask(item["problem"])
            for pair in ((first, second), (second, first)):
                self.compute_reward(item["problem"], *pair, item["ground_truth"], item["source"])


def train(trainer):
    for step in range(1, STEPS + 1):
        trainer.train_step(step)


if __name__ == "__main__":
    train(Trainer())
