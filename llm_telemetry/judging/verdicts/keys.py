"""The verdict inside a mapping: what a judge wrote as JSON, or what a judge function returned as a dict."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any

from .grades import guess, told_scale
from .values import Sort, read_value
from .verdict import AMBIGUOUS, NO_VERDICT, Reading, Unreadable, Verdict, binary, graded, same

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

# The table of keys, best first. A row's keys must not contradict each other; the first row that speaks decides.
ROWS: tuple[tuple[Sort, frozenset[str]], ...] = (
    ("binary", frozenset({
        "correct", "is_correct", "iscorrect", "correctness", "true_false", "equivalent", "is_equivalent",
        "isequivalent", "equivalence", "passed", "pass", "match", "matches", "is_match", "acc",
        "verdict", "judgement", "judgment", "decision", "label",
        "是否正确", "是否等价", "是否一致", "判断", "判定", "结论", "判断结果",
    })),
    ("score", frozenset({
        "score", "rating", "grade", "points", "reward", "total_score", "total", "mark",
        "得分", "评分", "分数", "总分",
    })),
    ("binary", frozenset({"result", "outcome", "evaluation", "conclusion", "assessment", "结果"})),
    ("choice", frozenset({"winner", "better", "preferred", "preference", "choice"})),
    ("words", frozenset({"answer"})),
)  # fmt: skip
_NAMES: dict[str, int] = {name: row for row, (_, names) in enumerate(ROWS) for name in names}
_TOPS = ("max_score", "max", "out_of", "maximum", "max_points", "scale", "满分")
_PREFIX = re.compile(r"^(?:final|overall|my|the|judge|is_answer|answer_is|llm)_")
_SPACES = re.compile(r"[\s\-]+")
_KEY_LIMIT = 40
"""Characters of the longest key that can be one of ours."""
_DEPTH, WIDTH = 4, 64
"""How many levels down and how many entries of a mapping are looked at."""


def key_names() -> Iterator[str]:
    """Yield every key of the table, longest first, as a pattern wants them."""
    yield from sorted(_NAMES, key=len, reverse=True)


def row_of(key: object) -> int | None:
    """Return the row of the table that knows `key`, whatever its case and its prefix; `None` if none does."""
    if not isinstance(key, str) or len(key) > _KEY_LIMIT:
        return None
    name = _SPACES.sub("_", key.strip().lower())
    row = _NAMES.get(name)
    return _NAMES.get(_PREFIX.sub("", name)) if row is None else row


def read_mapping(mapping: Mapping[Any, Any], depth: int = 0) -> Reading:
    """Read the verdict of a mapping: its own keys, else a mapping inside it, else its only entry."""
    entries = [entry for entry, _ in zip(mapping.items(), range(WIDTH), strict=False)]
    found = _read_rows(entries, told(mapping))
    if found is not None:
        return found
    inner = [value for _, value in entries if isinstance(value, dict)]
    for value in inner if depth < _DEPTH else ():
        reading = read_mapping(value, depth + 1)
        if reading != NO_VERDICT:
            return reading
    only = read_scalar(entries[0][1], "words") if len(entries) == 1 else None
    return NO_VERDICT if only is None else only


def read_scalar(value: object, sort: Sort, told: str = "") -> Reading | None:
    """Read a boolean, a number or a short text that stood under a key."""
    if isinstance(value, bool):
        return binary(value, str(value))
    if isinstance(value, (int, float)) and sort != "words":
        return read_number(value, sort, told)
    return read_value(value, sort, told) if isinstance(value, str) else None


def read_number(value: float, sort: Sort, told: str = "") -> Verdict | None:
    """Read a number that stood under a key of this sort."""
    if not -math.inf < value < math.inf or abs(value) > 10**7:
        return None
    scale = told_scale(told) if sort != "binary" else None
    if scale is not None:
        return graded(float(value), scale, str(value))
    return guess(repr(value), "binary" if sort in ("binary", "adjective") else "score", str(value))


def settle(readings: list[Reading]) -> Reading | None:
    """Make one reading of several that stand side by side: contradiction is ambiguity, silence is `None`."""
    verdicts = [reading for reading in readings if not isinstance(reading, Unreadable)]
    if not verdicts:
        return readings[0] if readings else None
    words = [verdict for verdict in verdicts if verdict.correct is not None] or verdicts
    first = words[0]
    agreed = all(same(other, first) for other in words)
    return first if agreed else AMBIGUOUS


def _read_rows(entries: list[tuple[Any, Any]], told: str) -> Reading | None:
    rows: dict[int, list[Reading]] = {}
    for key, value in entries:
        row = row_of(key)
        reading = None if row is None else read_scalar(value, ROWS[row][0], told)
        if row is not None and reading is not None:
            rows.setdefault(row, []).append(reading)
    return settle(rows[min(rows)]) if rows else None


def told(mapping: Mapping[Any, Any]) -> str:
    """Return what a mapping tells of its grade's scale, under keys such as `max_score`."""
    for key in _TOPS:
        top = mapping.get(key)
        if isinstance(top, (int, float, str)) and not isinstance(top, bool):
            return str(top)[:_KEY_LIMIT] if key == "scale" else f"/{top}"[:_KEY_LIMIT]
    return ""
