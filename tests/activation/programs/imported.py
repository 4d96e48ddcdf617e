# ruff: noqa: T201 - a program that a test runs
"""Trainers from a module, made in a function, gone at its end."""

import asyncio
import gc
import weakref

import shapes


def train(cls, *steps):
    trainer = cls()
    for step in steps:
        result = getattr(trainer, "train_step", None) or trainer.training_step
        result = result(step)
        if asyncio.iscoroutine(result):
            asyncio.run(result)
    return weakref.ref(trainer) if cls is not shapes.Slotted else None


def main():
    for cls in (
        shapes.Trainer,
        shapes.Inheriting,
        shapes.Overriding,
        shapes.Sync,
        shapes.Slotted,
        shapes.Net,
        shapes.Net,
    ):
        alive = train(cls, 1, 2)
        gc.collect()
        print(cls.__name__, "gone" if alive is None or alive() is None else "alive")


main()
