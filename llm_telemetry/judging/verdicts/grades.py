"""Numbers as judges write them, and the scale each of them is on.

A scale that the text tells (`7/10`, `85%`, `(1-5): 4`, 满分10分) is taken at its word: the grade is placed linearly
between its two ends. A number alone is read on the smallest scale that can hold it (0 to 1, 0 to 10, 0 to 100);
that is a guess, so such a verdict is not `confident`, except for a fraction such as 0.85, which only fits the first.
Guessed scales begin at 0 because trainers divide by the top, and then 5 of 10 stays on their side of a threshold.
"""

from __future__ import annotations

import re
from typing import Literal

from .verdict import Verdict, binary, graded

# ruff: noqa: RUF001

Meaning = Literal["binary", "score", "rating"]
"""What a bare 1 or 0 is: a verdict, the end of an untold scale, or one point of ten (`Rating: [[1]]`)."""

Scale = tuple[float, float]

_NUMBER = r"(?P<value>[+-]?(?:\d{1,7}(?:\.\d{1,9})?|\.\d{1,9}))"
_TOP = r"(?P<top>\d{1,5}(?:\.\d{1,3})?)"
_UNIT = r"(?:\s*(?:points?|pts|marks?|分))?"
# The table of ways to write a grade; each row is tried where the value begins.
_OUT_OF = re.compile(rf"{_NUMBER}{_UNIT}\s*(?:/|out of|of)\s*{_TOP}(?![\d/]|\.\d)", re.IGNORECASE)
_PERCENT = re.compile(rf"{_NUMBER}\s*(?:%|％|percent\b|per cent\b)", re.IGNORECASE)
_PLAIN = re.compile(
    rf"{_NUMBER}(?P<unit>\s*(?:points?|pts|marks?|stars?|分))?"
    r"(?=\s*$|[.!?](?:\s|$)|[,，](?!\d)|\s*[;:!)\]}|\n(（。；—<]|\s+-{1,2}\s|\s+(?:because|since|as|for|due|on|and|but|with|stars?)\b)",
    re.IGNORECASE,
)
_RANGE = re.compile(r"(?P<low>\d{1,3}(?:\.\d)?)\s*(?:-|–|—|~|～|to|through|至|到)\s*(?P<top>\d{1,4}(?:\.\d)?)(?![\d/])")
_MAXIMUM = re.compile(rf"(?:out of|max(?:imum)?:?|of|满分[:：为]?|/)\s*{_TOP}", re.IGNORECASE)
_NEAR = 40
"""Characters after a number in which its scale may be told."""


def read_grade(text: str, meaning: Meaning, told: str = "") -> Verdict | None:
    """Read the grade that opens `text`; `told` is what the label says of the scale ("1-5", "out of 5")."""
    ratio = _OUT_OF.match(text)
    if ratio:
        return graded(float(ratio["value"]), (0.0, float(ratio["top"])), ratio[0])
    percent = _PERCENT.match(text)
    if percent:
        return graded(float(percent["value"]), (0.0, 100.0), percent[0])
    plain = _PLAIN.match(text)
    if plain is None:
        return None
    scale = told_scale(told) or told_scale(_aside(text[plain.end() : plain.end() + _NEAR]))
    if scale is None:
        return guess(plain["value"], meaning, plain[0])
    return graded(float(plain["value"]), scale, plain[0])


def told_scale(text: str) -> Scale | None:
    """Find a scale such as `1-5`, `0 to 10`, `out of 5` or 满分10分 in a few words."""
    span = _RANGE.search(text)
    if span:
        return float(span["low"]), float(span["top"])
    top = _MAXIMUM.search(text)
    return (0.0, float(top["top"])) if top else None


def guess(number: str, meaning: Meaning, raw: str) -> Verdict | None:
    """Read a number whose scale nobody told; see the module's text for how."""
    value = float(number)
    if value in (0.0, 1.0) and meaning == "binary" and "." not in number:
        return binary(value == 1.0, raw)
    if value == 1.0 and meaning == "rating":
        return graded(value, (0.0, 10.0), raw, confident=False)
    for top in (1.0, 10.0, 100.0):
        if value <= top:
            return graded(value, (0.0, top), raw, confident=top == 1.0 and "." in number)
    return None


def _aside(text: str) -> str:
    return text if re.match(r"\s*(?:[(（\[，,]|on |分)", text) else ""
