"""Trainers that were made after TRL's: unsloth's, ms-swift's, users' own, Online DPO; and what cannot be watched."""

import importlib.util
import sys
from collections import Counter
from dataclasses import dataclass, field

import pytest
import torch
from accelerate.utils import gather

from llm_telemetry import InstrumentError, instrument
from llm_telemetry.events import Rollout
from tests.support import tiny_trl
from tests.support.regenerated_trl import unsloth_class

pytestmark = pytest.mark.filterwarnings("default")  # theirs are their own


class Truth:
    """A reward function that notes what it was asked."""

    __name__ = "truth"

    def __init__(self):
        self.counts = Counter()
        self.tokens = 0

    def __call__(self, completions, source, completion_ids=None, **_):
        self.counts.update(source)
        self.tokens += sum(map(len, completion_ids or ()))
        return [1.0 if one == "sums" else 0.0 for one in source]


class Groups:
    """A collector that keeps what is told of groups."""

    def __init__(self):
        self.sources = {}

    def add(self, event):
        if isinstance(event, Rollout):
            self.sources.setdefault(event.group, []).append(event.source)

    def collect(self, split):
        return {}


def counts(payloads):
    told = Counter()
    for payload in payloads:
        told.update({s: payload.values.get(f"dataset/{s}/count", 0) for s in tiny_trl.SOURCES})
    return +told


def is_exact(payloads, truth):
    accuracies = {p.values.get(f"dataset/{s}/accuracy") for p in payloads for s in ("sums",)} - {None}
    return counts(payloads) == truth.counts and accuracies <= {100} and payloads[-1].values["telemetry/errors"] == 0


def train(cls, folder, memory, kind="grpo", **settings):
    truth = Truth()
    trainer = tiny_trl.trainer(kind, [truth], folder, cls=cls, **settings)
    groups = Groups()
    with instrument(trainer, folder=folder, sinks=[memory], collectors=[groups], console=0):
        trainer.train()
    return truth, groups


# --- unsloth: TRL's source once more, in a module of its own, and a class around it


@pytest.fixture
def regenerated(tmp_path):
    yield unsloth_class(tmp_path)
    del sys.modules["UnslothGRPOTrainer"]


def test_a_class_that_was_made_anew_at_import_is_watched(tmp_path, memory, regenerated):
    assert not issubclass(regenerated, tiny_trl.GRPOTrainer)
    truth, groups = train(regenerated, tmp_path, memory)
    assert [(p.split, p.step) for p in memory.payloads] == [("train", 1), ("train", 2)]
    assert is_exact(memory.payloads, truth)
    assert {len(sources) for sources in groups.sources.values()} == {2}


# --- ms-swift: reward step and samples of its own, and TRL's that nobody calls


@dataclass
class GRPOSample:
    """As in `swift.rl_core.data`, what matters here."""

    messages: list
    extra: dict = field(default_factory=dict)
    prompt_id: str = ""
    request_id: str = ""
    response_token_ids: list = field(default_factory=list)

    def to_reward_row(self):
        return {"messages": self.messages, "prompt_id": self.prompt_id, **self.extra}


class SwiftTrainer(tiny_trl.GRPOTrainer):
    """As `swift.rlhf_trainers.GRPOTrainer` scores: functions are given the completions by position, and columns."""

    def _score_completions(self, samples):
        self._rewards_per_func = self._compute_rewards_per_func(samples)
        return samples

    def _compute_rewards_per_func(self, samples):
        completions = [sample.messages[-1]["content"] for sample in samples]
        rows = [sample.to_reward_row() for sample in samples]
        columns = {"trainer_state": self.state, **{name: [row[name] for row in rows] for name in rows[0]}}
        rewards = torch.zeros((len(samples), len(self.reward_funcs)))
        for i, function in enumerate(self.reward_funcs):
            given = [torch.nan if one is None else one for one in function(completions, **columns)]
            rewards[:, i] = torch.tensor(given, dtype=torch.float32)
        return gather(rewards)

    def _calculate_rewards(self, inputs, prompts, completions, completion_ids_list):
        samples = [
            GRPOSample(
                [{"role": "user", "content": row["prompt"]}, {"role": "assistant", "content": said}],
                {name: value for name, value in row.items() if name != "prompt"},
                prompt_id=row["prompt"],
                response_token_ids=[ids],
            )
            for row, said, ids in zip(inputs, completions, completion_ids_list, strict=True)
        ]
        self._score_completions(samples)
        self.seen = getattr(self, "seen", 0) + sum(map(len, completion_ids_list))
        return self._rewards_per_func


