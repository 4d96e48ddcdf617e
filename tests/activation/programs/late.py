"""Makes every client inside of a step, and imports nothing in between."""

import asyncio

from shapes import ITEM, Executor


class Trainer:
    def __init__(self):
        self.executor = Executor()

    async def train_step(self, step):
        return await self.executor.execute_workflow(problem=ITEM["problem"], source=ITEM["source"])


trainer = Trainer()
asyncio.run(trainer.train_step(1))
asyncio.run(trainer.train_step(2))
