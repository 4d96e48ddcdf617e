"""A script without a trainer object: its reward, judge and step functions are found among its plain functions."""

from __future__ import annotations

from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from llm_telemetry.hooks.imports import is_library
from llm_telemetry.lifecycle.functions import parameters_of
from llm_telemetry.names import STEP_METHODS, VALIDATION_METHODS
from llm_telemetry.objects import stored_in
from llm_telemetry.settings.config import InstrumentError
from llm_telemetry.trainers import kinds
from llm_telemetry.trainers.adapter import Adapter, Found
from llm_telemetry.trainers.by_shape import EXECUTOR, REWARD
from llm_telemetry.trainers.judges import is_helper, is_judge, takes_prediction
from llm_telemetry.trainers.parts import listed, places_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from llm_telemetry.settings.config import Config
    from llm_telemetry.trainers.kinds import Kind, Watched

_ROLLOUTS = (*EXECUTOR.methods[: EXECUTOR.anywhere], "rollout")


class ModuleFunctions(Adapter):
    """A module: `instrument(sys.modules[__name__])`. Without a step function, rows of W&B are its steps."""

    name = "module"

    def matches(self, trainer: Any) -> bool:
        """Take modules."""
        return isinstance(trainer, ModuleType)

    def find(self, trainer: Any, config: Config) -> Found:  # noqa: ARG002 - names are for trainers and for functions
        """Return the functions that look like parts of a training, in the module and those of the user's that it uses.

        Raises:
            InstrumentError: There is neither a reward nor a judge function.
        """
        functions = _functions_of(trainer)
        watched = [row for name, function in functions.items() for row in _rows(name, function)]
        kinds_found = {row.kind.name for row in watched}
        if kinds_found.isdisjoint({kinds.REWARD.name, kinds.JUDGE.name}):
            raise InstrumentError(
                f"nothing to watch: {trainer.__name__} has no function that looks like a reward or a judge; it has "
                f"{listed(functions)}. Name yours: instrument(reward=…, judge=…), or mark it: @llm_telemetry.judge"
            )
        has_executor = kinds.ROLLOUT.name in kinds_found
        return Found(watched, rows_are_steps=kinds.STEP.name not in kinds_found, has_executor=has_executor)


def _functions_of(module: ModuleType) -> dict[str, FunctionType]:
    """Return the user's own functions in a module, and in the user's own modules that it has imported."""
    names = stored_in(module)
    own = [
        value for value in names.values() if isinstance(value, ModuleType) and _is_own(value.__dict__.get("__file__"))
    ]
    everywhere: list[Mapping[str, Any]] = [names, *map(stored_in, own)]
    return {
        name: value
        for inside in reversed(everywhere)
        for name, value in inside.items()
        if isinstance(value, FunctionType) and _is_own(value.__code__.co_filename)
    }


def _is_own(file: Any) -> bool:
    return isinstance(file, str) and not is_library(file)


def _rows(name: str, function: FunctionType) -> Sequence[Watched]:
    kind = _kind_of(name, function)
    if kind is None:
        return []
    places = {(id(place.owner), place.name): place for place in places_of(function)}  # a module may have two names
    return [kind.of(*place) for place in places.values()]


def _kind_of(name: str, function: FunctionType) -> Kind | None:
    """Tell what a function is by its name, as for methods of a trainer; `None` for what does not look like a part."""
    exact = {**dict.fromkeys(STEP_METHODS, kinds.STEP), **dict.fromkeys(VALIDATION_METHODS, kinds.VALIDATION)}
    exact |= dict.fromkeys(_ROLLOUTS, kinds.ROLLOUT)
    if name in exact:
        return exact[name]
    if is_judge(name, function):
        return kinds.JUDGE
    is_reward = name in REWARD.methods or (REWARD.attributes.search(name.lower()) and not is_helper(name))
    return kinds.REWARD if is_reward and takes_prediction(parameters_of(function)) else None
