"""The names under which judges file a verdict, as keys of a mapping or as tags, and what may stand there."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from .verdict import AMBIGUOUS, Reading, Unreadable, same

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from .values import Sort


class Row(NamedTuple):
    """Names of one rank."""

    sort: Sort
    names: frozenset[str]


def _row(sort: Sort, names: str) -> Row:
    return Row(sort, frozenset(names.split()))


# Best first. The names of a row must not contradict each other; the first row that speaks decides.
ROWS = (
    _row(
        "binary",
        "correct is_correct iscorrect correctness true_false equivalent is_equivalent isequivalent equivalence passed"
        " pass match matches is_match acc verdict judgement judgment decision label 是否正确 是否等价 是否一致 判断"
        " 判定 结论 判断结果",
    ),
    _row("score", "score rating grade points reward total_score total mark 得分 评分 分数 总分"),
    _row("binary", "result outcome evaluation conclusion assessment 结果"),
    _row("choice", "winner better preferred preference choice"),
    _row("words", "answer"),
)
_RANKS = {name: rank for rank, row in enumerate(ROWS) for name in row.names}
_PREFIX = re.compile(r"^(?:final|overall|my|the|judge|is_answer|answer_is|llm)_")
_SPACES = re.compile(r"[\s\-]+")
_LIMIT = 40
"""Characters of the longest name that can be one of ours."""

NAMES = sorted(_RANKS, key=len, reverse=True)
"""Every name, longest first, as a pattern wants them."""


def rank(name: object) -> int | None:
    """Return the row of `name`, whatever its case and its prefix; `None` if none has it."""
    if not isinstance(name, str) or len(name) > _LIMIT:
        return None
    name = _SPACES.sub("_", name.strip().lower())
    return _RANKS.get(name, _RANKS.get(_PREFIX.sub("", name)))


def read_named(
    entries: Iterable[tuple[object, object]], read: Callable[[object, Sort], Reading | None]
) -> Reading | None:
    """Read the entries of the best row that speaks: contradiction is ambiguity, silence is `None`."""
    found: dict[int, list[Reading]] = {}
    for name, value in entries:
        row = rank(name)
        reading = None if row is None else read(value, ROWS[row].sort)
        if row is not None and reading is not None:
            found.setdefault(row, []).append(reading)
    return settle_equals(found[min(found)]) if found else None


def settle_equals(readings: list[Reading]) -> Reading | None:
    """Make one reading of several of equal weight; a grade beside a binary verdict does not count."""
    verdicts = [reading for reading in readings if not isinstance(reading, Unreadable)]
    words = [verdict for verdict in verdicts if verdict.correct is not None] or verdicts
    if not words:
        return readings[0] if readings else None
    return words[0] if all(same(other, words[0]) for other in words) else AMBIGUOUS
