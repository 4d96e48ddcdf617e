"""What another process tells, checked field by field before it counts: kind by kind, type by type, within bounds."""

from __future__ import annotations

import functools
from types import NoneType, UnionType
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Union, get_args, get_origin, get_type_hints

from llm_telemetry.events import SPLITS, Call, Evaluation, Padded, Rollout, Split, UnmatchedReward, Usage

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from llm_telemetry.events import Event

    Read = Callable[[Any], Any]
    Table = Mapping[type, Read | None]
    """What reads a value, by the type that JSON has made of it; `None` takes it as it is. Others cannot be."""

KINDS: Mapping[str, type[Any]] = {
    "call": Call,
    "evaluation": Evaluation,
    "rollout": Rollout,
    "unmatched": UnmatchedReward,
    "padded": Padded,
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
    split: Split | None = None
    """Where the process knows it."""


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


def told_of(event: Event, *, knows_split: bool = False) -> dict[str, Any]:
    """Return the fields of an event that a line has to tell: one that is missing there has its default.

    Its split is the owner's to say, unless this process knows it.
    """
    defaults = event._field_defaults
    fields = zip(event._fields, event, strict=True)
    told = {name: value for name, value in fields if value is not defaults.get(name, ...)}
    if not knows_split:
        del told["split"]
    return told


def event_in(kind: str, told: Any, split: Split) -> Event | Executed | Rewarded:
    """Return what a line tells.

    Args:
        kind: What it is called.
        told: Its fields; one that is missing has its default, so that older and newer processes understand each other.
        split: Of the owner's phase, which is added to the fields where the process does not know it.

    Raises:
        ForeignError: A field is missing, unknown, of another type, or out of bounds.
    """
    record: Any = _RECORDS.get(kind) if isinstance(kind, str) else None
    if record is None or not isinstance(told, dict):
        raise ForeignError(f"there is no event {kind!r}"[:100])
    if "split" in record._fields:
        told.setdefault("split", split)
    event: Event | Executed | Rewarded = _record(record, told)
    return event


def _record(record: Any, told: Mapping[str, Any]) -> Any:
    tables = _tables(record)
    try:
        return record(
            **{
                name: value if (read := tables[name][type(value)]) is None else read(value)
                for name, value in told.items()
            }
        )
    except (LookupError, TypeError):  # a field or type that is not known; one that is missing
        raise _refused(record) from None


@functools.cache
def _tables(record: Any) -> Mapping[str, Table]:
    """Return what reads each field of a record: types are looked at once."""
    return {name: _table(hint, record) for name, hint in get_type_hints(record).items()}


def _table(hint: Any, record: type[Any]) -> Table:
    """Return what makes a value of this type of what JSON has; where that cannot be it raises, too, a `KeyError`."""
    origin = get_origin(hint)
    if origin in (Union, UnionType):
        options = [_table(option, record) for option in get_args(hint)]
        return {kind: read for table in reversed(options) for kind, read in table.items()}  # the first one counts
    if origin is tuple:
        return {list: _tuple_of(get_args(hint), record)}
    if origin is Literal:
        known = SPLITS if hint == Split else get_args(hint)  # "eval" is what payloads are called, not what is counted
        return {str: {option: option for option in known}.__getitem__}
    if hasattr(hint, "_fields"):
        in_order = _in_order(list(_tables(hint).values()))
        return {list: lambda told: hint(*in_order(told)), dict: functools.partial(_record, hint)}
    if hint in (int, float):
        return dict.fromkeys((int, hint), _between(*_bounds(record), record))
    plain: Mapping[Any, Table] = {str: {str: _short(record)}, bool: {bool: None}, NoneType: {NoneType: None}}
    return plain.get(hint, {})


def _bounds(record: type[Any]) -> tuple[int, int]:
    return (0, MOST_TOKENS) if record is Usage else (-LARGEST, LARGEST)


def _between(least: int, most: int, record: type[Any]) -> Read:
    """Return what takes a number within bounds, which NaN is not."""

    def read(value: Any) -> Any:
        if least <= value <= most:
            return value
        raise _refused(record)

    return read


def _short(record: type[Any]) -> Read:
    def read(text: str) -> str:
        if len(text) <= LONGEST:
            return text
        raise _refused(record)

    return read


def _tuple_of(kinds: tuple[Any, ...], record: type[Any]) -> Read:
    """Return what reads a tuple; `tuple[x, ...]` has as many as are told, within bounds."""
    tables = [_table(kind, record) for kind in kinds if kind is not Ellipsis]
    return _in_order(tables * MOST_PARTS) if kinds[-1] is Ellipsis else _in_order(tables, len(tables))


def _in_order(tables: list[Table], least: int = 0) -> Callable[[list[Any]], tuple[Any, ...]]:
    """Return what reads a list by a table for each place; where there are less than the least it is an `IndexError`.

    So it is where there are more than tables.
    """

    def read(told: list[Any]) -> tuple[Any, ...]:
        if len(told) < least:
            raise IndexError
        return tuple(
            [value if (take := tables[at][type(value)]) is None else take(value) for at, value in enumerate(told)]
        )

    return read


def _refused(record: type[Any]) -> ForeignError:
    return ForeignError(f"{record.__name__}: a field is missing, not known, out of bounds, or not what it should be")
