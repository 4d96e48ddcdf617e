"""The names under which judges file a verdict, as keys of a mapping, as tags or as labels, and what may stand there."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

from .language import fold
from .languages import ENGLISH, SPACED, UNSPACED
from .verdict import AMBIGUOUS, Reading, Unreadable, Verdict, inverse, same

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .values import Sort


class Row(NamedTuple):
    """Names of one kind."""

    rank: int
    """The best that speaks decides; names of the same rank must not contradict each other."""
    sort: Sort
    is_negative: bool
    """"Yes" means wrong."""
    names: re.Pattern[str]

    def turn(self, reading: Reading, *, inverted: bool = False) -> Reading:
        """Return what is meant by what stands under a name; where the user knows the judge, no name is negative."""
        return inverse(reading) if self.is_negative and not inverted and isinstance(reading, Verdict) else reading


def _row(rank: int, sort: Sort, *fields: str, is_negative: bool = False) -> Row:
    words = (getattr(language, field) for field in fields for language in (ENGLISH, SPACED, UNSPACED))
    return Row(rank, sort, is_negative, re.compile("|".join(filter(None, words))))


_ROWS = (
    _row(0, "binary", "verdict", "adjective"),
    _row(0, "flag", "fault", is_negative=True),
    _row(1, "score", "grade", "total"),
    _row(2, "binary", "result"),
    _row(3, "choice", "choice"),
    _row(4, "words", "answer"),
    _row(5, "flag", "merit"),
    _row(5, "flag", "vice", is_negative=True),
)
# Words of a name that say nothing: "is_correct", "final_verdict", "llm_judge_score", "evaluation_result".
_FILLER = re.compile(
    "^(?:is|are|was|final|overall|my|the|judge|llm|answer|response|model|test|claim|it|a|task|patch|grader"
    "|factually|semantically|mathematically)_(?=.)|(?<=.)_(?:result|label|verdict)$"
)
_WORDS = re.compile(r"(?<=[a-z])(?=[A-Z])|[\s\-]+")
_LIMIT = 40
"""Characters of the longest name that can be one of ours."""


@lru_cache(maxsize=512)
def row_of(name: str) -> Row | None:
    """Return the row of `name`, whatever its case and its filling words; `None` if it has none."""
    if len(name) > _LIMIT:
        return None
    rest = fold(_WORDS.sub("_", name.strip(" ?")))
    while True:
        row = next((row for row in _ROWS if row.names.fullmatch(rest)), None)
        shorter = _FILLER.sub("", rest, count=1)
        if row is not None or shorter == rest:
            return row
        rest = shorter


def read_named(
    entries: Iterable[tuple[object, object]], read: Callable[[object, Sort], Reading | None], *, inverted: bool = False
) -> Reading | None:
    """Read the entries of the best rank that speaks: contradiction is ambiguity, silence is `None`."""
    found: dict[int, list[Reading]] = {}
    for name, value in entries:
        row = row_of(name) if isinstance(name, str) else None
        reading = None if row is None else read(value, row.sort)
        if row is not None and reading is not None:
            found.setdefault(row.rank, []).append(row.turn(reading, inverted=inverted))
    return _settle(found[min(found)]) if found else None


def _settle(readings: list[Reading]) -> Reading | None:
    """Make one reading of several of equal weight; a grade beside a binary verdict does not count."""
    verdicts = [reading for reading in readings if not isinstance(reading, Unreadable)]
    words = [verdict for verdict in verdicts if verdict.correct is not None] or verdicts
    if not words:
        return readings[0] if readings else None
    return words[0] if all(same(other, words[0]) for other in words) else AMBIGUOUS
