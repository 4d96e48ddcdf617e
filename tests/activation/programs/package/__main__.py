# ruff: noqa: T201, B018 - a program that a test runs
import sys


class Trainer:
    def train_step(self, step):
        return step


print(__name__, __package__, __spec__.name, sys.argv[1:], vars(__loader__).keys())
1 / 0
