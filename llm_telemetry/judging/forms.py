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
_CHARACTERS = 200
"""The same for characters of a line."""
_MOST = 4
"""Words of a verdict."""
_DECORATION = dict.fromkeys(map(ord, "*`\"“”'‘’_#"), " ")  # noqa: RUF001
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W\d_]+|\d+(?:[.,]\d+)?|[^\w\s]")
_HEDGES = re.compile(
    r"\b(?:can ?not|can'?t|could not|unable|not able|sorry|unclear|unsure|not sure|do(?:es)? not know|don'?t know"
    r"|hard to say|undetermined|as an? (?:ai|language model)|more (?:context|information)|insufficient|error|n/a)\b"
)


def form_of(text: str) -> str:
    """Return the form of a reply, to be read by `places_in`."""
    lines = [line for line in text.rpartition("</think>")[2].lower().splitlines() if line.strip()]
    is_long = len(lines) > _FIRST_LINES + _LAST_LINES
    looked_at = [*lines[:_FIRST_LINES], *lines[-_LAST_LINES:]] if is_long else lines
    words = [kept for line in looked_at if (kept := _words_of(line))]
    found = dict(_places(words, "one" if len(lines) == 1 else "more"))
    if any(map(_HEDGES.search, looked_at)):
        found[_HEDGED] = 1
    return base64.b64encode(array("Q", (place << 32 | words for place, words in found.items())).tobytes()).decode()


def _words_of(line: str) -> list[str]:
    """Return the words and marks of a line; of a very long one those of its ends."""
    kept = line if len(line) <= 2 * _CHARACTERS else f"{line[:_CHARACTERS]} {line[-_CHARACTERS:]}"
    return _WORD.findall(kept.translate(_DECORATION))


def places_in(form: str) -> array[int]:
    """Return the places of a form and what stands in each, packed: see `place_of`."""
    return array("Q", base64.b64decode(form))


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


def _places(lines: Sequence[list[str]], size: str) -> Iterator[tuple[int, int]]:
    for line in lines:
        plain = ["#" if word[0].isdigit() else word for word in line]
        for at in range(len(line)):
            if at < _EDGE or at >= len(line) - _EDGE:
                yield from _stands(LABEL if at else LINE, "\x1f".join(plain[max(0, at - 2) : at]), line, at)
    for end, line in (("first", lines[0]), ("last", lines[-1])) if lines else ():
        yield from _stands(ANYWHERE, f"{end} {size}", line, 0)
        words = [word for word in line if word[0].isalnum()] or line
        for count in range(1, _MOST):
            yield _place(ANYWHERE, f"{end} {size} {count}"), _content(words[-count:], whole=len(words) <= count)


def _stands(sort: int, before: str, line: list[str], at: int) -> Iterator[tuple[int, int]]:
    """Yield what follows on `before`: one word, and all up to the next mark."""
    is_word, end = line[at][0].isalnum(), at + 1
    limit = min(len(line), at + (_MOST if is_word else _EDGE))
    while end < limit and line[end][0].isalnum() == is_word:
        end += 1
    goes_on = end < len(line) and is_word and line[end][0].isalnum()
    yield _place(sort, before + "\x1e1"), _content(line[at : at + 1], whole=end == at + 1)
    yield _place(sort, before), _content(line[at:end], whole=not goes_on)


def _place(sort: int, words: str) -> int:
    return (zlib.crc32(words.encode()) & 0x3FFFFFFF) << 2 | sort


def _content(words: list[str], *, whole: bool) -> int:
    return (zlib.crc32(" ".join(words).encode()) & 0x7FFFFFFF) << 1 | whole
