"""What another process tells, checked field by field before it counts: kind by kind, type by type, within bounds."""

from __future__ import annotations

import functools
import math
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

from llm_telemetry.events import Call, Evaluation, Rollout, UnmatchedReward, Usage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from llm_telemetry.events import Event, Split

    Read = Callable[[Any], Any]

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


_RECORDS: Mapping[str, type[Any]] = {**KINDS, "executed": Executed, "rewarded": Rewarded}


def event_in(kind: str, told: Any, split: Split) -> Event | Executed | Rewarded:
    """Return what a line tells.

    Args:
        kind: What it is called.
        told: Its fields; one that is missing has its default, so that older and newer processes understand each other.
        split: Of the owner's phase: a child cannot know it.

    Raises:
        ForeignError: A field is missing, unknown, of another type, or out of bounds.
    """
    record: Any = _RECORDS.get(kind) if isinstance(kind, str) else None
    if record is None or not isinstance(told, dict):
        raise ForeignError(f"there is no event {kind!r}"[:100])
    if "split" in record._fields:
        told = {**told, "split": split}
    event: Event | Executed | Rewarded = _record(record, told)
    return event


def _record(record: Any, told: Mapping[str, Any]) -> Any:
    needed, readers = _shape(record)
    if not needed <= told.keys() <= readers.keys():
        raise ForeignError(f"{record.__name__}: fields are missing, or not known")
    return record(**{name: readers[name](value) for name, value in told.items()})


@functools.cache
def _shape(record: Any) -> tuple[frozenset[str], Mapping[str, Read]]:
    """Return the fields that a record must have, and what makes the value of each: types are looked at once."""
    hints = get_type_hints(record)
    return frozenset(hints.keys() - record._field_defaults.keys()), {
        name: _reader(hint, record) for name, hint in hints.items()
    }


def _reader(hint: Any, record: type[Any]) -> Read:
    """Return what makes a value of this type of what JSON has; it raises `ForeignError` where that cannot be."""
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        return _one_of([(_looks_like(option), _reader(option, record)) for option in get_args(hint)], record)
    if origin is tuple:
        return _tuple_of(get_args(hint), record)
    if hasattr(hint, "_fields"):
        return lambda value: _record(hint, _named(hint, value))
    if origin is Literal:
        return _checked(lambda value, _: isinstance(value, str) and value in get_args(hint), record)
    return _checked(_CHECKS.get(hint, lambda *_: False), record)


def _refused(value: Any, record: type[Any]) -> ForeignError:
    return ForeignError(f"{record.__name__}: {type(value).__name__} is out of bounds, or not what it should be")


def _checked(check: Callable[[Any, type[Any]], bool], record: type[Any]) -> Read:
    def read(value: Any) -> Any:
        if check(value, record):
            return value
        raise _refused(value, record)

    return read


def _one_of(options: Sequence[tuple[frozenset[type], Read]], record: type[Any]) -> Read:
    """Return what reads as the first of several types that a value looks like."""

    def read(value: Any) -> Any:
        for types, read_one in options:
            if type(value) in types:
                return read_one(value)
        raise _refused(value, record)

    return read


def _looks_like(option: Any) -> frozenset[type]:
    """Return what JSON may have made of one of several types: lists of records, and 1 of 1.0."""
    if hasattr(option, "_fields"):
        return frozenset((list, dict))
    if get_origin(option) is tuple:
        return frozenset((list,))
    return frozenset({float: (float, int), Literal: (str,)}.get(get_origin(option) or option, (option,)))


def _tuple_of(kinds: tuple[Any, ...], record: type[Any]) -> Read:
    """Return what reads a tuple; `tuple[x, ...]` has as many as are told, within bounds."""
    readers = [_reader(kind, record) for kind in kinds if kind is not Ellipsis]
    open_ended = kinds[-1] is Ellipsis

    def read(value: Any) -> Any:
        wanted = readers * min(len(value), MOST_PARTS) if open_ended and isinstance(value, list) else readers
        if not isinstance(value, list) or len(value) != len(wanted):
            raise _refused(value, record)
        return tuple([read_one(part) for read_one, part in zip(wanted, value, strict=True)])

    return read


def _named(record: Any, value: Any) -> Mapping[str, Any]:
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
