"""The reward step of TRL's trainers, and of those made after them: from what it is given and returns to rollouts."""

from __future__ import annotations

import functools
import itertools
import math
import struct
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from llm_telemetry.events import Rollout
from llm_telemetry.hooks.scopes import Scope
from llm_telemetry.names import PAIRED_REWARD_STEP, REWARD_STEPS
from llm_telemetry.objects import defined_by, fields_of
from llm_telemetry.session.items import problem_in
from llm_telemetry.sources import UNKNOWN
from llm_telemetry.trainers.reward_functions import HeldJudge, held_judges, rows_of, text_of, watched

if TYPE_CHECKING:
    from llm_telemetry.events import Id, Split
    from llm_telemetry.session.session import Session

_SINGLE = struct.Struct("f")
_batches = itertools.count()


class Reward(NamedTuple):
    """What one completion got."""

    reward: float | None
    parts: tuple[float | None, ...]
    """What each function gave, before weighting."""


def reward_step_of(cls: type) -> str | None:
    """Return the name of the method of such a class that computes rewards."""
    return next((name for name in REWARD_STEPS if callable(defined_by(cls, name))), None)


class RewardStep:
    """The rewards of one batch of completions being computed, by all reward functions."""

    def __init__(self, session: Session, trainer: Any, fields: Mapping[str, Any]) -> None:
        self._trainer = trainer
        self._rows = _rows(fields)
        self._tokens = _tokens(fields, self._rows)
        self._sources = [session.sources.told_in(row) for row in self._rows]
        self._functions: list[Any] = trainer.reward_funcs
        self._originals: list[Any] = []
        self._names: list[str] = []
        self._judges: list[HeldJudge] = []
        self._keys: list[list[Id]] = [[] for _ in self._rows]
        self._heard: dict[int, list[float | None]] = {}
        """What functions have returned, by their places."""
        shared = self._sources[0] if len(set(self._sources)) == 1 else None
        self._scope = Scope(session, _window(session, trainer), "judge", source=shared)
        first = {row["prompt"]: (row, source) for row, source in zip(self._rows, self._sources, strict=True)}
        for row, source in first.values():
            session.sources.remember(problem_in(row), source)

    def begin(self) -> Scope:
        """Watch the reward functions for as long as they are called: what a list holds cannot be hooked for good."""
        self._originals = list(self._functions)
        if self._scope.session.config.judge is None:
            self._judges = [held for function in self._originals for held in held_judges(function)]
        for held in self._judges:
            held.watch()
        self._names = names_of(self._trainer)  # one more than functions, where an environment gives a reward
        for i, (function, name) in enumerate(zip(self._originals, self._names, strict=False)):
            note = functools.partial(self._heard.__setitem__, i)
            self._functions[i] = watched(function, name, self._sources, note, self._keys)
        return self._scope

    def end(self, result: Any, error: BaseException | None) -> None:
        """Put the reward functions back, and record the rollouts."""
        self._functions[:] = self._originals
        for held in self._judges:
            held.restore()
        if error is None:
            for rollout in self._rollouts(result):
                self._scope.session.record(rollout)

    def _rollouts(self, result: Any) -> list[Rollout]:
        names, count = self._names, len(self._rows)
        rank = self._trainer.accelerator.process_index
        said = [self._heard.get(i) or [None] * count for i in range(len(names))]
        rewards = rewards_of(result, count, rank, list(zip(*said, strict=True)), _weights(self._trainer, len(names)))
        groups = self._groups(rank)
        split = self._scope.split
        rows = zip(self._sources, rewards, groups, self._tokens, self._keys, strict=True)
        return [
            Rollout(
                split,
                source or UNKNOWN,
                one.reward,
                failed=False,
                group=group,
                parts=tuple(zip(names, one.parts, strict=True)),
                tokens=tokens,
                keys=tuple(keys),
            )
            for source, one, group, tokens, keys in rows
        ]

    def _groups(self, rank: int) -> list[str | None]:
        """Name the group of each rollout: generations of one prompt stand one after the other, over all ranks."""
        name = "num_generations" if self._scope.split == "train" else "num_generations_eval"
        size = getattr(self._trainer, name, None) or getattr(self._trainer, "num_generations", None)
        batch, count = next(_batches), len(self._rows)  # the number of the batch is the same in every rank
        if reward_step_of(type(self._trainer)) == PAIRED_REWARD_STEP:
            return [f"{batch}-{rank}-{i % (count // 2 or 1)}" for i in range(count)]
        told = [row.get("prompt_id") for row in self._rows]  # of ms-swift
        if size:
            told = [own or i // size for i, own in enumerate(told, count * rank)]
        return [f"{batch}-{one}" if one or size else None for one in told]


def names_of(trainer: Any) -> list[str]:
    """Return the names of the reward functions, as TRL has them in its own keys."""
    known = getattr(trainer, "reward_func_names", ())
    own = [getattr(one, "__name__", type(one).__name__) for one in trainer.reward_funcs]
    return [str(name) for name in (known if len(known) >= len(own) else own)]


def _rows(fields: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the items: the dataset's columns, and the prompt as a text."""
    given = next((fields[name] for name in ("inputs", "samples") if isinstance(fields.get(name), Sequence)), None)
    return list(rows_of(fields)) if given is None else [_row(one) for one in given]


def _row(item: Any) -> dict[str, Any]:
    """Return one item; ms-swift's have the columns in `extra`, and the completion as the last of the messages."""
    told = fields_of(item)
    prompt = told.get("prompt")
    if not prompt and isinstance(messages := told.get("messages"), list):
        prompt = messages[:-1]
    extra = {} if type(item) is dict or isinstance(item, Mapping) else fields_of(told.get("extra"))
    return {**told, **extra, "prompt": text_of(prompt)}


def _tokens(fields: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> list[int | None]:
    """Return how many tokens each completion has, as the trainer's own engine has generated them."""
    given = fields.get("completion_ids_list")
    told = given if isinstance(given, list) else [row.get("response_token_ids") for row in rows]
    return [_count(one) for one in told] if len(told) == len(rows) else [None] * len(rows)


def _count(ids: Any) -> int | None:
    """Count the ids of tokens, also of several turns; `None` where there are none to count."""
    if not isinstance(ids, list | tuple):
        return None
    return sum(map(len, ids)) if ids and isinstance(ids[0], list | tuple) else len(ids)


def _weights(trainer: Any, count: int) -> list[float]:
    weights = getattr(trainer, "reward_weights", None)
    given = [1.0] * count if weights is None else weights.tolist()
    return [as_written(weight) or 0.0 for weight in given]


def rewards_of(
    result: Any, count: int, rank: int, said: Sequence[tuple[float | None, ...]], weights: Sequence[float]
) -> list[Reward]:
    """Return what each of this process's completions got.

    Args:
        result: What the reward step returned: a tensor of a row for each completion, or of their sums; of all ranks
            one after the other, or of this one.
        count: How many completions this process has.
        rank: Which process this is.
        said: What the functions themselves returned, by completion; counts where the tensor does not tell.
        weights: What the functions' rewards are multiplied with.
    """
    values = result.tolist() if hasattr(result, "tolist") else []
    first = 0 if len(values) == count else count * rank
    own = values[first : first + count] if count and len(values) % count == 0 else []
    if own and isinstance(own[0], list) and len(own[0]) == len(weights):
        said = [tuple(map(as_written, row)) for row in own]
    summed = own if own and isinstance(own[0], float) else [None] * count
    return [_reward(parts, one, weights) for parts, one in zip(said, summed, strict=True)]


def _reward(parts: tuple[float | None, ...], summed: float | None, weights: Sequence[float]) -> Reward:
    """Return what one completion got; a sum of nothing, which TRL takes for 0, is none."""
    own = combined(parts, weights)
    return Reward(own if summed is None or own is None else as_written(summed), parts)


def combined(rewards: Sequence[float | None], weights: Sequence[float]) -> float | None:
    """Return the weighted sum of what reward functions gave; one that gave none is left out, as TRL does."""
    given = [reward * weight for reward, weight in zip(rewards, weights, strict=True) if reward is not None]
    return sum(given) if given else None


@functools.lru_cache(maxsize=1024)
def as_written(single: float) -> float | None:
    """Return the number that became this single-precision one: 0.9 is 0.8999999761581421 there, and below 0.9.

    `None` for NaN, by which TRL notes that a function gave no reward.
    """
    if math.isnan(single):
        return None
    written = (float(f"{single:.{digits}g}") for digits in range(6, 10))
    return next((one for one in written if _SINGLE.unpack(_SINGLE.pack(one))[0] == single), single)


def _window(session: Session, trainer: Any) -> Any:
    """Return the open window of what the trainer does now, a new one if there is none."""
    split: Split = "train" if trainer.model.training else "val"
    done = trainer.state.global_step
    return session.open_one(split) or session.open_phase(split, done + 1 if split == "train" else done)
