"""One of several ranks of a training with TRL; each writes down what its own reward function was asked."""

import json
import os
import sys
from collections import Counter
from pathlib import Path

import openai

from llm_telemetry import instrument
from tests.support import tiny_trl

client = openai.OpenAI()
asked = Counter()


def llm_judge(completion, truth, source):
    """Ask the judge."""
    messages = [{"role": "user", "content": f"[{source}] {truth}: is {completion!r} right, yes or no?"}]
    return client.chat.completions.create(model="gpt-4o-mini", messages=messages).choices[0].message.content == "yes"


def judged(completions, truth, source, trainer_state, **_):
    """One reward for each completion."""
    step = trainer_state.global_step + trainer.model.training
    rewards = [float(llm_judge(*item)) for item in zip(completions, truth, source, strict=True)]
    for name, reward in zip(source, rewards, strict=True):
        place = f"{'train' if trainer.model.training else 'val'} {step} {name}"
        asked[f"{place} count"] += 1
        asked[f"{place} right"] += int(reward)
    return rewards


if __name__ == "__main__":
    trainer = tiny_trl.trainer("grpo", [judged], "out", eval_strategy="steps", eval_steps=1, ddp_backend="gloo")
    with instrument(trainer, folder=sys.argv[1], console=0):
        trainer.train()
    (Path(sys.argv[1]) / f"asked-{os.environ['RANK']}.json").write_text(json.dumps(asked))
