"""A TRL trainer that trains in seconds on a CPU: a random Qwen2 of two layers, a tokenizer made in the process."""

import itertools

import torch
from datasets import Dataset
from tokenizers import Tokenizer
from tokenizers.models import WordLevel
from tokenizers.pre_tokenizers import WhitespaceSplit
from transformers import PreTrainedTokenizerFast, Qwen2Config, Qwen2ForCausalLM
from trl import GRPOConfig, GRPOTrainer, RLOOConfig, RLOOTrainer

KINDS = {"grpo": (GRPOTrainer, GRPOConfig), "rloo": (RLOOTrainer, RLOOConfig)}
SOURCES = ("sums", "capitals")
WORDS = ["<pad>", "<eos>", "<unk>", "user", "assistant", *(f"w{i}" for i in range(59))]
TEMPLATE = "{% for m in messages %}{{ m['role'] }} {{ m['content'] }} {% endfor %}"


def tokenizer():
    words = Tokenizer(WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="<unk>"))
    words.pre_tokenizer = WhitespaceSplit()
    made = PreTrainedTokenizerFast(
        tokenizer_object=words,
        pad_token="<pad>",
        eos_token="<eos>",
        unk_token="<unk>",
        padding_side="left",
        model_input_names=["input_ids", "attention_mask"],  # transformers 4 would give token types, too
    )
    made.chat_template = TEMPLATE
    return made


def model():
    torch.manual_seed(0)
    size = {"hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2}
    return Qwen2ForCausalLM(Qwen2Config(vocab_size=len(WORDS), num_key_value_heads=2, **size))


def dataset(count, *, chat=False):
    """Items by turns of two sources; every prompt is another."""
    texts = [f"w{i % 59} w{i // 59}" for i in range(count)]
    prompts = [[{"role": "user", "content": text}] if chat else text for text in texts]
    sources = list(itertools.islice(itertools.cycle(SOURCES), count))
    return Dataset.from_dict({"prompt": prompts, "source": sources, "truth": [str(i) for i in range(count)]})


def trainer(kind, reward_funcs, folder, *, chat=False, items=8, cls=None, **settings):
    """A trainer of 2 optimiser steps with 2 items of 2 generations each, unless `settings` say otherwise."""
    known, config = KINDS[kind]
    chosen = {
        "per_device_train_batch_size": 4,
        "per_device_eval_batch_size": 4,
        "num_generations": 2,
        "max_completion_length": 3,
        "max_steps": 2,
        "logging_steps": 1,
        "report_to": "none",
        "use_cpu": True,
        "save_strategy": "no",
        "disable_tqdm": True,
        "bf16": False,
        "beta": 0.0,
        "seed": 1,
    }
    return (cls or known)(
        model=model(),
        reward_funcs=reward_funcs,
        args=config(output_dir=str(folder), **{**chosen, **settings}),
        train_dataset=dataset(items, chat=chat),
        eval_dataset=dataset(4, chat=chat),
        processing_class=tokenizer(),
    )
