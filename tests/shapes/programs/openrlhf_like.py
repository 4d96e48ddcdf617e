"""As OpenRLHF: an agent's steps, and a remote reward function that answers `[{"rewards": …}]`."""

from tests.shapes.programs.world import ITEMS, STEPS, ask, is_right


class AgentExecutor:
    def execute(self, prompt, label):
        return {"prompt": prompt, "label": label, "observation_text": ask(prompt)}


class Trainer:
    def __init__(self):
        self.agent = AgentExecutor()
        self.samples = {item["problem"]: item for item in ITEMS}

    def get_reward(self, queries, prompts, labels):
        return [{"rewards": float(is_right(query, label))} for query, label in zip(queries, labels, strict=True)]

    def train_step(self, step):
        for item in ITEMS:
            made = self.agent.execute(item["problem"], item["ground_truth"])
            self.get_reward([made["observation_text"]], [made["prompt"]], [made["label"]])


def train(trainer):
    for step in range(1, STEPS + 1):
        trainer.train_step(step)


if __name__ == "__main__":
    train(Trainer())
