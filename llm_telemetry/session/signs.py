"""Signs: what tells that an object has been seen before, without keeping it alive.

An id alone would do as long as the object lives; so a sign also holds what is gone or different when another object
has come to lie at the same address.
"""

from __future__ import annotations

import types
import weakref
from typing import TYPE_CHECKING, Any, TypeAlias

from llm_telemetry.objects import fields_of

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

Sign: TypeAlias = "tuple[object, ...]"

_DEPTH = 3
_MOST = 256
"""Objects that are looked at."""
_SAY_NOTHING = (type, types.ModuleType, types.FunctionType, types.MethodType, types.BuiltinFunctionType)


def signs_in(*values: Any) -> Mapping[Sign, object]:
    """Return the signs of some objects and of what is in them; hold the mapping for as long as they shall be known."""
    signs: dict[Sign, object] = {}
    for value in _within(values):
        if (sign := _sign(value)) is not None:
            signs.setdefault(*sign)
    return signs


def _within(values: Sequence[Any]) -> Iterator[Any]:
    """Yield some objects, then what is in them, and so on, as far as it is few."""
    level, left = list(values), _MOST
    for _ in range(_DEPTH):
        level = level[:left]
        left -= len(level)
        yield from level
        level = [inner for value in level for inner in _inside(value)[:left]]


def _inside(value: Any) -> Sequence[Any]:
    return value if issubclass(type(value), list | tuple) else list(fields_of(value).values())


def _sign(value: Any) -> tuple[Sign, object] | None:
    """Return a sign, and what keeps it good; `None` for what is the same object in many places."""
    kind = type(value)  # what a proxy pretends to be does not count
    if issubclass(kind, str):
        return (("text", id(value), str.__hash__(value)), None) if len(value) > 1 else None  # one letter is one object
    if issubclass(kind, dict):
        text = next(((k, v) for k, v in dict.items(value) if type(k) is str and type(v) is str), None)
        return None if text is None else (("dict", id(value), hash(text)), None)
    if value is None or issubclass(kind, _SAY_NOTHING):
        return None
    try:
        known = weakref.ref(value)
    except TypeError:  # numbers, lists, tuples
        return None
    return ("object", id(known)), known  # the same object has the same reference for as long as one is held
