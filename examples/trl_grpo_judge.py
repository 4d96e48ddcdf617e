"""TRL's GRPO with an LLM judge, watched: a tiny random model, on a CPU, under a minute. One line watches it.

Run: `pip install torch trl transformers datasets`, then `python examples/trl_grpo_judge.py --steps 2`. The judge is a
scripted server on the loopback interface; with OPENAI_BASE_URL and OPENAI_API_KEY it is yours.
"""

from __future__ import annotations

import argparse
import os

import openai
from datasets import Dataset
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM
from trl import GRPOConfig, GRPOTrainer

from llm_telemetry import instrument
from llm_telemetry.testing import LLMServer

WORDS = ("<pad>", "<eos>", "<unk>", "two", "plus", "is", "four", "Paris", "France", "capital")
ITEMS = (
    {"prompt": "two plus two is", "truth": "four", "source": "sums"},
    {"prompt": "capital France is", "truth": "Paris", "source": "capitals"},
)


def llm_judge(completion: str, truth: str) -> bool:
    """Let an LLM say whether a completion is right."""
    with openai.OpenAI() as client:
        messages = [{"role": "user", "content": f"Is '{completion}' the same as '{truth}', yes or no?"}]
        reply = client.chat.completions.create(model="gpt-4o-mini", messages=messages)
    return (reply.choices[0].message.content or "").lower().startswith("yes")


def judged(completions: list[str], truth: list[str], **_: object) -> list[float]:
    """Reward what the judge finds right."""
    return [float(llm_judge(*pair)) for pair in zip(completions, truth, strict=True)]


def build(steps: int) -> GRPOTrainer:
    """Make a trainer with a random model of two layers."""
    words = Tokenizer(WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="<unk>"))  # noqa: S106 - a token
    words.pre_tokenizer = WhitespaceSplit()
    special = {"pad_token": "<pad>", "eos_token": "<eos>", "unk_token": "<unk>"}
    size = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    return GRPOTrainer(
        model=Qwen2ForCausalLM(Qwen2Config(vocab_size=len(WORDS), num_key_value_heads=2, **size)),
        reward_funcs=judged,
        args=GRPOConfig(
            output_dir="out",
            per_device_train_batch_size=4,
            num_generations=2,
            max_completion_length=3,
            max_steps=steps,
            logging_steps=1,
            save_strategy="no",
            report_to="none",
            use_cpu=True,
            bf16=False,
        ),
        train_dataset=Dataset.from_list([*ITEMS] * 8),
        processing_class=PreTrainedTokenizerFast(tokenizer_object=words, padding_side="left", **special),
    )


def main(steps: int) -> None:
    """Train, and say where the payloads are."""
    with LLMServer(lambda request: "yes" if "four" in request.user else "no") as server:
        os.environ.setdefault("OPENAI_BASE_URL", server.base_url)
        os.environ.setdefault("OPENAI_API_KEY", "none")
        trainer = build(steps)
        telemetry = instrument(trainer)  # the one line; or none at all, with LLM_TELEMETRY=1
        trainer.train()
    print(f"payloads: {telemetry.path}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Train a tiny model with an LLM judge.")
    parser.add_argument("--steps", type=int, default=2, help="optimiser steps (default: 2)")
    main(parser.parse_args().steps)
