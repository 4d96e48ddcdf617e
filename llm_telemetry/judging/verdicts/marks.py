"""Verdicts that an instruction asked to mark: XML-like tags, double brackets, boxes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .language import fold
from .names import row_of
from .reply import Finding, Reply, both_ends, settle
from .values import Sort, read_value
from .verdict import Reading, Verdict, graded

if TYPE_CHECKING:
    from collections.abc import Iterator

# ruff: noqa: RUF001

# <verdict>X</verdict>, <true_false>: X, with or without its end; true_false: X, the same tag without its brackets.
_TAG = re.compile(r"<(?P<name>[^\W\d]\w{1,29})(?:\s[^<>\n]{0,40})?>(?P<value>[^<]{1,160})")
_NAMED = re.compile(r"(?P<name>[Tt](?<![\w<].)(?i:rue_false))[*`]{0,2}\s{0,2}[:：=](?P<value>[^\n<]{1,60})")
# <answer> is read last of all the marked ones: judges quote the tags of those they judge. <mark> is other markup.
_ANSWER = re.compile(r"<(?P<final>final_)?(?:answer|output)>(?P<value>[^<]{1,160})", re.IGNORECASE)
_LATER = ("answer", "final_answer", "output", "mark")
_BRACKET = re.compile(r"\[\[(?P<value>[^\[\]\n]{1,20})\]\]")
# Boxes to tick: a ticked "correct" beside an empty "incorrect".
_BOX = re.compile(r"(?:\[(?P<mark>[ xX✓✔])\]|(?P<sign>[☐☑☒]))[ \t]{0,4}(?P<value>[^\n\[☐☑☒]{1,60})")
# The form of a widely used open judge: "[RESULT] 4", always 1 to 5 points.
_RESULT = re.compile(r"\[RESULT\][ \t]{0,4}\(?(?P<value>[1-5])\b(?![./])")
_BOXED = re.compile(r"\\(?:boxed|fbox)\s?\{(?P<value>(?:[^{}\n]|\{[^{}\n]{0,60}\}){1,60})\}")
_ABOUT_GRADES = re.compile(r"(?:rating|score|grade|points|rate|评分|得分)\W{0,8}(?:\w{1,6}\W{1,3})?$")
_FINAL = re.compile(r"\b(?:final|overall|therefore|conclusion|verdict)\b|最终|综上")
# Before a mark, in its sentence: it quotes the one that is judged.
_QUOTES = re.compile(
    r"\b(?:students?|candidates?|model|expected|gold|reference|key|submi\w+|response|wrote|ground truth|put)\b"
    r"|学生|标准答案|参考答案"
)
_ANSWERS = re.compile(r"\b(?:answer|equals|result|value|get|got)\b|答案")
_DOLLARS = len("$$\n\n")
"""Characters of mathematics' delimiters that may precede a box that opens the reply."""
_SENTENCE_END = re.compile(r"[\n。]|[.!?]\s")
_BEFORE = 80
"""Characters before a mark that may tell what it is about."""


def read_tag(reply: Reply) -> Reading | None:
    """Read tags such as `<verdict>`, and `true_false:`."""
    text = reply.text
    found = both_ends(_TAG, text) if "<" in text else []
    if "true_false" in text.lower():
        found = sorted([*found, *both_ends(_NAMED, text)], key=lambda match: match.start())
    return settle([one for match in found for one in _tagged(match, reply)], reply)


def read_answer_tag(reply: Reply) -> Reading | None:
    """Read `<answer>` tags, words only."""
    found = both_ends(_ANSWER, reply.text) if "<" in reply.text else ()
    own = (match for match in found if not _QUOTES.search(_line_before(reply.text, match)))
    return settle([one for match in own for one in _found(match, match["value"], "words", reply)], reply)


def read_bracket(reply: Reply) -> Reading | None:
    """Read `[[A]]`, `[[A=B]]`, `[[tie]]`, `[[7]]`, `[[yes]]`, and `[RESULT] 4`."""
    if "[[" in reply.text:
        return settle(list(_bracketed(reply)), reply)
    if "[ ]" in reply.text or "☐" in reply.text:
        ticked = (match for match in both_ends(_BOX, reply.text) if match["mark"] != " " and match["sign"] != "☐")
        return settle([one for match in ticked for one in _found(match, match["value"], "words", reply)], reply)
    match = _RESULT.search(reply.text) if "[RESULT]" in reply.text else None
    return graded(float(match["value"]), reply.scale or (1.0, 5.0), match["value"]) if match else None


def read_boxed(reply: Reply) -> Reading | None:
    r"""Read a `\boxed{}` that ends the reply, or stands first in it; others are somebody's answer."""
    return settle(list(_boxes(reply)), reply) if "\\boxed" in reply.text else None


def _tagged(match: re.Match[str], reply: Reply) -> Iterator[Finding]:
    name = match["name"].lower()
    row = row_of(name) if name not in _LATER else None
    if row is not None:
        value = match["value"].strip(" \t\r\n:：")
        for one in _found(match, value, row.sort, reply, is_final=name.startswith(("final", "overall"))):
            yield one._replace(reading=row.turn(one.reading, inverted=reply.inverted))


def _found(match: re.Match[str], value: str, sort: Sort, reply: Reply, *, is_final: bool = False) -> Iterator[Finding]:
    reading = read_value(value, sort, reply.scale)
    if reading is not None:
        yield Finding(reading, match.start(), match.end(), is_final)


def _bracketed(reply: Reply) -> Iterator[Finding]:
    for match in both_ends(_BRACKET, reply.text):
        line = _line_before(reply.text, match)
        sort: Sort = "rating" if _ABOUT_GRADES.search(line) else "binary"
        yield from _found(match, match["value"], sort, reply, is_final=bool(_FINAL.search(line)))


def _boxes(reply: Reply) -> Iterator[Finding]:
    text = reply.text
    for match in both_ends(_BOXED, text):
        before = _line_before(text, match)
        stands_out = match.start() <= _DOLLARS or not re.search(r"\w", text[match.end() : match.end() + 400])
        for one in _found(match, match["value"], "rating" if _ABOUT_GRADES.search(before) else "binary", reply):
            is_number = isinstance(one.reading, Verdict) and one.reading.raw[:1].isdigit()
            if stands_out and not _QUOTES.search(before) and not (is_number and _ANSWERS.search(before)):
                yield one


def _line_before(text: str, match: re.Match[str]) -> str:
    """Return what precedes a match in its sentence, folded."""
    return fold(_SENTENCE_END.split(text[max(0, match.start() - _BEFORE) : match.start()])[-1])
