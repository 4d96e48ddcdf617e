"""A batch as a dict of columns, with the dataset in `extra_info`, on its way through executor and reward."""

from tests.shapes.programs.world import ITEMS, STEPS, ask, is_right


class Rollouts:
    def execute(self, batch):
        return {**batch, "response": [ask(prompt) for prompt in batch["prompt"]]}


class RewardManager:
    def compute_rewards(self, batch):
        return {"rewards": [is_right(r, t) for r, t in zip(batch["response"], batch["truth"], strict=True)]}


class Trainer:
    def __init__(self):
        self.rollouts = Rollouts()
        self.reward_manager = RewardManager()

    def train_step(self, step):
        batch = {
            "prompt": [item["problem"] for item in ITEMS],
            "truth": [item["ground_truth"] for item in ITEMS],
            "extra_info": [{"source": item["source"]} for item in ITEMS],
        }
        self.reward_manager.compute_rewards(self.rollouts.execute(batch))


def train(trainer):
    for step in range(1, STEPS + 1):
        trainer.train_step(step)


if __name__ == "__main__":
    train(Trainer())
