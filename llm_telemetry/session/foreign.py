"""What another process tells, checked field by field before it counts: kind by kind, type by type, within bounds."""

from __future__ import annotations

import functools
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

from llm_telemetry.events import Call, Evaluation, Rollout, UnmatchedReward, Usage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from llm_telemetry.events import Event, Split

    Read = Callable[[Any], Any]
    Table = Mapping[type, Read | None]
    """What reads a value, by the type that JSON has made of it; `None` takes it as it is. Others cannot be."""

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


class _Shape(NamedTuple):
    """What can be told of a record."""

    needed: frozenset[str]
    """The fields that it must have."""
    tables: Mapping[str, Table]
    refuse: Read


def _record(record: Any, told: Mapping[str, Any]) -> Any:
    needed, tables, refuse = _shape(record)
    if not needed <= told.keys() <= tables.keys():
        raise ForeignError(f"{record.__name__}: fields are missing, or not known")
    made = {}
    for name, value in told.items():
        read = tables[name].get(type(value), refuse)
        made[name] = value if read is None else read(value)
    return record(**made)


@functools.cache
def _shape(record: Any) -> _Shape:
    """Return the shape of a record: types are looked at once."""
    hints = get_type_hints(record)
    needed = frozenset(hints.keys() - record._field_defaults.keys())
    return _Shape(needed, {name: _table(hint, record) for name, hint in hints.items()}, _checked(_never, record))


def _table(hint: Any, record: type[Any]) -> Table:
    """Return what makes a value of this type of what JSON has; it raises `ForeignError` where that cannot be."""
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        options = [_table(option, record) for option in get_args(hint)]
        return {kind: read for table in reversed(options) for kind, read in table.items()}  # the first one counts
    if origin is tuple:
        return {list: _tuple_of(get_args(hint), record)}
    if origin is Literal:
        return {str: _checked(frozenset(get_args(hint)).__contains__, record)}
    if hasattr(hint, "_fields"):
        return dict.fromkeys((list, dict), lambda value: _record(hint, _named(hint, value)))
    if hint in (int, float):
        return dict.fromkeys((int, hint), _between(*_bounds(record), record))
    plain: Mapping[Any, Table] = {
        str: {str: _checked(_is_short, record)},
        bool: {bool: None},
        NoneType: {NoneType: None},
    }
    return plain.get(hint, {})


def _bounds(record: type[Any]) -> tuple[int, int]:
    return (0, MOST_TOKENS) if record is Usage else (-LARGEST, LARGEST)


def _between(least: int, most: int, record: type[Any]) -> Read:
    """Return what takes a number within bounds, which NaN is not."""

    def read(value: Any) -> Any:
        if least <= value <= most:
            return value
        raise _refused(value, record)

    return read


def _checked(check: Callable[[Any], bool], record: type[Any]) -> Read:
    def read(value: Any) -> Any:
        if check(value):
            return value
        raise _refused(value, record)

    return read


def _is_short(text: str) -> bool:
    return len(text) <= LONGEST


def _never(_value: object) -> bool:
    return False


def _refused(value: Any, record: type[Any]) -> ForeignError:
    return ForeignError(f"{record.__name__}: {type(value).__name__} is out of bounds, or not what it should be")


def _tuple_of(kinds: tuple[Any, ...], record: type[Any]) -> Read:
    """Return what reads a tuple; `tuple[x, ...]` has as many as are told, within bounds."""
    tables = [_table(kind, record) for kind in kinds if kind is not Ellipsis]
    refuse = _checked(_never, record)
    open_ended = kinds[-1] is Ellipsis

    def read(value: Any) -> Any:
        wanted = tables * min(len(value), MOST_PARTS) if open_ended else tables
        if len(value) != len(wanted):
            raise _refused(value, record)
        readers = [table.get(type(part), refuse) for table, part in zip(wanted, value, strict=True)]
        return tuple([part if take is None else take(part) for take, part in zip(readers, value, strict=True)])

    return read


def _named(record: Any, value: Any) -> Mapping[str, Any]:
    """Return a record's fields by name: JSON makes lists of records."""
    if isinstance(value, dict):
        return value
    if len(value) > len(record._fields):
        raise ForeignError(f"{record.__name__}: has more fields than are known")
    return dict(zip(record._fields, value, strict=False))
