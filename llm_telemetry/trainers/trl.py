"""TRL's trainers with reward functions: GRPO, RLOO, Online DPO, and those made after them, known by shape alone.

Their reward step gives rollouts, sources, groups and rewards; the row that they log closes the window, at its number.
TRL is never imported.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from llm_telemetry.lifecycle import functions
from llm_telemetry.objects import defined_by, stored_in
from llm_telemetry.settings.config import InstrumentError
from llm_telemetry.trainers.adapter import Adapter, Found
from llm_telemetry.trainers.judges import find_judges, judges_below
from llm_telemetry.trainers.kinds import JUDGE, Kind
from llm_telemetry.trainers.reward_step import RewardStep, names_of, reward_step_of

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from llm_telemetry.events import Split
    from llm_telemetry.hooks.observe import Span
    from llm_telemetry.hooks.scopes import Scope
    from llm_telemetry.session.session import Session
    from llm_telemetry.settings.config import Config

_METHODS = ("log", "train", "evaluate")
_OURS = ("executor", "reward", "step", "validation", "items")
"""Settings that name what this adapter knows."""
ELSEWHERE = (
    "%s has reward functions, but no reward step in this process (AsyncGRPOTrainer computes rewards in one of its "
    "own). Decorate the function itself: @llm_telemetry.watch, and start the program with LLM_TELEMETRY=1; see "
    "docs/trl.md"
)
COMPARES = (
    "%s was given no reward_funcs: it lets a judge compare completions, and computes no rewards, so that there are no "
    "rollouts to tell of. Its judge's calls count with @llm_telemetry.judge on your own; see docs/trl.md"
)


class TRL(Adapter):
    """`trl.GRPOTrainer` and all that has its shape: a reward step of a known name, and a log; see docs/trl.md."""

    name = "trl"

    def matches(self, trainer: Any) -> bool:
        """Take what has a reward step and a list of reward functions, and TRL's trainers that should have."""
        has_functions = isinstance(stored_in(trainer).get("reward_funcs"), list)
        return (_has_shape(type(trainer)) and has_functions) or _is_of_trl(type(trainer))

    def find(self, trainer: Any, config: Config) -> Found:
        """Return the reward step, the log, and the judges among and below the reward functions.

        Raises:
            InstrumentError: A part is named that is known here, or the trainer computes no rewards here.
        """
        cls = type(trainer)
        if named := [name for name in _OURS if getattr(config, name) is not None]:
            raise InstrumentError(
                f"{named[0]}=: the parts of {cls.__name__} are known; leave it out, or say adapter='by_shape'"
            )
        step = reward_step_of(cls)
        if step is None or not isinstance(stored_in(trainer).get("reward_funcs"), list):
            raise InstrumentError((ELSEWHERE if step is None else COMPARES) % cls.__name__)
        if config.judge is not None:
            judges = find_judges(trainer, None, config.judge)
        else:
            judges = tuple(judge for function in trainer.reward_funcs for judge in judges_below(function))
        watched = [REWARDS.of(trainer, step), LOG.of(trainer, "log")]
        watched += [JUDGE.of(*judge) for judge in dict.fromkeys(judges)]
        return Found(watched, answers_itself=True, rewards=names_of(trainer), columns=_columns(trainer))

    def entrances(self, cls: type) -> Sequence[tuple[str, Kind]]:
        """Return the methods by which training, or an evaluation alone, begins."""
        return (("train", ENTRANCE), ("evaluate", ENTRANCE)) if _has_shape(cls) or _is_of_trl(cls) else ()


def _has_shape(cls: type) -> bool:
    return reward_step_of(cls) is not None and all(callable(defined_by(cls, name)) for name in _METHODS)


def _is_of_trl(cls: type) -> bool:
    """Tell a trainer of Hugging Face's that is given reward functions, whatever it does with them."""
    bases = [base.__module__ for base in cls.__mro__]
    is_trainer = any(base.startswith("transformers.") for base in bases) and any(b.startswith("trl.") for b in bases)
    return is_trainer and "reward_funcs" in functions.parameters_of(defined_by(cls, "__init__"))


def _columns(trainer: Any) -> Sequence[str] | None:
    """Return the columns of the datasets, where they are known; a rollout function may add some."""
    held = stored_in(trainer)
    given = [held.get("train_dataset"), held.get("eval_dataset")]
    sets = [one for each in given for one in (each.values() if isinstance(each, dict) else [each]) if one is not None]
    columns = [getattr(one, "column_names", None) for one in sets]
    if held.get("rollout_func") is not None or not columns or not all(isinstance(one, list) for one in columns):
        return None
    return list(dict.fromkeys(name for names in columns for name in names or ()))


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

    def end(self, _result: Any, _error: BaseException | None) -> None:
        """Have the trainer stop by itself, where that is asked for."""
        if self._session.stopping.take() is not None:
            self._trainer.control.should_training_stop = True


def _log(session: Session, scope: Scope, fields: dict[str, Any]) -> Span | None:
    trainer, logs = session.parts.trainer(), fields.get("logs")
    if trainer is None or not isinstance(logs, Mapping):
        return None
    closing = "loss" in logs if trainer.model.training else any(key.endswith(("_loss", "_runtime")) for key in logs)
    return LoggedRow(session, scope, trainer) if closing else None


def _rewards(session: Session, scope: Scope, fields: dict[str, Any]) -> Span | None:
    trainer = session.parts.trainer()
    inside = scope.role == "judge"  # a subclass's method that calls its parent's
    return None if trainer is None or inside else RewardStep(session, trainer, fields)


def _nothing(_session: Session, _scope: Scope, _fields: dict[str, Any]) -> None:
    """Open nothing: the trainer is known from here on."""


def _always(make_span: functions.MakeSpan) -> Callable[[str], functions.MakeSpan]:
    return lambda _label: make_span


REWARDS = Kind("trl rewards", _always(_rewards), in_children=False)
LOG = Kind("trl log", _always(_log), in_children=False)
ENTRANCE = Kind("trl entrance", _always(_nothing), in_children=False)
