"""TRL's trainers with reward functions, GRPO and RLOO, and their subclasses: known by shape, and never imported.

Their reward step gives rollouts, sources, groups and rewards; the row that they log closes the window, at its number.
"""

from __future__ import annotations

import itertools
import math
import struct
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from llm_telemetry.events import Rollout
from llm_telemetry.hooks.patching import Hook
from llm_telemetry.hooks.scopes import Scope
from llm_telemetry.lifecycle import functions
from llm_telemetry.lifecycle.evaluation import OpenEvaluation
from llm_telemetry.lifecycle.items import open_rollout
from llm_telemetry.objects import defined_by, stored_in
from llm_telemetry.session.items import source_in
from llm_telemetry.settings.config import InstrumentError
from llm_telemetry.sources import UNKNOWN, clean_source
from llm_telemetry.trainers.adapter import Adapter, Found
from llm_telemetry.trainers.judges import find_judges, judges_below
from llm_telemetry.trainers.kinds import JUDGE, Kind

if TYPE_CHECKING:
    from collections.abc import Callable

    from llm_telemetry.events import Split
    from llm_telemetry.hooks.observe import Span
    from llm_telemetry.session.session import Session
    from llm_telemetry.settings.config import Config

REWARD_STEP = "_calculate_rewards"
_SINGLE = struct.Struct("f")
_batches = itertools.count()
_OURS = ("executor", "reward", "step", "validation", "items")
"""Settings that name what this adapter knows."""


class TRL(Adapter):
    """`trl.GRPOTrainer` and `trl.RLOOTrainer`, as far as they have a reward step of this name; see docs/trl.md."""

    name = "trl"

    def __init__(self, source: str | None = None) -> None:
        """Take the rollouts' sources from the column `source`; by default from one of the usual names."""
        self._source = source

    def matches(self, trainer: Any) -> bool:
        """Take what has TRL's reward step and a list of reward functions."""
        return _has_reward_step(type(trainer)) and isinstance(stored_in(trainer).get("reward_funcs"), list)

    def find(self, trainer: Any, config: Config) -> Found:
        """Return the reward step, the log, and the judges among and below the reward functions.

        Raises:
            InstrumentError: A part is named that is known here.
        """
        if named := [name for name in _OURS if getattr(config, name) is not None]:
            raise InstrumentError(
                f"{named[0]}=: the parts of {type(trainer).__name__} are known; leave it out, or say adapter='by_shape'"
            )
        if config.judge is not None:
            judges = find_judges(trainer, None, config.judge)
        else:
            judges = tuple(judge for function in trainer.reward_funcs for judge in judges_below(function))
        watched = [REWARDS.of(trainer, REWARD_STEP), LOG.of(trainer, "log")]
        watched += [JUDGE.of(*judge) for judge in dict.fromkeys(judges)]
        return Found(watched, answers_itself=True, notes=self._source)

    def entrances(self, cls: type) -> Sequence[tuple[str, Kind]]:
        """Return the methods by which training, or an evaluation alone, begins."""
        return (("train", ENTRANCE), ("evaluate", ENTRANCE)) if _has_reward_step(cls) else ()


def _has_reward_step(cls: type) -> bool:
    return all(callable(defined_by(cls, name)) for name in (REWARD_STEP, "log", "train", "evaluate"))


class RewardStep:
    """The rewards of one batch of completions being computed, by all reward functions."""

    def __init__(self, session: Session, trainer: Any, inputs: Sequence[Any]) -> None:
        self._trainer = trainer
        self._rows = [row if isinstance(row, Mapping) else {} for row in inputs]
        column = session.parts.notes
        self._sources = [source_in(row) if column is None else _text(row.get(column)) for row in self._rows]
        self._functions: list[Any] = trainer.reward_funcs
        self._originals: list[Any] = []
        phase = _window(session, trainer)
        shared = self._sources[0] if len(set(self._sources)) == 1 else None
        self._scope = Scope(session, phase, "judge", source=shared)
        session.sources.learn([{**row, "prompt": text_of(row.get("prompt"))} for row in self._rows])

    def begin(self) -> Scope:
        """Watch the reward functions for as long as they are called: what a list holds cannot be hooked for good."""
        self._originals = list(self._functions)
        names = _names(self._trainer)
        self._functions[:] = [_watched(one, name) for one, name in zip(self._originals, names, strict=True)]
        return self._scope

    def end(self, result: Any, error: BaseException | None) -> None:
        """Put the reward functions back, and record the rollouts."""
        self._functions[:] = self._originals
        if error is None:
            for rollout in self._rollouts(result):
                self._scope.session.record(rollout)

    def _rollouts(self, gathered: Any) -> list[Rollout]:
        """Return this process's rollouts: the rewards are those of all ranks, one after the other."""
        count = len(self._rows)
        first = count * self._trainer.accelerator.process_index
        weights = [as_written(weight) or 0.0 for weight in self._trainer.reward_weights.tolist()]
        names = _names(self._trainer)
        rewards = [[as_written(one) for one in row] for row in gathered[first : first + count].tolist()]
        groups = _groups(self._trainer, self._scope, first, count)
        return [
            Rollout(
                self._scope.split,
                source or UNKNOWN,
                combined(given, weights),
                failed=False,
                group=group,
                parts=tuple(zip(names, given, strict=True)),
            )
            for source, given, group in zip(self._sources, rewards, groups, strict=True)
        ]


def _text(value: Any) -> str | None:
    return None if value is None else str(value)


