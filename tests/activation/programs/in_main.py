"""A whole training script in one file, as most are."""

import asyncio

from shapes import ITEM, Executor, RewardComputer


class Trainer:
    def __init__(self):
        self.executor = Executor()
        self.reward_computer = RewardComputer()

    async def train_step(self, step):
        answer, _, _ = await self.executor.execute_workflow(problem=ITEM["problem"], source=ITEM["source"])
        return self.reward_computer.compute_reward(prediction=answer, **ITEM)

    async def evaluate(self, count):
        return [await self.train_rollout() for _ in range(count)]

    async def train_rollout(self):
        answer, _, _ = await self.executor.execute_workflow(problem=ITEM["problem"], source=ITEM["source"])
        return self.reward_computer.compute_reward(prediction=answer, **ITEM)


async def main():
    trainer = Trainer()
    await trainer.evaluate(2)
    for step in (1, 2):
        await trainer.train_step(step)


if __name__ == "__main__":
    asyncio.run(main())
