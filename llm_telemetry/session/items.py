"""Dataset items: which source and which problem they name, and which items were handed out."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

_LONGEST_NAME = 80

SOURCE_FIELDS = ("source", "data_source", "datasource", "dataset", "dataset_name", "task", "domain", "tag")
_NESTED_FIELDS = ("extra_info", "metadata", "meta")
PROBLEM_FIELDS = ("problem", "question", "prompt", "query", "instruction", "input", "task", "text")
_ITEM_FIELDS = ("item", "sample", "example", "row", "record", "data", "task")


def source_in(fields: Mapping[Any, Any], names: Sequence[str] = SOURCE_FIELDS, depth: int = 3) -> str | None:
    """Return the first source named in `fields` or in its `extra_info`/`metadata`/`meta`, else `None`."""
    for name in names:
        value = fields.get(name)
        if isinstance(value, str) and _is_name(value):
            return value
    for name in _NESTED_FIELDS:
        nested = fields.get(name)
        if depth and isinstance(nested, Mapping) and (found := source_in(nested, names, depth - 1)):
            return found
    return None


def _is_name(value: str) -> bool:
    """Tell a dataset's name from a text: an argument `task` may be either."""
    return bool(value.strip()) and len(value) <= _LONGEST_NAME and "\n" not in value


def item_in(fields: Mapping[Any, Any]) -> Mapping[Any, Any] | None:
    """Return the dataset item among keyword arguments: a mapping under one of the usual names."""
    for name in _ITEM_FIELDS:
        value = fields.get(name)
        if isinstance(value, Mapping):
            return value
    return None


def problem_in(fields: Mapping[Any, Any]) -> int | None:
    """Return a fingerprint of the problem's text in `fields`; no text is kept."""
    for name in PROBLEM_FIELDS:
        value = fields.get(name)
        if isinstance(value, str) and value:
            digest = hashlib.blake2b(value.encode(errors="replace"), digest_size=8).digest()
            return int.from_bytes(digest, "big")  # `hash()` differs from process to process
    return None


class SourceIndex:
    """Problem → source for the items that the data manager has handed out lately."""

    def __init__(self, limit: int = 65536) -> None:
        """Remember at most `limit` items (two ints and a shared string each)."""
        self._limit = limit
        self._sources: dict[int, str] = {}

    def learn(self, handed_out: object) -> None:
        """Remember the items in `handed_out`: one mapping, or any list or tuple of mappings."""
        for item in _items(handed_out):
            problem, source = problem_in(item), source_in(item)
            if problem is None or source is None:
                continue
            self._sources.pop(problem, None)  # to the young end: the oldest are forgotten first
            self._sources[problem] = source
            if len(self._sources) > self._limit:
                del self._sources[next(iter(self._sources))]

    def find(self, problem: int | None) -> str | None:
        """Return the source of the item with this problem, else `None`."""
        return None if problem is None else self._sources.get(problem)


def _items(handed_out: object, depth: int = 2) -> Iterable[Mapping[Any, Any]]:
    """Yield the dataset items in what a data manager returned; a mapping of columns is a table of items."""
    if isinstance(handed_out, Mapping):
        columns = {name: v for name, v in handed_out.items() if isinstance(v, list | tuple)}
        if any(name in columns for name in PROBLEM_FIELDS):
            for row in zip(*columns.values(), strict=False):
                yield dict(zip(columns, row, strict=True))
        else:
            yield handed_out
    elif isinstance(handed_out, list | tuple) and depth:
        for element in handed_out:
            if isinstance(element, Mapping | list | tuple):
                yield from _items(element, depth - 1)
