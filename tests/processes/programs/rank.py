"""One rank of a training as torchrun starts it: `rank.py STEPS`; every rank has a trainer of its own."""

import sys
import time

from llm_telemetry import instrument
from tests.support.mocking import chat, openai_api
from tests.support.trainers import Trainer, train_step


def main(steps):
    with openai_api() as api:
        api.post("/chat/completions").mock(side_effect=lambda request: chat("true"))
        trainer = Trainer()
        with instrument(trainer, console=0, run=False):
            for step in range(1, int(steps) + 1):
                train_step(trainer, step)
            time.sleep(float(sys.argv[2]))


if __name__ == "__main__":
    main(sys.argv[1])
