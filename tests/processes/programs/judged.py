"""Train one step on work that is known beforehand: `judged.py WAY URL`; WAY is how it is shared out."""

import concurrent.futures
import multiprocessing
import sys

from llm_telemetry import instrument
from tests.support import judged_work
from tests.support.judged_work import ALL, PRICES, Trainer


def serial(do):
    for work in ALL:
        do(work)


def threads(do):
    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        list(pool.map(do, ALL))


def _part(do, first):
    for work in ALL[first::4]:
        do(work)


def children(do):
    fork = multiprocessing.get_context("fork")
    started = [fork.Process(target=_part, args=(do, first)) for first in range(4)]
    for child in started:
        child.start()
    for child in started:
        child.join()


def rank(number):
    """Each rank does every third rollout: groups lie across ranks."""
    return lambda do: [do(work) for work in ALL[number::3]]


if __name__ == "__main__":
    way, url = sys.argv[1:]
    ways = {"serial": serial, "threads": threads, "children": children}
    trainer = Trainer(url, ways.get(way) or rank(int(way)))
    with instrument(trainer, console=0, run=False, prices=PRICES, rule=judged_work.exact_match):
        trainer.train_step(1)
