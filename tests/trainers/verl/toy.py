"""What verl needs of a run, small: its own configuration, a tokenizer of some words, rows of a batch."""

import json
from pathlib import Path

import numpy as np
import torch
import verl
from datasets import Dataset
from hydra import compose, initialize_config_dir
from tensordict import TensorDict
from tokenizers import Tokenizer, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast, Qwen2Config
from verl import DataProto

WORDS = ("[PAD]", "[EOS]", *(f"w{i}" for i in range(40)))
ROWS = [("sums", "w1", "w1", "a"), ("sums", "w2", "w3", "a"), ("capitals", "w4", "w4", "b")]
"""Source, the word that was answered, the right one, uid; not as many as two workers divide evenly."""
TABLES = {
    "train": [("sums", "w1", "w1"), ("sums", "w2", "w3"), ("capitals", "w4", "w4")],
    "val": [("held", "w5", "w5"), ("held", "w6", "w7"), ("held", "w8", "w8")],
}
"""Source, the word that is answered, the right one; not as many as two workers divide evenly."""
SCORES = Path(__file__).with_name("scores.py")


def tokenizer_in(folder):
    """Save a tokenizer that knows `WORDS`, and what a model's folder has beside it; returns the folder."""
    plain = Tokenizer(models.WordLevel({word: i for i, word in enumerate(WORDS)}, unk_token="[PAD]"))
    plain.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    told = {
        "pad_token": "[PAD]",
        "eos_token": "[EOS]",
        "chat_template": "{% for one in messages %}{{ one.content }} {% endfor %}",
    }
    PreTrainedTokenizerFast(tokenizer_object=plain, **told).save_pretrained(folder)
    Qwen2Config(architectures=["Qwen2ForCausalLM"]).save_pretrained(folder)  # verl asks for it; it makes no model
    return str(folder)


def overrides(tokenizer, function):
    """What we say on verl's command line."""
    return [
        f"actor_rollout_ref.model.path={tokenizer}",
        f"reward.custom_reward_function.path={SCORES}",
        f"reward.custom_reward_function.name={function}",
        *("reward.num_workers=2", "trainer.project_name=toy", "trainer.experiment_name=run"),
    ]


def config(tokenizer, *more, function="compute_score"):
    """Return verl's whole configuration, as its command line makes it."""
    with initialize_config_dir(str(Path(verl.__file__).parent / "trainer" / "config"), version_base=None):
        return compose("ppo_trainer", [*overrides(tokenizer, function), *more])


def batch(rows):
    """Return a `DataProto` of such rows as `ROWS`."""
    responses = torch.tensor([[WORDS.index(said), 1] for _, said, _, _ in rows])
    prompts = torch.full((len(rows), 2), 2)
    whole = {"prompts": prompts, "responses": responses, "attention_mask": torch.ones(len(rows), 4, dtype=torch.long)}
    columns = {
        "data_source": [source for source, *_ in rows],
        "uid": [uid for *_, uid in rows],
        "reward_model": [{"ground_truth": truth} for _, _, truth, _ in rows],
        "extra_info": [{"index": i} for i in range(len(rows))],
    }
    arrays = {name: np.array(column, dtype=object) for name, column in columns.items()}
    return DataProto(batch=TensorDict(whole, batch_size=len(rows)), non_tensor_batch=arrays)


def table_in(folder, name, rows):
    """Save rows of source, answer and truth as verl's datasets are; returns the file."""
    columns = [
        {
            "prompt": [{"role": "user", "content": said}],
            "data_source": source,
            "reward_model": {"ground_truth": truth},
            "extra_info": {"index": i},
        }
        for i, (source, said, truth) in enumerate(rows)
    ]
    Dataset.from_list(columns).to_parquet(folder / f"{name}.parquet")
    return folder / f"{name}.parquet"


def rows_in(path):
    """What verl's `file` backend has written: pairs of step and data."""
    return [(line["step"], line["data"]) for line in map(json.loads, path.read_text().splitlines())]
