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
    from collections.abc import Sequence

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
_PLACE: Final = 0x3FFFFFFF
_CONTENT: Final = 0x7FFFFFFF
"""What is kept of their checksums."""
_DECORATION = dict.fromkeys(map(ord, "*`\"“”'‘’_#"), " ")  # noqa: RUF001
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff]|[^\W\d_]+|\d+(?:[.,]\d+)?|[^\w\s]")
_HEDGES = re.compile(
    r"\b(?:can ?not|can'?t|could not|unable|not able|sorry|unclear|unsure|not sure|do(?:es)? not know|don'?t know"
    r"|hard to say|undetermined|as an? (?:ai|language model)|more (?:context|information)|insufficient|error|n/a)\b"
)


_known: dict[int, str] = {}
"""Forms by the hash of the reply's text: many judges give a verdict and nothing else, so that few replies differ."""
_MOST_KNOWN = 256


def form_of(text: str) -> str:
    """Return the form of a reply, to be read by `places_in`."""
    form = _known.get(hash(text))
    if form is None:
        if len(_known) >= _MOST_KNOWN:
            _known.clear()
        form = _known[hash(text)] = _made_of(text)
    return form


def _made_of(text: str) -> str:
    lines = [line for line in text.rpartition("</think>")[2].lower().splitlines() if line.strip()]
    is_long = len(lines) > _FIRST_LINES + _LAST_LINES
    looked_at = [*lines[:_FIRST_LINES], *lines[-_LAST_LINES:]] if is_long else lines
    words = [kept for line in looked_at if (kept := _words_of(line))]
    found = _places(words, "one" if len(lines) == 1 else "more")
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


def _places(lines: Sequence[list[str]], size: str) -> dict[int, int]:
    """Return what stands in each place: in few frames, for this runs in a trainer's step."""
    found: dict[int, int] = {}
    for line in lines:
        plain = ["#" if word[0].isdigit() else word for word in line]
        are_words, long = [word[0].isalnum() for word in line], len(line)
        for at in range(long) if long <= 2 * _EDGE else (*range(_EDGE), *range(long - _EDGE, long)):
            before = "\x1f".join(plain[at - 2 if at > 1 else 0 : at])
            _stand(found, LABEL if at else LINE, before, line, are_words, at)
    for end, line in (("first", lines[0]), ("last", lines[-1])) if lines else ():
        _stand(found, ANYWHERE, f"{end} {size}", line, [word[0].isalnum() for word in line], 0)
        words = [word for word in line if word[0].isalnum()] or line
        for count in range(1, _MOST):
            found[_place(ANYWHERE, f"{end} {size} {count}")] = _content(words[-count:], whole=len(words) <= count)
    return found


def _stand(  # noqa: PLR0913, PLR0917 - what the loop around it knows
    found: dict[int, int], sort: int, before: str, line: list[str], are_words: list[bool], at: int
) -> None:
    """Find what follows on `before`: one word, and all up to the next mark."""
    is_word, end = are_words[at], at + 1
    limit = min(len(line), at + (_MOST if is_word else _EDGE))
    while end < limit and are_words[end] is is_word:
        end += 1
    goes_on = is_word and end < len(line) and are_words[end]
    place, one = zlib.crc32(before.encode()), zlib.crc32(line[at].encode()) & _CONTENT
    is_one = end == at + 1
    all_of_it = one if is_one else zlib.crc32(" ".join(line[at:end]).encode()) & _CONTENT
    found[(zlib.crc32(b"\x1e1", place) & _PLACE) << 2 | sort] = one << 1 | is_one
    found[(place & _PLACE) << 2 | sort] = all_of_it << 1 | (not goes_on)


def _place(sort: int, words: str) -> int:
    return (zlib.crc32(words.encode()) & _PLACE) << 2 | sort


def _content(words: list[str], *, whole: bool) -> int:
    return (zlib.crc32(" ".join(words).encode()) & _CONTENT) << 1 | whole
