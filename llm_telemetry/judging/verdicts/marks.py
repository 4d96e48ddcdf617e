"""Verdicts that an instruction asked to mark: XML-like tags, double brackets, boxes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .candidates import Candidate, both_ends, settle
from .values import Sort, read_value
from .verdict import Reading, Verdict, graded

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .reply import Reply

# ruff: noqa: RUF001

_ADJECTIVES = ("correct", "is_correct", "correctness", "equivalent", "is_equivalent", "match", "passed", "true_false")
_GRADES = ("score", "rating", "grade", "points", "得分", "评分", "分数")
_SORTS: dict[str, Sort] = {**dict.fromkeys(_ADJECTIVES, "adjective"), **dict.fromkeys(_GRADES, "score")}
_TAG_NAMES = (
    r"true_false|verdict|judge?ment|decision|evaluation|label|is_correct|correctness|correct|is_equivalent"
    r"|equivalent|match|passed|score|rating|grade|points|result|conclusion|判断|判定|结论|得分|评分|分数"
)
# <verdict>X</verdict>, <true_false>: X, with or without its end.
_TAG = re.compile(
    rf"<(?P<final>final_|overall_)?(?P<name>{_TAG_NAMES})(?:\s[^<>\n]{{0,40}})?>(?P<value>[^<]{{1,160}})", re.IGNORECASE
)
# <answer> is read last of all the marked ones: judges quote the tags of those they judge.
_ANSWER = re.compile(r"<(?P<final>final_)?(?P<name>answer)>(?P<value>[^<]{1,160})", re.IGNORECASE)
# true_false: X and **true_false**: X, the same tag without its brackets.
_NAMED = re.compile(
    r"(?<![\w<])(?P<final>)(?P<name>true_false)[*`]{0,2}\s{0,2}[:：=](?P<value>[^\n<]{1,60})", re.IGNORECASE
)
_BRACKET = re.compile(r"\[\[(?P<value>[^\[\]\n]{1,20})\]\]")
# The form of a widely used open judge: "[RESULT] 4", always 1 to 5 points.
_RESULT = re.compile(r"\[RESULT\][ \t]{0,4}\(?(?P<value>[1-5])\b(?![./])")
_BOXED = re.compile(r"\\boxed\s?\{(?P<value>(?:[^{}\n]|\{[^{}\n]{0,60}\}){1,60})\}")
_ABOUT_GRADES = re.compile(r"(?:rating|score|grade|points|rate|评分|得分)\W{0,8}(?:\w{1,6}\W{1,3})?$", re.IGNORECASE)
_FINAL = re.compile(r"\b(?:final|overall|therefore|conclusion|verdict)\b|最终|综上", re.IGNORECASE)
# Before a mark, in its sentence: it quotes the one that is judged.
_QUOTES = re.compile(
    r"\b(?:students?|candidates?|model|expected|gold|reference|key|submi\w+|response|wrote|ground truth|put)\b"
    r"|学生|标准答案|参考答案",
    re.IGNORECASE,
)
_ANSWERS = re.compile(r"\b(?:answer|equals|result|value|get|got)\b|答案", re.IGNORECASE)
_DOLLARS = len("$$\n\n")
"""Characters of mathematics' delimiters that may precede a box that opens the reply."""

_BEFORE = 80
"""Characters before a mark that may tell what it is about."""


def read_tag(reply: Reply) -> Reading | None:
    """Read tags such as `<verdict>`, and `true_false:`."""
    text = reply.text
    found = [] if "<" not in text else [_tagged(match) for match in both_ends(_TAG, text)]
    if "true_false" in text.lower():
        found += [_tagged(match) for match in both_ends(_NAMED, text)]
    return settle([one for one in found if one is not None], text, cut=reply.cut)


def read_answer_tag(reply: Reply) -> Reading | None:
    """Read `<answer>` tags, words only."""
    if "<" not in reply.text:
        return None
    text = reply.text
    found = (_tagged(match) for match in both_ends(_ANSWER, text) if not _quoted(text, match.start()))
    return settle([one for one in found if one is not None], text, cut=reply.cut)


def read_bracket(reply: Reply) -> Reading | None:
    """Read `[[A]]`, `[[A=B]]`, `[[tie]]`, `[[7]]`, `[[yes]]`, and `[RESULT] 4`."""
    if "[[" in reply.text:
        return settle(list(_bracketed(reply.text)), reply.text, cut=False)
    match = _RESULT.search(reply.text) if "[RESULT]" in reply.text else None
    return graded(float(match["value"]), (1.0, 5.0), match["value"]) if match else None


def read_boxed(reply: Reply) -> Reading | None:
    r"""Read a `\boxed{}` that ends the reply, or stands first in it; others are somebody's answer."""
    if "\\boxed" not in reply.text:
        return None
    return settle(list(_boxes(reply.text)), reply.text, cut=False)


def _tagged(match: re.Match[str]) -> Candidate | None:
    name = match["name"].lower()
    sort = "words" if name == "answer" else _SORTS.get(name, "binary")
    value = match["value"].strip(" \t\r\n:：")
    reading = read_value(value, sort)
    if reading is None:
        return None
    return Candidate(reading, match.start(), match.end(), bool(match["final"]))


def _bracketed(text: str) -> Iterator[Candidate]:
    for match in both_ends(_BRACKET, text):
        before = text[max(0, match.start() - _BEFORE) : match.start()]
        reading = read_value(match["value"], "rating" if _ABOUT_GRADES.search(before) else "binary")
        if reading is not None:
            yield Candidate(reading, match.start(), match.end(), bool(_FINAL.search(_line(before))))


def _boxes(text: str) -> Iterator[Candidate]:
    for match in both_ends(_BOXED, text):
        before = _line(text[max(0, match.start() - _BEFORE) : match.start()])
        stands_out = match.start() <= _DOLLARS or not re.search(r"\w", text[match.end() : match.end() + 400])
        reading = read_value(match["value"], "rating" if _ABOUT_GRADES.search(before) else "binary")
        if reading is None or not stands_out or _QUOTES.search(before):
            continue
        is_number = isinstance(reading, Verdict) and reading.raw[:1].isdigit()
        if not (is_number and _ANSWERS.search(before)):
            yield Candidate(reading, match.start(), match.end())


def _quoted(text: str, position: int) -> bool:
    return _QUOTES.search(_line(text[max(0, position - _BEFORE) : position])) is not None


def _line(before: str) -> str:
    """Return the last sentence of `before`."""
    return re.split(r"[\n。]|[.!?]\s", before)[-1]
