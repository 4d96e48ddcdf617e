"""Verdicts in JSON: the whole reply, a fenced block, an object in prose, or something that only resembles JSON."""

from __future__ import annotations

import json
import math
import re
from itertools import islice
from typing import TYPE_CHECKING, Any

from .names import NAMES, read_named, settle_equals
from .reply import Reply, both_ends
from .values import Scale, Sort, guess, read_value, told_scale
from .verdict import AMBIGUOUS, NO_VERDICT, Reading, Verdict, binary, graded

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


_JSON_LIMIT = 262_144
"""Characters of JSON that are parsed; a longer reply is only searched for keys, at both ends."""
_DEPTH, WIDTH = 4, 64
"""How many levels down and how many entries of a mapping are looked at."""
_LARGEST = 10**7
"""A number beyond is no grade."""

_DECODER = json.JSONDecoder(strict=False)
_FENCE = "```"
_FENCES = _OBJECTS = 8
"""Pieces between fences that are looked at, from the end; objects that are looked at, from the beginning."""
_OBJECT = re.compile(r"\{\s{0,40}\"")
_LANGUAGE = re.compile(r"[a-zA-Z]{0,12}\s*")
_NAME = "|".join(re.escape(name).replace("_", "[_ ]") for name in NAMES)
# A key and its value, for Python's dicts, a cut-off object, raw newlines, bad escapes. An escaped quote before the
# key means that it is inside a string. What follows must end the value: `true/false` is a template.
_PAIR = re.compile(
    rf"(?<!\\)[\"'“](?P<key>(?:final[_ ]|overall[_ ])?(?:{_NAME}))[\"'”]\s{{0,4}}[:：]\s{{0,4}}"  # noqa: RUF001
    r"(?P<value>\"[^\"\n]{0,60}\"|'[^'\n]{0,60}'|true|false|[+-]?\d{1,7}(?:\.\d{1,9})?(?![\w.%/]))"
    r"(?=\s{0,8}(?:[,}\]\n]|$))",
    re.IGNORECASE,
)
_TOPS = ("max_score", "max", "out_of", "maximum", "max_points", "scale", "满分")


def read_structured(reply: Reply) -> Reading | None:
    """Read the JSON objects of the reply; one that fills the reply without a verdict ends the search."""
    text = reply.whole if len(reply.whole) <= _JSON_LIMIT else reply.text
    if "{" not in text:
        return None
    if text[0] in '{["':
        value = _load(text)[0]
        if value is not None:
            return _read(value)
    reading = settle_equals(list(_fenced(text))) or settle_equals(list(_embedded(text))) or _read_pairs(reply)
    return NO_VERDICT if reading is None and _OBJECT.match(text) else reading


def read_mapping(mapping: Mapping[Any, Any], depth: int = 0) -> Reading:
    """Read the verdict of a mapping: its own keys, else a mapping inside it, else its only entry."""
    entries = list(islice(mapping.items(), WIDTH))
    scale = scale_in(mapping)
    found = read_named(entries, lambda value, sort: _read_scalar(value, sort, scale))
    if found is not None:
        return found
    inner = (read_mapping(value, depth + 1) for _, value in entries if isinstance(value, dict) and depth < _DEPTH)
    only = _read_scalar(entries[0][1], "words") if len(entries) == 1 else None
    return next((reading for reading in inner if reading != NO_VERDICT), only or NO_VERDICT)


def scale_in(mapping: Mapping[Any, Any]) -> Scale | None:
    """Return the scale that a mapping tells of its grade, under keys such as `max_score`."""
    for key in _TOPS:
        top = mapping.get(key)
        if isinstance(top, (int, float, str)) and not isinstance(top, bool):
            return told_scale(str(top)[:40] if key == "scale" else f"/{top}"[:40])
    return None


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


def _read_scalar(value: object, sort: Sort, scale: Scale | None = None) -> Reading | None:
    """Read a boolean, a number or a short text that stood under a key."""
    if isinstance(value, bool):
        return binary(value, str(value))
    if isinstance(value, (int, float)) and sort != "words":
        return _read_number(value, sort, scale if sort != "binary" else None)
    return read_value(value, sort, scale) if isinstance(value, str) else None


def _read_number(value: float, sort: Sort, scale: Scale | None) -> Verdict | None:
    if not -math.inf < value < math.inf or abs(value) > _LARGEST:
        return None
    if scale is not None:
        return graded(float(value), scale, str(value))
    return guess(repr(value), "binary" if sort == "binary" else "score", str(value))


def _read_pairs(reply: Reply) -> Reading | None:
    matches = (match for match in both_ends(_PAIR, reply.text) if not (reply.cut and match.end() == len(reply.text)))
    return read_named(
        ((match["key"], match["value"]) for match in matches), lambda value, sort: read_value(str(value), sort)
    )
