"""One of several ranks of a training with TRL; each writes down what its own reward function was asked.

Rank 1 has another reward function, by its name, and another source. With `die` it is killed while it computes rewards
for the second step.
"""

import json
import os
import signal
import sys
from collections import Counter
from pathlib import Path

import openai

from llm_telemetry import instrument
from tests.support import tiny_trl

client = openai.OpenAI()
asked = Counter()
RANK = os.environ["RANK"]
SOURCE = {"0": None, "1": "=elsewhere"}[RANK]


class Groups:
    """Keeps the size of each group of rollouts."""

    def __init__(self):
        self.sizes = Counter()

    def add(self, event):
        if group := getattr(event, "group", None):
            self.sizes[group] += 1

    def collect(self, split):
        return {}


def llm_judge(completion, truth, source):
    """Ask the judge."""
    messages = [{"role": "user", "content": f"[{source}] {truth}: is {completion!r} right, yes or no?"}]
    return client.chat.completions.create(model="gpt-4o-mini", messages=messages).choices[0].message.content == "yes"


def judged(completions, truth, source, trainer_state, **_):
    """One reward for each completion."""
    step = trainer_state.global_step + trainer.model.training
    rewards = [float(llm_judge(*item)) for item in zip(completions, truth, source, strict=True)]
    if sys.argv[2:] == ["die"] and (RANK, step) == ("1", 2):
        os.kill(os.getpid(), signal.SIGKILL)
    for name, reward in zip(source, rewards, strict=True):
        place = f"{'train' if trainer.model.training else 'val'} {step} {SOURCE.removeprefix('=') if SOURCE else name}"
        asked[f"{place} count"] += 1
        asked[f"{place} right"] += int(reward)
    return rewards


if __name__ == "__main__":
    folder, groups = Path(sys.argv[1]), Groups()
    judged.__name__ = f"judged_{RANK}"
    evaluation = {} if sys.argv[2:] else {"eval_strategy": "steps", "eval_steps": 1}
    settings = {"ddp_backend": "gloo", "num_generations": 8, "num_generations_eval": 2, **evaluation}
    trainer = tiny_trl.trainer("grpo", [judged], "out", **settings)
    with instrument(trainer, folder=folder, source=SOURCE, collectors=[groups], console=0):
        trainer.train()
    (folder / f"asked-{RANK}.json").write_text(json.dumps(asked))
    (folder / f"groups-{RANK}.json").write_text(json.dumps(groups.sizes))
