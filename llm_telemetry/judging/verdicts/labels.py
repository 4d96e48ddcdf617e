"""Labelled verdicts: `Verdict: correct`, `### Final Score: 7/10`, a heading above its verdict; Chinese too."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .languages import CHINESE_LABELS, ENGLISH_LABELS, Labels
from .phrases import lowercase
from .reply import Finding, Reply, both_ends, settle
from .values import Sort, read_value, told_scale
from .verdict import Reading, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator


# ruff: noqa: RUF001

# What may stand behind each row of labels.
_SORTS: dict[str, Sort] = {
    "binary": "binary",
    "adjective": "adjective",
    "score": "score",
    "total": "score",
    "choice": "choice",
    "weak": "words",
}
# The beginning of a clause; in a run of stars only the first may be one.
_EDGE = r"[\n.!?;,:|>)*。！？；，【](?<!\*[\s\S])"
_ZH_EDGE = r"[\s.!?;,:|>)*。！？；，【](?<!\*[\s\S])"
_MARKUP = r"[ \t>*_#|`\"\[-]{0,12}(?:\d{1,2}[.)、][ \t*_]{0,4})?"
_ASIDE = r"(?P<aside>\s?[(（\[][^)）\]\n]{1,40}[)）\]]| on a scale (?:of|from) [^:\n]{1,20}| out of \d{1,3})?"
_SEPARATOR = (
    r"(?P<sep>[ \t]{0,4}(?:[:：=|?]|->|=>|→|—|–|-(?=\s))"
    r"|[ \t]{1,2}(?:is|of|(?:would|should|must) be)\b(?:[ \t]{0,2}[:：])?"
    r"|[ \t]{0,4}(?=[\n✅❌])|[ \t](?=\d{1,3}\s?/\s?\d))"
)
_ZH_SEPARATOR = r"(?P<sep>[ \t]{0,4}[:：=】]|为(?!什么)|是(?!否)|[ \t]{0,4}(?=\n))"
_VALUE = 400
"""Characters behind a label that are looked at: the verdict and what may contradict it on its line."""


def _pattern(labels: Labels, edge: str, prefix: str, separator: str) -> re.Pattern[str]:
    rows = "|".join(f"(?P<{row}>{getattr(labels, row) or '(?!)'})" for row in _SORTS)
    mark = r"[*_`\"]{0,4}"
    return re.compile(f"{edge}{_MARKUP}(?P<prefix>{prefix})(?:{rows}){mark}{_ASIDE}{mark}{separator}")


_PATTERNS = (
    _pattern(ENGLISH_LABELS, _EDGE, rf"(?:(?:{ENGLISH_LABELS.prefix})[ \t_,]{{1,3}}){{0,6}}[*_]{{0,2}}", _SEPARATOR),
    _pattern(CHINESE_LABELS, _ZH_EDGE, rf"(?:(?:{CHINESE_LABELS.prefix}){{1,2}}[ ，]?){{0,3}}", _ZH_SEPARATOR),
)
_FINAL = re.compile(r"final|overall|conclusion|total|最终|最后|综合|综上|总", re.IGNORECASE)
_WORDS_THAT_JOIN = ("is", "of", "would be", "should be", "must be")
_BLANK = ' \t*_`|"：:'
# "Is the response correct? Yes": the judge answers the question it was asked; a negative one would turn its answer.
_QUESTION = re.compile(
    r"[\n.!:][ \t*#>\d]{0,8}(?:is|are|do|does|did|was|were)[ ](?P<asked>[^?\n]{3,120})\?[ \t*]{0,4}"
    r"(?P<value>(?:yes|no)\b[^\n]{0,200})",
    re.IGNORECASE,
)
_ASKS = re.compile(r"\b(?:correct|equivalent|match|same|accurate|right|equal|agree)\b", re.IGNORECASE)
_ASKS_REVERSED = re.compile(r"\b(?:not|incorrect|wrong|differ\w*|false|any|no)\b|n't", re.IGNORECASE)


def read_label(reply: Reply) -> Reading | None:
    """Read labelled verdicts; the weak labels (answer, result, final) only where no strong one speaks."""
    text = "\n" + reply.text
    strong: list[Finding] = []
    weak: list[Finding] = [*_answered(text)]
    for match in _matches(text):
        row = next(row for row in _SORTS if match[row])
        reading = _read(match, row, text) if _is_label(match, row) else None
        if reading is not None:
            is_final = _FINAL.search(match[0]) is not None
            (weak if row == "weak" else strong).append(Finding(reading, match.start(), match.end(), is_final))
    return settle(strong, text, cut=reply.cut) or settle(weak, text, cut=reply.cut)


def _matches(text: str) -> list[re.Match[str]]:
    low = lowercase(text)
    patterns = _PATTERNS[:1] if text.isascii() else _PATTERNS
    return sorted((match for pattern in patterns for match in both_ends(pattern, low)), key=lambda match: match.start())


def _answered(text: str) -> Iterator[Finding]:
    for match in both_ends(_QUESTION, text) if "?" in text else ():
        reading = read_value(match["value"], "words")
        if reading is not None and _ASKS.search(match["asked"]) and not _ASKS_REVERSED.search(match["asked"]):
            yield Finding(reading, match.start(), match.end())


def _is_label(match: re.Match[str], row: str) -> bool:
    """Tell a label from prose: behind an adjective or a weak label, "is" is only a word of a sentence."""
    sep = match["sep"].strip()
    if sep == "?":
        return row == "adjective"
    if not sep:
        return row != "adjective"
    return row in ("binary", "score", "total") or sep not in _WORDS_THAT_JOIN


def _read(match: re.Match[str], row: str, text: str) -> Reading | None:
    value = text[match.end() : match.end() + _VALUE].lstrip(_BLANK)
    if value[:1] == "\n":
        value = value.lstrip()
    reading = read_value(value.partition("\n")[0], _SORTS[row], told_scale(match["aside"] or ""))
    return None if row == "total" and isinstance(reading, Verdict) and not reading.confident else reading
