"""No trainer at all: a script of functions. Those that are named are watched; the rest is told by hand."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llm_telemetry.settings.config import InstrumentError
from llm_telemetry.trainers import kinds
from llm_telemetry.trainers.adapter import Adapter, Found
from llm_telemetry.trainers.judges import find_judges
from llm_telemetry.trainers.parts import places_of

if TYPE_CHECKING:
    from llm_telemetry.settings.config import Config
    from llm_telemetry.trainers.parts import Part


class Script:
    """Stands for the trainer where there is none."""


SCRIPT = Script()
_KINDS = {"executor": kinds.ROLLOUT, "reward": kinds.REWARD, "items": kinds.ITEMS}


class Functions(Adapter):
    """A script: `instrument(executor=solve, reward=grade, judge=is_right)`, each a function or a bound method."""

    name = "functions"

    def matches(self, trainer: Any) -> bool:
        """Take what stands for no trainer."""
        return trainer is SCRIPT

    def find(self, trainer: Any, config: Config) -> Found:
        """Return the functions that are named, wherever the program's modules hold them.

        Raises:
            InstrumentError: What is named is no function, or is a part that only a trainer has.
        """
        for setting in ("step", "validation"):
            if getattr(config, setting) is not None:
                raise InstrumentError(f"{setting}= names a trainer's method; without one: with telemetry.{setting}()")
        judges = find_judges(trainer, None, config.judge) if config.judge is not None else ()
        named = [(kind, part) for setting, kind in _KINDS.items() for part in _places(setting, config)]
        watched = [kind.of(*part) for kind, part in named if not any(part.is_same(judge) for judge in judges)]
        rewards = [part for kind, part in named if kind is kinds.REWARD]
        for judge in judges:
            is_reward = any(judge.is_same(part) for part in rewards)
            watched.append((kinds.JUDGING_REWARD if is_reward else kinds.JUDGE).of(*judge))
        has_executor = config.executor is not None or config.reward is None
        return Found(watched, trains=None, has_executor=has_executor, rewards=None)  # told by hand, with each rollout


class WatchedFunctions(Functions):
    """Functions that `watch` was given one by one; without steps by hand, rows of W&B are the steps."""

    name = "watched_functions"

    def find(self, trainer: Any, config: Config) -> Found:
        """Return nothing to hook, for each function is a hook already."""
        found = super().find(trainer, config)
        return found._replace(rows_are_steps=True, trains=True, answers_itself=True, has_executor=False)


def _places(setting: str, config: Config) -> list[Part]:
    given = getattr(config, setting)
    if given is None:
        return []
    places = places_of(given) if callable(given) and not isinstance(given, type) else []
    if not places:
        raise InstrumentError(f"{setting}={given!r}: without a trainer give a function of a module, or a bound method")
    return places
