"""As ROLL: a reward worker returns a `DataProto` whose batch has rewards for responses and for tokens."""

import numpy as np

from tests.shapes.programs.verl_like import DataProto, WorkerGroup, column
from tests.shapes.programs.world import ITEMS, STEPS, is_right


class RewardWorker:
    def compute_rewards(self, data):
        rows = data.non_tensor_batch
        scores = [
            float(is_right(s, m["ground_truth"])) for s, m in zip(rows["said"], rows["reward_model"], strict=True)
        ]
        tokens = np.zeros(data.batch["responses"].shape)
        return DataProto({"token_level_rewards": tokens, "scores": np.array(scores)}, {})


class Pipeline:
    def __init__(self):
        self.infer = WorkerGroup()
        self.reward = RewardWorker()

    def train_step(self, step):
        rows = {
            "raw_prompt": column([[{"role": "user", "content": item["problem"]}] for item in ITEMS]),
            "domain": column([item["source"] for item in ITEMS]),
            "reward_model": column([{"ground_truth": item["ground_truth"]} for item in ITEMS]),
        }
        self.reward.compute_rewards(self.infer.generate_sequences(DataProto({}, rows)))


def train(trainer):
    for step in range(1, STEPS + 1):
        trainer.train_step(step)


if __name__ == "__main__":
    train(Pipeline())
