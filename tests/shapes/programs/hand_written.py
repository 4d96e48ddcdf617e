"""A hand-written GRPO trainer: all rollouts under one `gather`, each rewarded in its own task, by a judge."""

import asyncio

from tests.shapes.programs.world import ITEMS, JUDGE, JUDGE_MODEL, STEPS, ask, ask_async


class Executor:
    async def execute_workflow(self, *, workflow_code, problem):
        return await ask_async(problem), 0.0, {"success": True}


class RewardComputer:
    def compute_reward(self, *, problem, prediction, ground_truth):
        return 1.0 if self._llm_judge_compare(problem, prediction, ground_truth) else 0.0

    def _llm_judge_compare(self, problem, prediction, ground_truth):
        said = ask(f"{problem} truth: {ground_truth} candidate: {prediction}", JUDGE_MODEL, JUDGE)
        return "true" in said.lower().replace("true_false", "")


class DataManager:
    def sample_batch(self, batch_size, split="train"):
        return [dict(item) for item in ITEMS[:batch_size]]


class Trainer:
    def __init__(self):
        self.data_manager = DataManager()
        self.executor = Executor()
        self.reward_computer = RewardComputer()

    async def rollout(self, item):
        answer, _, metadata = await self.executor.execute_workflow(workflow_code="…", problem=item["problem"])
        if not metadata["success"]:
            return 0.0
        return self.reward_computer.compute_reward(
            problem=item["problem"], prediction=answer, ground_truth=item["ground_truth"]
        )

    async def train_step(self, step):
        return await asyncio.gather(*(self.rollout(item) for item in self.data_manager.sample_batch(8)))


def train(trainer):
    for step in range(1, STEPS + 1):
        asyncio.run(trainer.train_step(step))


if __name__ == "__main__":
    train(Trainer())
