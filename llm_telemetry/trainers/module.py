"""A script without a trainer object: its reward, judge and step functions are found among its plain functions."""

from __future__ import annotations

import re
from types import FunctionType, ModuleType
from typing import TYPE_CHECKING, Any

from llm_telemetry.imports import is_library
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
_TRAINING = re.compile(
    r"train(er|ing)?|(train|training|update|optimi[sz]e)_(step|loop|epoch|batch|policy|model|weights|on_\w+|one_\w+)|"
    r"(global_|n_|num_)?(steps?|epochs?|iterations?)|optimi[sz]er?|backward|zero_grad|learning_rate|lr|grpo|ppo|"
    r"reinforce|advantages?|fine_?tune"
)
"""Names in a program that trains."""


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
        kinds_of = {name: kind for name, one in functions.items() if (kind := _kind_of(name, one)) is not None}
        found = {kind.name for kind in kinds_of.values()}
        if found.isdisjoint({kinds.REWARD.name, kinds.JUDGE.name}):
            raise InstrumentError(
                f"nothing to watch: {trainer.__name__} has no function that looks like a reward or a judge; it has "
                f"{listed(functions)}. Name yours: instrument(reward=…, judge=…), or mark it: @llm_telemetry.judge"
            )
        trains = _trains(trainer, functions) or (False if kinds.VALIDATION.name in found else None)
        if not trains:
            kinds_of = _of_evaluation(kinds_of, rewarded=kinds.REWARD.name in found)
        return Found(
            [row for name, kind in kinds_of.items() for row in _rows(kind, functions[name])],
            rows_are_steps=kinds.STEP.name not in found,
            trains=trains,
            has_executor=kinds.ROLLOUT.name in found,
        )


def _trains(module: ModuleType, functions: Mapping[str, FunctionType]) -> bool:
    """Tell by the names in a program whether it trains: of its functions, of variables, of what they call."""
    code = (one.__code__ for one in functions.values())
    used = (name for one in code for name in (*one.co_names, *one.co_varnames))
    return any(_TRAINING.fullmatch(name.lower()) for name in (*stored_in(module), *used))


def _of_evaluation(kinds_of: Mapping[str, Kind], *, rewarded: bool) -> dict[str, Kind]:
    """Return what functions are where nothing is trained: the whole is the validation, and a lone judge rewards."""
    judge = kinds.JUDGE if rewarded else kinds.JUDGING_REWARD
    kept = {name: kind for name, kind in kinds_of.items() if kind.name != kinds.VALIDATION.name}
    return {name: judge if kind.name == kinds.JUDGE.name else kind for name, kind in kept.items()}


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


def _rows(kind: Kind, function: FunctionType) -> Sequence[Watched]:
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
