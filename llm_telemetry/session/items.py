"""Dataset items: which source and which problem they name, alone, in tables, and nested in what a trainer passes on."""

from __future__ import annotations

import hashlib
import re
from typing import TYPE_CHECKING, Any

from llm_telemetry.objects import fields_of, is_flat, named_in, ranked

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

_LONGEST_NAME = 80
ID = re.compile(r"(^|_)(id|uid|uuid|idx|index)$")
"""Names of what tells an item from others."""
_DEPTH = 3
_LISTS = (list, tuple)

SOURCE_FIELDS = ranked("source", "data_source", "datasource", "dataset", "dataset_name", "task", "domain", "tag")
PROBLEM_FIELDS = ranked("problem", "question", "prompt", "raw_prompt", "query", "instruction", "input", "task", "text")
SURE_PROBLEMS = ranked(*(name for name in PROBLEM_FIELDS if name not in ("input", "text")))
"""The `text` of a trajectory is what was answered; its item comes first."""
_NESTED_SOURCES = ranked("extra_info", "metadata", "meta", "context", "scenario", "info", "non_tensor_batch")
_NESTED_ITEMS = ranked(
    *("item", "sample", "example", "row", "record", "data", "task", "scenario", "problem", "prompt", "input"),
    *("trajectory", "rollout", "state", *_NESTED_SOURCES),
)
"""Under these names an object may hold the item, or stand between us and the item."""


def source_in(fields: Mapping[Any, Any], names: Mapping[str, int] = SOURCE_FIELDS, depth: int = _DEPTH) -> str | None:
    """Return the first source named in `fields`, or in what is nested in it under a name for such things."""
    for name in named_in(fields, names):
        if isinstance(value := fields[name], str) and _is_name(value):
            return value
    for nested in _nested(fields, _NESTED_SOURCES) if depth else ():
        if (source := source_in(nested, names, depth - 1)) is not None:
            return source
    return None


def _value_in(fields: Mapping[Any, Any], name: str, depth: int = _DEPTH) -> str | None:
    """Return what a field that the user has named says, also a number, or the same of what is nested in `fields`."""
    value = fields.get(name)
    if isinstance(value, str | int | float):
        return str(value)[:_LONGEST_NAME]
    inner = (_value_in(nested, name, depth - 1) for nested in _nested(fields, _NESTED_SOURCES) if depth)
    return next((found for found in inner if found is not None), None)


def _is_name(value: str) -> bool:
    """Tell a dataset's name from a text: an argument `task` may be either."""
    return bool(value.strip()) and len(value) <= _LONGEST_NAME and "\n" not in value


def problem_in(fields: Mapping[Any, Any], names: Mapping[str, int] = PROBLEM_FIELDS) -> int | None:
    """Return a fingerprint of the problem's text in `fields`, a text or the messages of a chat; no text is kept."""
    return problem_of(fields, named_in(fields, names))


def problem_of(fields: Mapping[Any, Any], names: Iterable[str]) -> int | None:
    """Return the same of the first of these fields, all of which are there, that is such a text."""
    for name in names:
        value = fields[name]
        if text := value if type(value) is str else _text(value):
            return fingerprint(text)
    return None


def ids_in(fields: Mapping[Any, Any]) -> Iterator[tuple[str, object]]:
    """Yield what tells an item, or a rollout, from others, by name: `task_id`, `uid` and the like."""
    for name, value in fields.items():
        if isinstance(value, int | str) and not isinstance(value, bool) and ID.search(str(name)):
            yield str(name), value


def fingerprint(text: str) -> int:
    """Return a number that stands for a text, in every process the same."""
    return int.from_bytes(hashlib.blake2b(text.encode(errors="replace"), digest_size=8).digest(), "big")


def _text(value: Any) -> str:
    """Return the text of a problem; of a chat the only message of the user, or all that is said."""
    if isinstance(value, str):
        return value
    if not is_chat(value):
        return ""
    asked = [_said(message) for message in value if message.get("role") == "user"]
    return asked[0] if len(asked) == 1 else "\n".join(map(_said, value))


def _said(message: Mapping[str, Any]) -> str:
    """Return the text of a message, which may be one of several parts."""
    content = message.get("content")
    parts = content if isinstance(content, list) else [{"text": content}]
    return "\n".join(text for part in parts if type(part) is dict and isinstance(text := part.get("text"), str))


def is_chat(value: Any) -> bool:
    """Tell whether this is a list of messages."""
    return isinstance(value, _LISTS) and bool(value) and all(type(m) is dict and "role" in m for m in value)


def items_in(fields: Mapping[Any, Any], depth: int = _DEPTH) -> list[Mapping[Any, Any]]:
    """Return what may be the dataset's item: `fields`, then what is nested in it under a name for such things."""
    items = [fields]
    for nested in _nested(fields, _NESTED_ITEMS) if depth else ():
        items += items_in(nested, depth - 1)
    return items


def _nested(fields: Mapping[Any, Any], names: Mapping[str, int]) -> Sequence[Mapping[Any, Any]]:
    if is_flat(fields.values()):
        return ()
    inner = (fields_of(fields[name]) for name in named_in(fields, names))
    return [nested for nested in inner if nested and nested is not fields]


