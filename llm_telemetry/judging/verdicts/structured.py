"""Verdicts in JSON: the whole reply, a fenced block, an object in prose, or something that only resembles JSON."""

from __future__ import annotations

import json
import re
from itertools import islice
from typing import TYPE_CHECKING, Any

from .candidates import both_ends
from .keys import ROWS, key_names, read_mapping, row_of, settle
from .values import read_value
from .verdict import AMBIGUOUS, NO_VERDICT, Reading

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .reply import Reply

_JSON_LIMIT = 262_144
"""Characters of JSON that are parsed; a longer reply is only searched for keys, at both ends."""

_DECODER = json.JSONDecoder(strict=False)
_FENCE = "```"
_FENCES = _OBJECTS = 8
"""Pieces between fences that are looked at, from the end; objects that are looked at, from the beginning."""
_OBJECT = re.compile(r"\{\s{0,40}\"")
_LANGUAGE = re.compile(r"[a-zA-Z]{0,12}\s*")
_KEY = "|".join(re.escape(name).replace("_", "[_ ]") for name in key_names())
# A key and its value, for Python's dicts, a cut-off object, raw newlines, bad escapes. An escaped quote before the
# key means that it is inside a string. What follows must end the value: `true/false` is a template.
_PAIR = re.compile(
    rf"(?<!\\)[\"'“](?P<key>(?:final[_ ]|overall[_ ])?(?:{_KEY}))[\"'”]\s{{0,4}}[:：]\s{{0,4}}"  # noqa: RUF001
    r"(?P<value>\"[^\"\n]{0,60}\"|'[^'\n]{0,60}'|true|false|[+-]?\d{1,7}(?:\.\d{1,9})?(?![\w.%/]))"
    r"(?=\s{0,8}(?:[,}\]\n]|$))",
    re.IGNORECASE,
)


def read_structured(reply: Reply) -> Reading | None:
    """Read the JSON objects of the reply; one that fills the reply without a verdict ends the search."""
    text = reply.whole if len(reply.whole) <= _JSON_LIMIT else reply.text
    if "{" not in text:
        return None
    if text[0] in '{["':
        value = _load(text)[0]
        if value is not None:
            return _read(value)
    reading = settle(list(_fenced(text))) or settle(list(_embedded(text))) or _read_pairs(reply)
    return NO_VERDICT if reading is None and _OBJECT.match(text) else reading


def _fenced(text: str) -> Iterator[Reading]:
    pieces = text.split(_FENCE)[-1 : -_FENCES - 1 : -1] if _FENCE in text else []
    for piece in pieces:
        yield from _spoken(_read(_load(_LANGUAGE.sub("", piece, count=1))[0]))


def _embedded(text: str) -> Iterator[Reading]:
    """Read the outermost objects in prose, one after the other."""
    end = 0
    for match in islice(_OBJECT.finditer(text), _OBJECTS):
        if match.start() >= end:
            value, length = _load(text[match.start() :])
            end = match.start() + length
            yield from _spoken(_read(value))


def _spoken(reading: Reading | None) -> Iterator[Reading]:
    if reading is not None and reading != NO_VERDICT:
        yield reading


def _load(text: str) -> tuple[Any, int]:
    """Decode the JSON value that opens `text` and tell its length; `None` and 0 if there is none."""
    try:
        value, end = _DECODER.raw_decode(text)
    except (ValueError, RecursionError):
        return None, 0
    return (_load(value)[0], end) if isinstance(value, str) and value[:1] == "{" else (value, end)


def _read(value: Any) -> Reading | None:
    if isinstance(value, dict):
        return read_mapping(value)
    objects = [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []
    if len(objects) == 1:
        return read_mapping(objects[0])
    # Several objects are several evaluations; which of them is this one's, nobody said.
    return AMBIGUOUS if any(read_mapping(item) != NO_VERDICT for item in objects[:_OBJECTS]) else None


def _read_pairs(reply: Reply) -> Reading | None:
    rows: dict[int, list[Reading]] = {}
    for match in both_ends(_PAIR, reply.text):
        row = row_of(match["key"])
        if row is None or (reply.cut and match.end() == len(reply.text)):
            continue
        reading = read_value(match["value"], ROWS[row][0])
        if reading is not None:
            rows.setdefault(row, []).append(reading)
    return settle(rows[min(rows)]) if rows else None
