"""As verl: a `DataProto` goes round, and the reward manager returns a tensor with a number for each token."""

import numpy as np

from tests.shapes.programs.world import ITEMS, STEPS, ask, is_right


class DataProto:
    def __init__(self, batch, non_tensor_batch):
        self.batch = batch
        self.non_tensor_batch = non_tensor_batch
        self.meta_info = {}

    def __len__(self):
        return len(self.non_tensor_batch["data_source"])


def column(values):
    """Return an array of objects, as verl's collate function makes them."""
    array = np.empty(len(values), dtype=object)
    array[:] = values
    return array


class WorkerGroup:
    def generate_sequences(self, prompts):
        said = [ask(chat[0]["content"]) for chat in prompts.non_tensor_batch["raw_prompt"]]
        return DataProto({"responses": np.zeros((len(said), 5))}, {**prompts.non_tensor_batch, "said": column(said)})


class NaiveRewardManager:
    def __call__(self, data):
        rewards = np.zeros(data.batch["responses"].shape)
        rows = data.non_tensor_batch
        for i, (said, model) in enumerate(zip(rows["said"], rows["reward_model"], strict=True)):
            rewards[i, -1] = is_right(said, model["ground_truth"])
        return rewards


class RayPPOTrainer:
    def __init__(self):
        self.actor_rollout_wg = WorkerGroup()
        self.reward_fn = NaiveRewardManager()

    def train_step(self, step):
        chats = [[{"role": "user", "content": item["problem"]}] for item in ITEMS]
        rows = {
            "raw_prompt": column(chats),
            "data_source": column([item["source"] for item in ITEMS]),
            "reward_model": column([{"ground_truth": item["ground_truth"]} for item in ITEMS]),
        }
        self.reward_fn(self.actor_rollout_wg.generate_sequences(DataProto({}, rows)))


def train(trainer):
    for step in range(1, STEPS + 1):
        trainer.train_step(step)


if __name__ == "__main__":
    train(RayPPOTrainer())
