"""One short value, as it stands behind a label, in a tag or in a box: words, a letter, or a grade."""

from __future__ import annotations

import re
from typing import Literal

from . import chinese, english
from .grades import Meaning, read_grade
from .verdict import AMBIGUOUS, Reading, Unreadable, Verdict, binary

# ruff: noqa: RUF001

Sort = Literal["binary", "adjective", "score", "rating", "words", "choice"]
"""What may stand here: everything; words and 0/1; a grade; a grade of ten; words only; A or B."""

VALUE_LIMIT = 400
"""Characters of a value that are looked at."""

_YES_MARKS, _NO_MARKS = "✅✔✓☑", "❌✗✘✖"
_DROP = dict.fromkeys(map(ord, "*`“”「」『』\u200b\u200c\u200d\ufeff\ufe0f" + _YES_MARKS + _NO_MARKS))
_CLEAN = _DROP | {ord("’"): "'", ord("‘"): "'", ord("_"): " ", ord('"'): None, ord("\xa0"): " "}
_WRAPPED = re.compile(r"\\(?:boxed|text|textbf|textit|mathrm|mathbf|texttt)\s?\{([^{}]{0,80})\}")
_OPENING = re.compile(r"(?:[\s(\[{（【#>~|$=:：]|[-—–]+(?=\s))*")
_LOOSE_QUOTE = re.compile(r"(?<!\w)'|'(?!\w)")
_LETTER = re.compile(r"(?P<letter>[ABC])(?=\s*$|\s*[.,:;)\]\n(—（，。]|\s+-)(?:[\s:.)\]-]{1,4}(?P<gloss>.{0,60}))?")
_TIE = re.compile(r"(?:tie|draw)\b(?=\W*$)", re.IGNORECASE)
_VERSUS = re.compile(r"(?P<left>[AB])\s?(?P<sign>>{1,2}|<{1,2}|==?|!=|≠|=/=)\s?(?P<right>[AB])(?=\W*$)")
_MEANING: dict[Sort, Meaning] = {"score": "score", "rating": "rating"}


def clean(text: str) -> str:
    """Take markup, quotes and LaTeX wrappers off a value."""
    for _ in range(2 if "\\" in text else 0):
        text = _WRAPPED.sub(r"\1", text)
    text = text.translate(_CLEAN)
    if "'" in text:
        text = _LOOSE_QUOTE.sub("", text)
    return _OPENING.sub("", text, count=1)


def read_value(text: str, sort: Sort, told: str = "") -> Reading | None:
    """Read what opens `text`; `None` if that is no verdict. `told` is what the label says of a grade's scale."""
    text = text[:VALUE_LIMIT]
    value = clean(text)
    if sort == "choice":
        return read_letter(value)
    words = read_words(value, marks=text)
    if words is not None or sort == "words":
        return words
    grade = read_grade(value, _MEANING.get(sort, "binary"), told)
    if grade is not None and (sort != "adjective" or grade.correct is not None):
        return grade
    letter = read_letter(value)
    # Under "grade", B may be a good school mark.
    return letter._replace(confident=False) if letter and sort == "score" else letter


def read_words(value: str, far: str = "", marks: str = "") -> Reading | None:
    """Read the verdict words that open a clean `value`; `far` may contradict; `marks` may hold ✅ or ❌."""
    phrase = english.read_head(value, far)
    if phrase is None and chinese.is_chinese(value):
        phrase = chinese.read_head(value, far)
    mark = read_mark(marks[: VALUE_LIMIT // 4])
    if phrase is None:
        return binary(mark, marks) if mark is not None and not re.search(r"\w", value) else None
    if isinstance(phrase.polarity, Unreadable) or mark not in (None, phrase.polarity):
        return AMBIGUOUS
    return binary(phrase.polarity, phrase.raw)


def read_mark(text: str) -> bool | None:
    """Read ✅ or ❌; `None` if there is neither, or both."""
    if text.isascii():
        return None
    yes, no = (any(mark in text for mark in marks) for marks in (_YES_MARKS, _NO_MARKS))
    return yes if yes != no else None


def read_letter(value: str) -> Verdict | None:
    """Read A, B, C, a tie, or a comparison such as A>B.

    A is correct (of two: the first wins), B is not. C is "not attempted" to some judges and a tie to others; neither
    is a success, but which it was is unknown. `raw` keeps the letter, for code that knows which judge this is.
    """
    versus = _VERSUS.match(value)
    if versus:
        return binary(_first_wins(versus), versus[0])
    if _TIE.match(value):
        return binary(False, value, confident=False)
    match = _LETTER.match(value)
    if match is None:
        return None
    gloss = read_words(match["gloss"] or "")
    if isinstance(gloss, Verdict) and gloss.correct != (match["letter"] == "A"):
        return None
    return binary(match["letter"] == "A", match["letter"], confident=match["letter"] != "C" or gloss is not None)


def _first_wins(versus: re.Match[str]) -> bool:
    """Say whether the left of `A=B` stands for success: equal, or A better; `A!=B` and `B>A` do not."""
    sign = versus["sign"]
    if sign in ("=", "=="):
        return True
    better = versus["left"] if ">" in sign else versus["right"]
    return "!" not in sign and sign not in ("≠", "=/=") and better == "A"
