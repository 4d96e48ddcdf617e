"""A trainer that executes its rollouts in other processes: `python -m tests.processes.programs.spawn METHOD`."""

import concurrent.futures
import multiprocessing
import sys

from tests.processes.programs.spawn_parts import Executor, RewardComputer, execute, judge

PROBLEMS = [f"{i} + 1?" for i in range(6)]


class Trainer:
    def __init__(self, pool):
        self.pool = pool
        self.executor = Executor()
        self.reward_computer = RewardComputer()

    def train_step(self, step):
        for problem, answer in zip(PROBLEMS, self.pool.map(execute, PROBLEMS), strict=True):
            self.reward_computer.compute_reward(problem=problem, prediction=answer)
        list(self.pool.map(judge, PROBLEMS))

    def evaluate(self):
        for problem in PROBLEMS[:2]:
            self.pool.submit(execute, problem).result()
            self.reward_computer.compute_reward(problem=problem, prediction="4")


if __name__ == "__main__":
    context = multiprocessing.get_context(sys.argv[1])
    with concurrent.futures.ProcessPoolExecutor(2, mp_context=context) as pool:
        trainer = Trainer(pool)
        trainer.train_step(1)
        trainer.evaluate()
