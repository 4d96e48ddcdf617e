# ruff: noqa: T201 - a program that a test runs
"""Hands functions and objects of the main file to spawned children."""

import multiprocessing
import os
import sys


class Trainer:
    def train_step(self, step):
        return step * 2


def work(trainer):
    finders = [type(finder).__name__ for finder in sys.meta_path]
    return trainer.train_step(21), type(trainer).__module__, os.environ.get("LLM_TELEMETRY"), "Finder" in finders


if __name__ == "__main__":
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        print(pool.map(work, [Trainer()]))
