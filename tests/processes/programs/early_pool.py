"""A trainer whose pool of workers is at work before it is watched: `early_pool METHOD (instrument | env)`."""

import concurrent.futures
import multiprocessing
import sys

from tests.processes.programs.spawn_parts import Executor, RewardComputer, execute, judge

if sys.argv[2] == "instrument":
    from llm_telemetry import instrument

PROBLEMS = [f"{i} + 1?" for i in range(6)]


class Trainer:
    def __init__(self, method):
        self.executor = Executor()
        self.reward_computer = RewardComputer()
        self.pool = concurrent.futures.ProcessPoolExecutor(2, mp_context=multiprocessing.get_context(method))
        list(self.pool.map(abs, range(8)))

    def train_step(self, step):
        for problem, answer in zip(PROBLEMS, self.pool.map(execute, PROBLEMS), strict=True):
            self.reward_computer.compute_reward(problem=problem, prediction=answer)
        list(self.pool.map(judge, PROBLEMS))


if __name__ == "__main__":
    trainer = Trainer(sys.argv[1])
    if sys.argv[2] == "instrument":
        instrument(trainer, console=0, run=False)
    trainer.train_step(1)
    trainer.pool.shutdown()
