"""A training with TRL, as a user writes it: nothing in here knows of telemetry."""

import sys
from pathlib import Path

import openai

from tests.support import tiny_trl
from tests.support.regenerated_trl import unsloth_class

client = openai.OpenAI()


def llm_judge(completion, truth, source):
    """Ask the judge."""
    messages = [{"role": "user", "content": f"[{source}] {truth}: is {completion!r} right, yes or no?"}]
    return client.chat.completions.create(model="gpt-4o-mini", messages=messages).choices[0].message.content == "yes"


def judged(completions, truth, source, **_):
    """One reward for each completion."""
    return [float(llm_judge(*item)) for item in zip(completions, truth, source, strict=True)]


if __name__ == "__main__":
    kind = sys.argv[1]
    cls = unsloth_class(Path.cwd()) if kind == "unsloth" else None
    known = kind if kind in tiny_trl.KINDS else "grpo"
    tiny_trl.trainer(known, [judged], "out", cls=cls, eval_strategy="steps", eval_steps=2).train()
