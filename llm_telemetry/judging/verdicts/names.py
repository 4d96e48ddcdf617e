"""The names under which judges file a verdict, as keys of a mapping, as tags or as labels, and what may stand there."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

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


def _row(rank: int, sort: Sort, names: str, *, is_negative: bool = False) -> Row:
    return Row(rank, sort, is_negative, re.compile(names))


_FAULTS = "errors?|mistakes?|flaws?|hallucinations?|contradictions?|inaccurac(?:y|ies)"
_WRONGS = (
    rf"(?:(?:contains|has|have|any|made|factual)_)+(?:{_FAULTS})|(?:{_FAULTS})_(?:found|detected|present)"
    "|wrong|incorrect|inaccurate|mismatch|contradict(?:s|ion|ory|ed)"
)
_VICES = (
    "hallucinat(?:ions?|ed|es)|toxic|toxicity|harmful|unsafe|violation|violates|biased|unfaithful|unsupported"
    "|irrelevant"
)
_ROWS = (
    _row(
        0,
        "binary",
        "correct|correctness|true_false|equivalent|equivalence|pass|passed|passes|match|matches|acc|verdict|judge?ment"
        "|decision|label|agrees|valid|(?:(?:criteri(?:on|a)|requirements?|conditions?)_)?(?:met|satisfied|fulfilled)"
        "|(?:meets|satisfies)(?:_\\w{1,12})?|success|successful"
        "|是否正确|是否等价|是否一致|判断|判定|结论|判断结果|评价|评判",
    ),
    _row(0, "flag", _WRONGS, is_negative=True),
    _row(
        1,
        "score",
        "(?:(?:total|quality|correctness|accuracy|reward)_)?(?:score|points|mark)|rating|grade|reward|total|accuracy"
        "|quality|得分|评分|分数|总分",
    ),
    _row(2, "binary", "result|outcome|evaluation|conclusion|assessment|结果"),
    _row(
        3, "choice", "winner|preference|choice|(?:better|best|preferred|chosen)(?:_(?:response|answer|model|output))?"
    ),
    _row(4, "words", "answer"),
    _row(5, "flag", "supported|faithful|relevant|grounded|factual|safe|acceptable"),
    _row(5, "flag", _VICES, is_negative=True),
)
# Words of a name that say nothing: "is_correct", "final_verdict", "llm_judge_score", "evaluation_result".
_FILLER = re.compile(r"(?:is|final|overall|my|the|judge|llm|answer|response|model|test|was|it)_(?=.)")
_WORDS = re.compile(r"(?<=[a-z])(?=[A-Z])|[\s\-]+")
_LIMIT = 40
"""Characters of the longest name that can be one of ours."""


@lru_cache(maxsize=512)
def row_of(name: str) -> Row | None:
    """Return the row of `name`, whatever its case and its filling words; `None` if it has none."""
    if len(name) > _LIMIT:
        return None
    name = _WORDS.sub("_", name.strip()).lower()
    rest = name
    while True:
        row = next((row for row in _ROWS if row.names.fullmatch(rest)), None)
        filler = _FILLER.match(rest)
        if row is not None or filler is None:
            return row
        rest = rest[filler.end() :]


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
    return settle_equals(found[min(found)]) if found else None


def settle_equals(readings: list[Reading]) -> Reading | None:
    """Make one reading of several of equal weight; a grade beside a binary verdict does not count."""
    verdicts = [reading for reading in readings if not isinstance(reading, Unreadable)]
    words = [verdict for verdict in verdicts if verdict.correct is not None] or verdicts
    if not words:
        return readings[0] if readings else None
    return words[0] if all(same(other, words[0]) for other in words) else AMBIGUOUS