def is_item(fields: Mapping[Any, Any]) -> bool:
    """Tell an item from a message, or a part of one."""
    if not fields or "role" in fields or ("type" in fields and "text" in fields):
        return False
    return _tells(fields) or any(map(_tells, items_in(fields)[1:]))


def _tells(fields: Mapping[Any, Any]) -> bool:
    """Tell whether a source or a problem is named here."""
    return any(_text(fields[name]) for name in named_in(fields, PROBLEM_FIELDS)) or source_in(fields) is not None


def rows_in(table: Any, *, grouped: bool = True) -> list[Mapping[Any, Any]]:
    """Return the items of a table: a list of items, or of groups of them, or an object or a mapping of columns.

    It is empty where it is no table.
    """
    if isinstance(table, _LISTS) and not hasattr(type(table), "_fields"):
        if grouped and table and all(isinstance(group, list) for group in table):
            groups = [rows_in(group, grouped=False) for group in table]
            return [row for group in groups for row in group] if all(groups) else []
        rows: list[Mapping[Any, Any]] = []
        for element in table:  # a list of numbers is soon left
            if not is_item(fields := fields_of(element)):
                return []
            rows.append(fields)
        return rows
    return _rows_of(_columns(fields_of(table)))


def _columns(fields: Mapping[Any, Any]) -> dict[str, Sequence[Any]]:
    """Return the columns of a table; those of verl's and ROLL's `DataProto` lie in its `non_tensor_batch`."""
    columns = {name: column for name, v in fields.items() if (column := _column(v)) is not None}
    inner = fields.get("non_tensor_batch")
    return {**columns, **_columns(fields_of(inner))} if inner is not None else columns


def _column(value: Any) -> Sequence[Any] | None:
    """Return a column as a list; a list of messages is a text, and tensors are no columns of items."""
    if isinstance(value, _LISTS) and not hasattr(type(value), "_fields"):
        return None if is_chat(value) else value
    is_array = type(value).__module__ == "numpy" and getattr(value, "ndim", 0) == 1
    return value.tolist() if is_array and value.dtype.kind in "OUS" else None


def _rows_of(columns: Mapping[str, Sequence[Any]]) -> list[Mapping[Any, Any]]:
    """Return the rows of a table in which some column tells problems or sources, or holds what does."""
    telling = {*PROBLEM_FIELDS, *SOURCE_FIELDS, *_NESTED_ITEMS}
    length = next((len(column) for name, column in columns.items() if singular(name) in telling), 0)
    table = {name: column for name, column in columns.items() if len(column) == length}
    rows = [dict(zip(table, row, strict=True)) for row in zip(*table.values(), strict=True)] if length else []
    named: list[Mapping[Any, Any]] = [{**row, **{singular(name): value for name, value in row.items()}} for row in rows]
    return named if all(map(is_item, named)) else []


def singular(name: object) -> str:
    """Return the name that one of a column's values has: `problems` are each a `problem`."""
    return str(name).removesuffix("s")


class SourceIndex:
    """The sources of items: what they tell, and problem → source for those that were handed out lately.

    Args:
        named: The setting `source`: the field that tells, or `=` and a constant; by default one of `SOURCE_FIELDS`.
        limit: Remember at most so many items (two ints and a shared string each).
    """

    def __init__(self, named: str | None = None, limit: int = 65536) -> None:
        constant = named is not None and named.startswith("=")
        self._constant = named[1:] if named is not None and constant else None
        self.field = None if constant else named
        """The field that was named."""
        self.is_named = named is not None
        self._limit = limit
        self._sources: dict[int, str | None] = {}
        """`None` for a problem of several sources."""

    def told_in(self, fields: Mapping[Any, Any], usual: Mapping[str, int] = SOURCE_FIELDS) -> str | None:
        """Return the source that an item tells: under the name in the settings, else under one of the `usual`."""
        if self._constant is not None:
            return self._constant
        return source_in(fields, usual) if self.field is None else _value_in(fields, self.field)

    def learn(self, handed_out: object) -> None:
        """Remember the items in `handed_out`: an item, a table of items, or a list or tuple of such things."""
        for item in _handed_out(handed_out):
            self.remember(problem_in(item), self.told_in(item))

    def remember(self, problem: int | None, source: str | None) -> None:
        """Remember the source of a problem, as far as both are known."""
        if problem is None or source is None:
            return
        known = self._sources.pop(problem, source)  # to the young end: the oldest are forgotten first
        self._sources[problem] = source if known == source else None
        if len(self._sources) > self._limit:
            del self._sources[next(iter(self._sources))]

    def find(self, problem: int | None) -> str | None:
        """Return the source of the item with this problem, else `None`."""
        return None if problem is None else self._sources.get(problem)


def _handed_out(value: object, depth: int = _DEPTH) -> Iterable[Mapping[Any, Any]]:
    """Yield the items in what a data manager returned."""
    if rows := rows_in(value):
        for row in rows:
            yield from items_in(row)
    elif isinstance(value, _LISTS):
        for element in value if depth else ():
            yield from _handed_out(element, depth - 1)
    else:
        yield from items_in(fields_of(value))
