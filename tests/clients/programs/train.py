"""A trainer that never imports openai: `python train.py METHOD`, or without one all in this process."""

import concurrent.futures
import multiprocessing
import os
import sys

sys.path.insert(0, os.environ["ROOT"])

from tests.clients.programs import parts

if os.environ["BY"] == "anthropic":
    import anthropic

    CLIENT = anthropic.Anthropic


class Trainer:
    def __init__(self, pool=None):
        self.pool = pool
        self.executor = parts.Executor()
        self.reward_computer = parts.RewardComputer()

    def train_step(self, step):
        problems = ["1 + 1?", "1 + 2?", "1 + 3?"]
        answers = map(parts.execute, problems) if self.pool is None else self.pool.map(parts.execute, problems)
        for problem, answer in zip(problems, answers, strict=True):
            self.reward_computer.compute_reward(problem=problem, prediction=answer)


if __name__ == "__main__":
    if sys.argv[1:]:
        context = multiprocessing.get_context(sys.argv[1])
        with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as pool:
            Trainer(pool).train_step(1)
    else:
        if os.environ["BY"] == "anthropic":
            CLIENT(api_key="k")
        Trainer().train_step(1)
