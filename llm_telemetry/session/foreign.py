"""What another process tells, checked field by field before it counts: kind by kind, type by type, within bounds."""

from __future__ import annotations

import functools
import math
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

from llm_telemetry.events import Call, Evaluation, Rollout, UnmatchedReward, Usage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from llm_telemetry.events import Event, Split

KINDS: Mapping[str, type[Any]] = {
    "call": Call,
    "evaluation": Evaluation,
    "rollout": Rollout,
    "unmatched": UnmatchedReward,
}
"""The events that a line can hold, by what they are called there."""
LARGEST = 2**64
"""Of any number."""
MOST_TOKENS = 10**9
"""Of one call."""
MOST_PARTS = 256
"""Of one reward."""
LONGEST = 100_000
"""Characters of a text."""


class ForeignError(ValueError):
    """What another process has told cannot be."""


class ToldRollout(NamedTuple):
    """A rollout that another process tells of."""

    key: tuple[int, int]
    source: str | None
    problem: int | None
    group: str | int | None = None


class Executed(NamedTuple):
    """An execution that has ended elsewhere."""

    rollout: ToldRollout
    failed: bool


class Rewarded(NamedTuple):
    """A reward that was computed elsewhere."""

    wanted: ToldRollout
    last: ToldRollout | None
    reward: float | None


def event_in(kind: str, told: Any, split: Split) -> Event | Executed | Rewarded:
    """Return what a line tells.

    Args:
        kind: What it is called.
        told: Its fields; one that is missing has its default, so that older and newer processes understand each other.
        split: Of the owner's phase: a child cannot know it.

    Raises:
        ForeignError: A field is missing, unknown, of another type, or out of bounds.
    """
    record: Any = {**KINDS, "executed": Executed, "rewarded": Rewarded}.get(kind)
    if record is None or not isinstance(told, dict):
        raise ForeignError(f"there is no event {kind!r}"[:100])
    if "split" in record._fields:
        told = {**told, "split": split}
    event: Event | Executed | Rewarded = _record(record, told)
    return event


def _record(record: Any, told: Mapping[str, Any]) -> Any:
    hints = _hints(record)
    needed = hints.keys() - record._field_defaults.keys()
    if not needed <= told.keys() <= hints.keys():
        raise ForeignError(f"{record.__name__}: fields are missing, or not known")
    return record(**{name: _value(hints[name], value, record) for name, value in told.items()})


@functools.cache
def _hints(record: Any) -> Mapping[str, Any]:
    return get_type_hints(record)


def _value(hint: Any, value: Any, record: type[Any]) -> Any:
    """Return a value as the type that it should have."""
    if get_origin(hint) in (Union, UnionType):
        hint = next((option for option in get_args(hint) if _looks_like(option, value)), None)
    if get_origin(hint) is tuple and isinstance(value, list):
        kinds = _kinds_in(hint, len(value))
        if len(value) == len(kinds):
            return tuple(_value(one, part, record) for one, part in zip(kinds, value, strict=True))
    if hasattr(hint, "_fields"):
        return _record(hint, _named(hint, value))
    if get_origin(hint) is Literal and isinstance(value, str) and value in get_args(hint):
        return value
    if (check := _CHECKS.get(hint)) is not None and check(value, record):
        return value
    raise ForeignError(f"{record.__name__}: {type(value).__name__} is out of bounds, or not what it should be")


def _kinds_in(hint: Any, count: int) -> tuple[Any, ...]:
    """Return the types in a tuple; `tuple[x, ...]` has as many as are told, within bounds."""
    kinds = get_args(hint)
    return kinds[:1] * min(count, MOST_PARTS) if kinds[-1] is Ellipsis else kinds


def _looks_like(option: Any, value: Any) -> bool:
    """Tell whether a value is of this one of several types; JSON has lists for records, and writes 1.0 as it likes."""
    if hasattr(option, "_fields"):
        return type(value) in (list, dict)
    return type(value) in {float: (float, int)}.get(option, (list,) if get_origin(option) is tuple else (option,))


def _named(record: type[Any], value: Any) -> Mapping[str, Any]:
    """Return a record's fields by name: JSON makes lists of records."""
    if isinstance(value, list) and len(value) <= len(record._fields):
        return dict(zip(record._fields, value, strict=False))
    if not isinstance(value, dict):
        raise ForeignError(f"{record.__name__}: is not told as one")
    return value


def _is_int(value: Any, record: type[Any]) -> bool:
    if type(value) is not int:
        return False
    return 0 <= value <= MOST_TOKENS if record is Usage else abs(value) <= LARGEST


def _is_float(value: Any, _record: type[Any]) -> bool:
    return type(value) in (int, float) and abs(value) <= LARGEST and math.isfinite(value)


_CHECKS: Mapping[Any, Callable[[Any, type[Any]], bool]] = {
    NoneType: lambda value, _: value is None,
    bool: lambda value, _: type(value) is bool,
    int: _is_int,
    float: _is_float,
    str: lambda value, _: isinstance(value, str) and len(value) <= LONGEST,
}