def _names(trainer: Any) -> list[str]:
    """Return the names of the reward functions, as TRL has them in its own keys."""
    known = getattr(trainer, "reward_func_names", ())
    own = [getattr(one, "__name__", type(one).__name__) for one in trainer.reward_funcs]
    return [str(name) for name in (known if len(known) == len(own) else own)]


def combined(rewards: Sequence[float | None], weights: Sequence[float]) -> float | None:
    """Return the weighted sum of what reward functions gave; one that gave none is left out, as TRL does."""
    given = [reward * weight for reward, weight in zip(rewards, weights, strict=True) if reward is not None]
    return sum(given) if given else None


def as_written(single: float) -> float | None:
    """Return the number that became this single-precision one: 0.9 is 0.8999999761581421 there, and below 0.9.

    `None` for NaN, by which TRL notes that a function gave no reward.
    """
    if math.isnan(single):
        return None
    written = (float(f"{single:.{digits}g}") for digits in range(6, 10))
    return next((one for one in written if _SINGLE.unpack(_SINGLE.pack(one))[0] == single), single)


def _groups(trainer: Any, scope: Scope, first: int, count: int) -> list[str | None]:
    """Name the group of each rollout: generations of one prompt stand one after the other, over all ranks."""
    name = "num_generations" if scope.split == "train" else "num_generations_eval"
    size = getattr(trainer, name, None) or getattr(trainer, "num_generations", None)
    batch = next(_batches)  # the same in every rank
    return [f"{batch}-{i // size}" if size else None for i in range(first, first + count)]


def _window(session: Session, trainer: Any) -> Any:
    """Return the open window of what the trainer does now, a new one if there is none."""
    split: Split = "train" if trainer.model.training else "val"
    done = trainer.state.global_step
    return session.open_one(split) or session.open_phase(split, done + 1 if split == "train" else done)


def _rewards(session: Session, scope: Scope, fields: dict[str, Any]) -> Span | None:
    trainer = session.parts.trainer()
    inside = scope.role == "judge"  # a subclass's method that calls its parent's
    return None if trainer is None or inside else RewardStep(session, trainer, fields["inputs"])


def _watched(function: Any, name: str) -> Any:
    """Return a reward function as a hook that opens an evaluation; a model that gives rewards is none."""
    if not callable(function) or hasattr(function, "state_dict"):
        return function
    label = clean_source(name).strip("_")
    return Hook(function, functions.hook(_reward_function(label), (), lambda: None))


def _reward_function(name: str) -> functions.MakeSpan:
    """Return what opens an evaluation for each item; without a call to a judge in it, there was none."""

    def open_evaluation(session: Session, scope: Scope, fields: dict[str, Any]) -> Span | None:
        rows = rows_of(fields)
        if scope.evaluation is not None or not rows:
            return None
        items = [(open_rollout(session, scope, row), row["completion"] or row["prompt"]) for row in rows]
        return OpenEvaluation(scope, name, items, implied=True)

    return open_evaluation


def rows_of(fields: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return a reward function's arguments by item: the columns of the dataset, prompt and completion as texts."""
    prompts, completions = fields.get("prompts") or (), fields.get("completions") or ()
    count = len(completions)
    columns = {name: value for name, value in fields.items() if isinstance(value, list) and len(value) == count}
    return [
        {**{name: values[i] for name, values in columns.items()}, "prompt": text_of(p), "completion": text_of(c)}
        for i, (p, c) in enumerate(zip(prompts, completions, strict=False))
    ]


def text_of(messages: Any) -> str:
    """Return a prompt or a completion as a text: the last message's, of a chat."""
    if isinstance(messages, list | tuple) and messages:
        messages = messages[-1].get("content") if isinstance(messages[-1], Mapping) else messages[-1]
    if isinstance(messages, list | tuple):
        messages = "\n".join(str(part.get("text", "")) for part in messages if isinstance(part, Mapping))
    return messages if isinstance(messages, str) else ""


class LoggedRow:
    """The trainer's own log of a step: its window ends before the row is written, so that our payload is in it."""

    def __init__(self, session: Session, scope: Scope, trainer: Any) -> None:
        self._session = session
        self._scope = scope
        self._trainer = trainer

    def begin(self) -> Scope:
        """Close the window, with the number that the trainer gives to the row."""
        step = self._trainer.state.global_step
        split: Split = "train" if self._trainer.model.training else "val"
        phase = self._session.open_one(split)
        if phase is None and split == "train":  # completions of an earlier step were used once more
            phase = self._session.open_phase(split, step)
        if phase is not None:
            phase.step = step
            self._session.close_phase(phase, None)
        return self._scope

    def end(self, result: Any, error: BaseException | None) -> None:
        """Do nothing more."""


def _log(session: Session, scope: Scope, fields: dict[str, Any]) -> Span | None:
    trainer, logs = session.parts.trainer(), fields.get("logs")
    if trainer is None or not isinstance(logs, Mapping):
        return None
    closing = "loss" in logs if trainer.model.training else any(key.endswith(("_loss", "_runtime")) for key in logs)
    return LoggedRow(session, scope, trainer) if closing else None


def _nothing(_session: Session, _scope: Scope, _fields: dict[str, Any]) -> None:
    """Open nothing: the trainer is known from here on."""


def _always(make_span: functions.MakeSpan) -> Callable[[str], functions.MakeSpan]:
    return lambda _label: make_span


REWARDS = Kind("trl rewards", _always(_rewards), in_children=False)
LOG = Kind("trl log", _always(_log), in_children=False)
ENTRANCE = Kind("trl entrance", _always(_nothing), in_children=False)
