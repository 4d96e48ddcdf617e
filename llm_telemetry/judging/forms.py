"""The form of a judge's reply without its words: which words stand where, as numbers that tell nothing else.

A verdict stands in a place: behind "Outcome:", at the end of the last line, alone on the first. Two replies of one
judge have the same form when they share a place; what they say is what stands there. Places and what stands in them
are kept as checksums, the same in every process, so that no text has to be kept or sent to compare replies.
"""

from __future__ import annotations

import base64
import re
import zlib
from array import array
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ANYWHERE, LINE, LABEL = 0, 1, 2
"""How much a place says: an end of the reply, the start of some line, what follows on certain words."""
_HEDGED: Final = 3
"""Marks a reply in which the judge says that it cannot tell."""

_FIRST_LINES, _LAST_LINES, _EDGE = 2, 4, 8
"""What is looked at: lines of a long reply, words at both ends of a long line."""
_MOST = 4
"""Words of a verdict."""
_DECORATION = re.compile(r"[*`\"“”'‘’_#]+")  # noqa: RUF001
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W\d_]+|\d+(?:[.,]\d+)?|[^\w\s]")
_HEDGES = re.compile(
    r"\b(?:can ?not|can'?t|could not|unable|not able|sorry|unclear|unsure|not sure|do(?:es)? not know|don'?t know"
    r"|hard to say|undetermined|as an? (?:ai|language model)|more (?:context|information)|insufficient|error|n/a)\b"
)


def form_of(text: str) -> str:
    """Return the form of a reply, to be read by `places_in`."""
    text = text.rpartition("</think>")[2].lower()
    lines = [words for line in text.splitlines() if (words := _WORD.findall(_DECORATION.sub(" ", line)))]
    found = dict(_places(lines))
    if _HEDGES.search(text):
        found[_HEDGED] = 1
    return base64.b85encode(array("Q", (place << 32 | words for place, words in found.items())).tobytes()).decode()


def places_in(form: str) -> array[int]:
    """Return the places of a form and what stands in each, packed: see `place_of`."""
    return array("Q", base64.b85decode(form))


def place_of(packed: int) -> int:
    """Return the place."""
    return packed >> 32


def sort_of(place: int) -> int:
    """Return how much a place says: `ANYWHERE`, `LINE` or `LABEL`."""
    return place & 3


def shape_of(packed: int) -> int:
    """Return whether what stands there ends with its line, or before a mark."""
    return packed & 1


def is_hedged(places: array[int]) -> bool:
    """Tell whether the judge says that it cannot tell."""
    return bool(places) and place_of(places[-1]) == _HEDGED


def _places(lines: Sequence[list[str]]) -> Iterator[tuple[int, int]]:
    looked_at = lines if len(lines) <= _FIRST_LINES + _LAST_LINES else [*lines[:_FIRST_LINES], *lines[-_LAST_LINES:]]
    size = "one" if len(lines) == 1 else "more"
    for line in looked_at:
        for at in range(len(line)):
            if at < _EDGE or at >= len(line) - _EDGE:
                before = [_number(word) for word in line[max(0, at - 2) : at]]
                yield from _stands(LABEL if at else LINE, before, line, at)
    for end, line in (("first", looked_at[0]), ("last", looked_at[-1])) if looked_at else ():
        yield from _stands(ANYWHERE, [end, size], line, 0)
        words = [word for word in line if word[0].isalnum()] or line
        for count in range(1, _MOST):
            yield _place(ANYWHERE, [end, size, str(count)]), _content(words[-count:], whole=len(words) <= count)


def _stands(sort: int, before: list[str], line: list[str], at: int) -> Iterator[tuple[int, int]]:
    """Yield what follows on `before`: one word, and all up to the next mark."""
    for most in (1, _MOST):
        words = _run(line, at, most)
        end = at + len(words)
        whole = end == len(line) or len(words) < most or not line[end][0].isalnum()
        yield _place(sort, [*before, str(most)]), _content(words, whole=whole)


def _run(line: list[str], at: int, most: int) -> list[str]:
    """Return the words from `at` on, or the marks: a run of stars is one thing."""
    is_word, end = line[at][0].isalnum(), at
    limit = at + (most if is_word else _EDGE)
    while end < min(len(line), limit) and line[end][0].isalnum() == is_word:
        end += 1
    return line[at:end]


def _number(word: str) -> str:
    return "#" if word[0].isdigit() else word


def _place(sort: int, words: list[str]) -> int:
    return (zlib.crc32("\x1f".join(words).encode()) & 0x3FFFFFFF) << 2 | sort


def _content(words: list[str], *, whole: bool) -> int:
    return (zlib.crc32(" ".join(words).encode()) & 0x7FFFFFFF) << 1 | whole
