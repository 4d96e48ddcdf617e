"""A loop that rolls out and rewards item by item, several samples of each, all in one thread."""

from tests.shapes.programs.world import ITEMS, STEPS, ask, is_right


class Agent:
    def run(self, question):
        return ask(question)


class Trainer:
    def __init__(self):
        self.agent = Agent()

    def compute_reward(self, answer, truth):
        return float(is_right(answer, truth))

    def train_step(self, step):
        for item in ITEMS:
            for _ in range(3):
                answer = self.agent.run(item["problem"])
                self.compute_reward(answer, item["ground_truth"])


def train(trainer):
    for step in range(1, STEPS + 1):
        trainer.train_step(step)


if __name__ == "__main__":
    train(Trainer())
