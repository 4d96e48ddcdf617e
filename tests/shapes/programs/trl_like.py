"""Reward functions as TRL calls them: lists of prompts and completions, and every column of the dataset."""

from tests.shapes.programs.world import ITEMS, STEPS, ask, is_right


def accuracy_reward(prompts, completions, ground_truth, **_):
    """Reward each completion."""
    return [float(is_right(c[0]["content"], truth)) for c, truth in zip(completions, ground_truth, strict=True)]


class Trainer:
    def __init__(self):
        self.reward_func = accuracy_reward

    def train_step(self, step):
        prompts = [[{"role": "user", "content": item["problem"]}] for item in ITEMS for _ in range(2)]
        completions = [[{"role": "assistant", "content": ask(prompt[0]["content"])}] for prompt in prompts]
        columns = {name: [item[name] for item in ITEMS for _ in range(2)] for name in ("ground_truth", "source")}
        self.reward_func(prompts=prompts, completions=completions, **columns)


def train(trainer):
    for step in range(1, STEPS + 1):
        trainer.train_step(step)


if __name__ == "__main__":
    train(Trainer())
