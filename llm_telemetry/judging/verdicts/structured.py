"""Verdicts in JSON: the whole reply, a fenced block, an object in prose, or something that only resembles JSON."""

from __future__ import annotations

import json
import math
import re
from itertools import islice
from typing import TYPE_CHECKING, Any

from .names import read_named
from .reply import Finding, Reply, both_ends, settle
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
# A key and its value, for Python's dicts, a cut-off object, raw newlines, bad escapes, keys without quotes. An escaped
# quote before the key means that it is inside a string. What follows must end the value: `true/false` is a template.
_PAIR = re.compile(
    r"[\"'“{,(](?<!\\.)\s{0,4}[\"'“]?(?P<key>[^\W\d][\w ]{1,30})[\"'”]?\s{0,4}[:：=]\s{0,4}"  # noqa: RUF001
    r"(?P<value>\"[^\"\n]{0,60}\"|'[^'\n]{0,60}'|(?i:true|false)|[+-]?\d{1,7}(?:\.\d{1,9})?(?![\w.%/]))"
    r"(?=\s{0,8}(?:[,})\]\n]|$))"
)
_TOPS = ("max_score", "max", "out_of", "maximum", "max_points", "scale", "满分")


def read_structured(reply: Reply) -> Reading | None:
    """Read the JSON objects of the reply; one that fills the reply without a verdict ends the search."""
    text = reply.whole if len(reply.whole) <= _JSON_LIMIT else reply.text
    if "{" not in text and text[:1] != "[":
        return None
    if text[0] in '{["':
        value, length = _load(text)
        if value is not None and "{" not in text[length:]:
            return _read(value, reply)
    reading = (
        settle([*_fenced(text, reply)], reply._replace(text=text))
        or settle([*_embedded(text, reply)], reply._replace(text=text))
        or _read_pairs(reply)
    )
    return NO_VERDICT if reading is None and _OBJECT.match(text) else reading


def is_json(text: str) -> bool:
    """Say whether a text is one object and nothing else."""
    value, length = _load(text) if text[:1] == "{" else (None, 0)
    return isinstance(value, dict) and not text[length:].strip()


def read_mapping(mapping: Mapping[Any, Any], reply: Reply, depth: int = 0) -> Reading:
    """Read the verdict of a mapping: its own keys, else what is inside it, else its only entry."""
    entries = list(islice(mapping.items(), WIDTH))
    told = scale_in(mapping)

    def read(value: object, sort: Sort) -> Reading | None:
        return _read_scalar(value, sort, reply.scale or (told if sort == "score" else None))

    found = read_named(entries, read, inverted=reply.inverted)
    if found is not None:
        return found
    for _, value in entries if depth < _DEPTH else ():
        reading = _read(_load(value)[0] if _is_object(value) else value, reply, depth + 1)
        if reading is not None and reading != NO_VERDICT:
            return reading
    return (_read_only(entries[0][1]) if len(entries) == 1 else None) or NO_VERDICT


def _read_only(value: object) -> Reading | None:
    """Read the only value of a mapping, under an unknown name: what a yes there means, only the name would tell."""
    reading = read_value(value, "words") if isinstance(value, str) else None
    is_yes_or_no = isinstance(value, str) and read_value(value, "flag") is not None
    return None if is_yes_or_no else reading


def scale_in(mapping: Mapping[Any, Any]) -> Scale | None:
    """Return the scale that a mapping tells of its grade, under keys such as `max_score`."""
    for key in _TOPS:
        top = mapping.get(key)
        if isinstance(top, (int, float, str)) and not isinstance(top, bool):
            return told_scale(str(top)[:40] if key == "scale" else f"/{top}"[:40])
    return None


def _fenced(text: str, reply: Reply) -> Iterator[Finding]:
    """Read the objects that are fenced, the last ones of a great many."""
    before, *pieces = text.rsplit(_FENCE, _FENCES)
    end = len(before)
    for piece in pieces:
        start, end = end + len(_FENCE), end + len(_FENCE) + len(piece)
        yield from _spoken(_read(_load(_LANGUAGE.sub("", piece, count=1))[0], reply), start, end)


def _embedded(text: str, reply: Reply) -> Iterator[Finding]:
    """Read the outermost objects in prose, one after the other."""
    end = 0
    for match in islice(_OBJECT.finditer(text), _OBJECTS):
        if match.start() >= end:
            value, length = _load(text[match.start() :])
            end = match.start() + length
            yield from _spoken(_read(value, reply), match.start(), end)


def _spoken(reading: Reading | None, start: int, end: int) -> Iterator[Finding]:
    if reading is not None and reading != NO_VERDICT:
        yield Finding(reading, start, end)


def _is_object(value: object) -> bool:
    return isinstance(value, str) and value[:1] == "{" and len(value) <= _JSON_LIMIT


def _load(text: str) -> tuple[Any, int]:
    """Decode the JSON value that opens `text` and tell its length; `None` and 0 if there is none."""
    try:
        value, end = _DECODER.raw_decode(text)
    except (ValueError, RecursionError):
        return None, 0
    return (_load(value)[0], end) if isinstance(value, str) and value[:1] == "{" else (value, end)


def _read(value: Any, reply: Reply, depth: int = 0) -> Reading | None:
    if isinstance(value, dict):
        return read_mapping(value, reply, depth)
    items = value[:_OBJECTS] if isinstance(value, list) else []
    readings = [read_mapping(item, reply, depth) for item in items if isinstance(item, dict)]
    if len(readings) == 1:
        return readings[0]
    # Several objects, or grades, are several evaluations; which of them is this one's, nobody said.
    several = any(reading != NO_VERDICT for reading in readings) or (len(items) > 1 and not readings)
    return AMBIGUOUS if several else None


def _read_scalar(value: object, sort: Sort, scale: Scale | None = None) -> Reading | None:
    """Read a boolean, a number or a short text that stood under a key."""
    if isinstance(value, bool):
        return binary(value, str(value))
    if isinstance(value, (int, float)) and sort != "words":
        return _read_number(value, sort, scale if sort != "flag" else None)
    return read_value(value, sort, scale) if isinstance(value, str) else None


def _read_number(value: float, sort: Sort, scale: Scale | None) -> Verdict | None:
    if not -math.inf < value < math.inf or abs(value) > _LARGEST:
        return None
    if scale is not None:
        return graded(float(value), scale, str(value))
    if sort == "flag":
        return binary(value == 1, str(value)) if value in (0, 1) else None
    return guess(repr(value), "binary" if sort == "binary" else "score", str(value))


def _read_pairs(reply: Reply) -> Reading | None:
    text = reply.text
    pairs = (match for match in both_ends(_PAIR, text) if not (reply.cut and match.end() == len(text)))
    return read_named(
        ((match["key"], match["value"]) for match in pairs),
        lambda value, sort: read_value(str(value), sort, reply.scale),
        inverted=reply.inverted,
    )
