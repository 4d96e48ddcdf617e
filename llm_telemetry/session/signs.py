"""Signs: what tells that an object has been seen before, without keeping it alive.

An id alone would do as long as the object lives; so a sign also holds what is gone or different when another object
has come to lie at the same address.
"""

from __future__ import annotations

import types
import weakref
from typing import TYPE_CHECKING, Any, TypeAlias

from llm_telemetry.objects import FLAT, fields_of

if TYPE_CHECKING:
    from collections.abc import Sequence

Sign: TypeAlias = "tuple[object, ...]"

_DEPTH = 3
_MOST = 256
"""Objects that are looked at."""
_SAY_NOTHING = (type, types.ModuleType, types.FunctionType, types.MethodType, types.BuiltinFunctionType)


def signs_in(*values: Any) -> dict[Sign, object]:
    """Return the signs of some objects and of what is in them; hold the mapping for as long as they shall be known.

    All of one depth come before what is in them, as far as it is few.
    """
    signs: dict[Sign, object] = {}
    level: Sequence[Any] = values
    left = _MOST
    for depth in range(_DEPTH, 0, -1):
        rest = left - len(level) if depth > 1 else 0
        inner: list[Any] = []
        for value in level[:left]:
            kind = type(value)
            if kind is str:  # as most are, with nothing in them
                if len(value) > 1:  # one letter is one object
                    signs["text", id(value), hash(value)] = None
            elif kind is tuple or kind is list:
                inner += value[: max(rest, 0)]
            elif id(kind) not in FLAT:
                if (sign := _sign(value, kind)) is not None:
                    signs.setdefault(*sign)
                if rest > 0:
                    inner += _inside(value, kind)[:rest]
        if not inner:
            break
        level, left = inner, rest
    return signs


def _inside(value: Any, kind: type) -> Sequence[Any]:
    return value if issubclass(kind, list | tuple) else list(fields_of(value).values())


def _sign(value: Any, kind: type) -> tuple[Sign, object] | None:
    """Return a sign, and what keeps it good; `None` for what is the same object in many places.

    What a proxy pretends to be, beside its `kind`, does not count.
    """
    if issubclass(kind, str):
        return (("text", id(value), str.__hash__(value)), None) if len(value) > 1 else None
    if issubclass(kind, dict):
        text = next(((k, v) for k, v in dict.items(value) if type(k) is str and type(v) is str), None)
        return None if text is None else (("dict", id(value), hash(text)), None)
    if issubclass(kind, _SAY_NOTHING):
        return None
    try:
        known = weakref.ref(value)
    except TypeError:  # what has slots, say
        return None
    return ("object", id(known)), known  # the same object has the same reference for as long as one is held
