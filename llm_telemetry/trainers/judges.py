"""The judges of a trainer: methods of a reward computer, functions beside it, objects that judge; named or found."""

from __future__ import annotations

import functools
import inspect
import re
import sys
from collections.abc import Mapping
from types import CodeType
from typing import TYPE_CHECKING, Any

from llm_telemetry.lifecycle.functions import parameters_of
from llm_telemetry.objects import stored_in
from llm_telemetry.settings.config import InstrumentError
from llm_telemetry.sources import clean_source
from llm_telemetry.trainers.parts import Part, at, listed, methods_of, on, places_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

KNOWN_NAMES = ("_llm_judge_compare", "llm_judge_compare", "_llm_judge", "llm_judge", "_judge", "judge")
_JUDGE_METHODS = (*KNOWN_NAMES, "compare", "evaluate", "grade", "score", "__call__")
_NAMELESS = ("compare", "evaluate", "grade", "score", "__call__")
_NO_JUDGE = re.compile(r"init|client|prompt|parse|build|make|format|load|setup|stats|extract|config|__")
_PREDICTION = re.compile(r"predict|answer|response|completion|output|candidate|solution|generat|trajector|transcript")


def find_judges(trainer: Any, reward: Part | None, given: Any) -> tuple[Part, ...]:
    """Find the judge functions: those that the user names, else on the reward computer or beside its function.

    Raises:
        InstrumentError: One that was named is not there, or is no judge.
    """
    if given is None:
        return () if reward is None else tuple(map(_labelled, _judges_of(reward)))
    named = given if isinstance(given, Mapping) else {"": given}
    if wrong := [label for label in named if not isinstance(label, str)]:
        raise InstrumentError(f"judge: a judge is called by a string, not by {wrong[0]!r}")
    return tuple(
        _labelled(part, label)
        for label, judges in named.items()
        for judge in (judges if isinstance(judges, list | tuple) else [judges])
        for part in _judges_given(trainer, reward, judge)
    )


def _labelled(part: Part, label: str = "") -> Part:
    """Give a judge its name in keys: the user's, its function's, or its class's if the function says nothing."""
    own = part.label or (type(part.owner).__name__ if part.name in _NAMELESS else part.name)
    return part._replace(label=clean_source(label or own).strip("_"))


def _judges_given(trainer: Any, reward: Part | None, given: Any) -> Sequence[Part]:
    """Find the judge at a path, or the one that was handed in."""
    roots = [root for root in (reward and reward.owner, trainer) if root is not None]
    if not isinstance(given, str):
        part = on(given, _JUDGE_METHODS)
        held = places_of(given, roots) if callable(given) and not isinstance(given, type) else []
        return [part] if part else held or [_no_judge(repr(given), given)]
    root = next((root for root in roots if hasattr(root, given.split(".")[0])), None)
    if root is None:
        return [_no_judge(repr(given), roots[0])]
    return [at(root, given, "judge", _JUDGE_METHODS) or _no_judge(repr(given), root)]


def _no_judge(name: str, owner: Any) -> Part:
    raise InstrumentError(
        f"judge {name}: there is no such function; give the path of a method, a function, or an object that judges. "
        f"{type(owner).__name__} has {listed(methods_of(owner))}"
    )


def _judges_of(reward: Part) -> Iterator[Part]:
    """Yield the judge functions of a reward computer: the one with a known name, else all that look like one."""
    owner = reward.owner
    methods = methods_of(owner)
    known = next((name for name in KNOWN_NAMES if name in methods), None)
    if known is not None:
        yield Part(owner, known)
        return
    found = [Part(owner, name) for name in methods if is_judge(name, getattr(owner, name))]
    yield from found or _held_judges(owner) or _judges_beside(reward)


def _held_judges(owner: Any) -> list[Part]:
    """Find judges on a reward computer's attributes: functions, and objects that judge."""
    judges = [(name, value) for name, value in [*stored_in(owner).items()] if sounds_like_judge(name)]
    functions = [Part(owner, name) for name, value in judges if inspect.isroutine(value)]
    objects = [part for _, value in judges if (part := on(value, _JUDGE_METHODS)) is not None]
    return [part for part in (*functions, *objects) if _judges_predictions(part.function)]


def judges_below(function: Any) -> list[Part]:
    """Find the judges of a reward function that is held in a list: methods of its object, functions beside it."""
    while isinstance(function, functools.partial):
        function = function.func
    owner = getattr(function, "__self__", function)
    if inspect.isfunction(function) or inspect.ismodule(owner) or isinstance(owner, type):
        return [_labelled(part) for part in _beside(function, [])]
    method = function.__name__ if inspect.ismethod(function) else "__call__"
    return [_labelled(part) for part in _judges_of(Part(owner, method)) if part.name != method]


def _judges_beside(reward: Part) -> list[Part]:
    """Find judge functions in the module of a reward function: those that it, or its object, calls by name."""
    return _beside(reward.function, [getattr(reward.owner, name) for name in methods_of(reward.owner)])


def _beside(function: Any, methods: Sequence[Any]) -> list[Part]:
    function = inspect.unwrap(function)
    module = sys.modules.get(getattr(function, "__module__", None) or "") or Unlisted(function)
    called = {name for one in (function, *methods) for name in _names_in(getattr(one, "__code__", None))}
    functions = {
        name: value for name, value in [*stored_in(module).items()] if name in called and inspect.isfunction(value)
    }
    return [Part(module, name) for name, value in functions.items() if value is not function and is_judge(name, value)]


class Unlisted:
    """Stands for the module of a function where no module of its name is to be found: its names are the module's."""

    __slots__ = ("__dict__",)  # without `__weakref__`: who knows it keeps it

    def __init__(self, function: Any) -> None:
        self.__dict__ = getattr(function, "__globals__", {})


def _names_in(code: Any) -> Iterator[str]:
    """Yield the global names and attributes that a function's code uses."""
    if isinstance(code, CodeType):
        yield from code.co_names
        for constant in code.co_consts:
            yield from _names_in(constant)


def is_judge(name: str, function: Callable[..., Any]) -> bool:
    """Tell a judge function by its name and its parameters."""
    return sounds_like_judge(name) and _judges_predictions(function)


def is_helper(name: str) -> bool:
    """Tell by its name what is only needed for a judge or a reward: that makes, parses or loads something."""
    return _NO_JUDGE.search(name.lower()) is not None


def sounds_like_judge(name: str) -> bool:
    """Tell whether a name is that of a judge, and not of what a judge needs."""
    return "judge" in name.lower() and not _NO_JUDGE.search(name.lower())


def _judges_predictions(function: Callable[..., Any]) -> bool:
    """Tell whether a function takes a prediction and gives a verdict, not text."""
    returns = getattr(function, "__annotations__", {}).get("return")
    gives_text = returns in (str, "str", None, "None") and "return" in getattr(function, "__annotations__", {})
    return not gives_text and takes_prediction(parameters_of(function))


def takes_prediction(parameters: Iterable[str]) -> bool:
    """Tell whether one of these parameters is what is to be judged."""
    return any(_PREDICTION.search(name.lower()) for name in parameters)
