# ruff: noqa: T201 - a program that a test runs
"""Rollouts before the first step: in the loop beside the trainer, and within its `fit`."""

import asyncio
import sys

import shapes


class Late(shapes.Trainer):
    """Is not complete when it is made."""

    def __init__(self):
        self.executor = None
        self.reward_computer = None

    def fit(self, steps):
        self.executor, self.reward_computer = shapes.Executor(), shapes.RewardComputer()
        return self.optimise(steps)

    def optimise(self, steps):
        warm = asyncio.run(shapes.Trainer.rollout(self))
        for step in range(steps):
            asyncio.run(self.train_step(step))
        return warm

    async def train_step(self, step):
        return await super().train_step(step)


def beside():
    trainer = shapes.Trainer()
    warm = [asyncio.run(trainer.rollout()) for _ in range(3)]
    for step in range(2):
        asyncio.run(trainer.train_step(step))
    print(len(warm))


def within():
    print(Late().fit(2))


def elsewhere():
    """The method that takes the steps has a name that nobody knows."""
    trainer = Late()
    trainer.executor, trainer.reward_computer = shapes.Executor(), shapes.RewardComputer()
    print(trainer.optimise(2))


def half():
    """A subclass that goes on after its parent's `__init__`, and is complete only then."""
    trainer = shapes.Grown()
    print(asyncio.run(trainer.rollout()))
    asyncio.run(trainer.train_step(0))


globals()[sys.argv[1]]()