def test_the_reward_step_of_ms_swift_is_watched(tmp_path, memory):
    truth = Truth()
    trainer = tiny_trl.trainer("grpo", [truth], tmp_path, cls=SwiftTrainer)
    groups = Groups()
    with instrument(trainer, folder=tmp_path, sinks=[memory], collectors=[groups], console=0):
        trainer.train()
    assert is_exact(memory.payloads, truth)
    assert sum(p.values["tokens/generated"] for p in memory.payloads) == trainer.seen
    assert {len(set(sources)) for sources in groups.sources.values()} == {1}
    assert len(groups.sources) == 4


# --- a user's own


class Sharp(tiny_trl.GRPOTrainer):
    """Computes rewards, and logs, by itself: nothing of its parent's reward step and log runs."""

    def _calculate_rewards(self, inputs, prompts, completions, completion_ids_list):
        columns = {name: [row[name] for row in inputs] for name in inputs[0] if name != "prompt"}
        given = [function(prompts=prompts, completions=completions, **columns) for function in self.reward_funcs]
        return gather(torch.tensor(given, dtype=torch.float32).T)

    def log(self, logs, start_time=None):
        self._metrics["train"].clear()
        super(tiny_trl.GRPOTrainer, self).log(logs, start_time)


def test_a_subclass_that_does_all_by_itself_is_watched(tmp_path, memory):
    truth, _ = train(Sharp, tmp_path, memory)
    assert [(p.split, p.step) for p in memory.payloads] == [("train", 1), ("train", 2)]
    assert is_exact(memory.payloads, truth)


# --- Online DPO, where the installed TRL has it


def online_dpo():
    is_experimental = importlib.util.find_spec("trl.experimental.online_dpo") is not None
    return importlib.import_module("trl.experimental.online_dpo" if is_experimental else "trl")


def online_trainer(folder, **settings):
    cls, config = online_dpo().OnlineDPOTrainer, online_dpo().OnlineDPOConfig
    chosen = {"max_steps": 2, "logging_steps": 1, "per_device_train_batch_size": 2, "max_new_tokens": 3}
    args = config(
        output_dir=str(folder),
        **{**chosen, "report_to": "none", "use_cpu": True, "bf16": False, "save_strategy": "no", "disable_tqdm": True},
    )
    return cls(
        model=tiny_trl.model(),
        ref_model=tiny_trl.model(),
        args=args,
        train_dataset=tiny_trl.dataset(8),
        processing_class=tiny_trl.tokenizer(),
        **settings,
    )


def test_online_dpo_has_two_completions_of_each_prompt(tmp_path, memory):
    truth, groups = Truth(), Groups()
    trainer = online_trainer(tmp_path, reward_funcs=[truth])
    with instrument(trainer, folder=tmp_path, sinks=[memory], collectors=[groups], console=0):
        trainer.train()
    assert [(p.split, p.step) for p in memory.payloads] == [("train", 1), ("train", 2)]
    assert is_exact(memory.payloads, truth)
    assert memory.last["reward/truth/mean"] == memory.last["dataset/avg_reward"]
    assert {(len(sources), len(set(sources))) for sources in groups.sources.values()} == {(2, 1)}
    assert sum(p.values["tokens/generated"] for p in memory.payloads) == truth.tokens


# --- what cannot be watched


def test_a_trainer_that_computes_rewards_elsewhere_is_told_what_to_do():
    module = pytest.importorskip("trl.experimental.async_grpo")
    trainer = object.__new__(module.AsyncGRPOTrainer)
    with pytest.raises(InstrumentError, match=r"AsyncGRPOTrainer has reward functions, but no reward step in this"):
        instrument(trainer)


def test_a_trainer_that_only_lets_a_judge_compare_is_told_why_it_is_not_watched():
    trainer = object.__new__(online_dpo().OnlineDPOTrainer)
    trainer.reward_funcs, trainer.judge = None, object()
    with pytest.raises(InstrumentError, match="lets a judge compare completions, and computes no rewards"):
        instrument(trainer)
