"""A training run as its own process: `train.py RUN_ID FIRST LAST ENDING`; the ending says how it goes down.

The HTTP is mocked inside, W&B is real. `MODE`, `WANDB_*` and the working directory are the caller's.
"""

import os
import signal
import sys

import wandb

from llm_telemetry import instrument
from tests.support.mocking import chat, openai_api
from tests.support.trainers import Trainer, train_step

ENDINGS = {
    "finish": wandb.finish,
    "exit": lambda: sys.exit(0),
    "exception": lambda: 1 / 0,
    "kill": lambda: os.kill(os.getpid(), signal.SIGKILL),
    "term": lambda: os.kill(os.getpid(), signal.SIGTERM),
    "_exit": lambda: os._exit(3),
}


def main(run_id, first, last, ending):
    settings = wandb.Settings(silent=True, console="off")
    run = None if run_id == "-" else wandb.init(id=run_id, project="p", resume="allow", settings=settings)
    with openai_api() as api:
        api.post("/chat/completions").mock(side_effect=lambda request: chat(os.environ.get("JUDGE_SAYS", "true")))
        trainer = Trainer()
        instrument(trainer, console=0, run=run or False)
        for step in range(int(first), int(last) + 1):
            train_step(trainer, step)
            if run:
                run.log({"train/loss": step})
        ENDINGS[ending]()


if __name__ == "__main__":
    main(*sys.argv[1:])
