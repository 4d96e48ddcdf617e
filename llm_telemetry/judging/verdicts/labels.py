"""Labelled verdicts: `Verdict: correct`, `### Final Score: 7/10`, a heading above its verdict; Chinese too."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .candidates import Candidate, both_ends, settle
from .chinese import is_chinese
from .english import lowercase
from .values import Sort, read_value
from .verdict import Reading, Verdict

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .reply import Reply

# ruff: noqa: RUF001

# The table of labels: what a value behind it may be, whether it is strong, and its wordings.
_ENGLISH: tuple[tuple[Sort, bool, str], ...] = (
    (
        "binary",
        True,
        r"correct/incorrect|true/false|yes/no|judge?ment|verdict|decision|determination|ruling|assessment|evaluation|grading",
    ),
    (
        "adjective",
        True,
        r"(?:is[ _])?correct(?:ness)?|(?:is[ _])?equivalent|equivalence|(?:is[ _])?match|passed|true[ _]false",
    ),
    ("score", True, r"scores?|rating|grade|marks?|points|overall|total|rate (?:it|(?:this|the) \w{1,12})"),
    ("choice", True, r"winner|preferred|preference|better"),
    ("words", False, r"answer|result|conclusion|outcome|status|final"),
)
_CHINESE: tuple[tuple[Sort, bool, str], ...] = (
    (
        "binary",
        True,
        r"(?:判断|判定|评判|评估)结果|判断|判定|评判|结论|裁决|判决|是否正确|是否等价|是否一致|正确性|等价性",
    ),
    ("score", True, r"得分|评分|分数|总分|打分"),
    ("words", False, r"结果|答案"),
)
# Words that may stand between the beginning of a clause and its label; any other ("student's", "initial") may not.
_PREFIX = (
    r"so|thus|therefore|hence|overall|final|my|the|our|a|an|i|i'd|would|will|can|must|give|gave|assign|award|rate"
    r"|this|it|is|answer|quality|evaluation|assessment|equivalence|correctness|judge|total|binary|conclusion|in|and"
    r"|consequently|accordingly|of"
)
_ZH_PREFIX = r"最终|最后|综合|总体|整体|因此|所以|综上|故|我的|我|本题|该题|给出的?|的|评估"
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
_VALUE = 400
"""Characters behind a label that are looked at: the verdict and what may contradict it on its line."""


def _groups(table: tuple[tuple[Sort, bool, str], ...]) -> str:
    return "|".join(f"(?P<r{number}>{row[2]})" for number, row in enumerate(table))


_ENGLISH_LABEL = re.compile(
    rf"{_EDGE}{_MARKUP}(?P<prefix>(?:(?:{_PREFIX})[ \t_,]{{1,3}}){{0,6}}[*_]{{0,2}})(?:{_groups(_ENGLISH)})(?![\w'])"
    rf"[*_`\"]{{0,4}}{_ASIDE}[*_`\"]{{0,4}}{_SEPARATOR}"
)
_CHINESE_LABEL = re.compile(
    rf"{_ZH_EDGE}{_MARKUP}(?P<prefix>(?:(?:{_ZH_PREFIX}){{1,2}}[ ，]?){{0,3}})(?:{_groups(_CHINESE)})"
    rf"[*_`\"]{{0,4}}{_ASIDE}[*_`\"]{{0,4}}"
    r"(?P<sep>[ \t]{0,4}[:：=】]|为(?!什么)|是(?!否)|[ \t]{0,4}(?=\n))"
)
_FINAL = re.compile(r"final|overall|conclusion|total|最终|最后|综合|综上|总", re.IGNORECASE)
_WORDS_THAT_JOIN = ("is", "of", "would be", "should be", "must be")
_SUMS = ("overall", "total")
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
    strong: list[Candidate] = []
    weak: list[Candidate] = []
    for candidate, is_strong in _candidates(text):
        (strong if is_strong else weak).append(candidate)
    return settle(strong, text, cut=reply.cut) or settle(weak, text, cut=reply.cut)


def _candidates(text: str) -> Iterator[tuple[Candidate, bool]]:
    matches = [(match, _ENGLISH) for match in both_ends(_ENGLISH_LABEL, lowercase(text))]
    if is_chinese(text):
        matches += [(match, _CHINESE) for match in both_ends(_CHINESE_LABEL, text)]
    for match, table in sorted(matches, key=lambda found: found[0].start()):
        sort, is_strong, _ = table[next(number for number in range(len(table)) if match[f"r{number}"])]
        reading = _read(match, sort, text) if _is_label(match, sort) else None
        if reading is not None:
            yield Candidate(reading, match.start(), match.end(), _is_final(match)), is_strong
    for match in both_ends(_QUESTION, text) if "?" in text else ():
        reading = read_value(match["value"], "words")
        if reading is not None and _ASKS.search(match["asked"]) and not _ASKS_REVERSED.search(match["asked"]):
            yield Candidate(reading, match.start(), match.end()), False


def _is_label(match: re.Match[str], sort: Sort) -> bool:
    """Tell a label from prose: behind an adjective or a weak label, "is" is only a word of a sentence."""
    sep = match["sep"].strip()
    if sep == "?":
        return sort == "adjective"
    if not sep:
        return sort != "adjective"
    return sort in ("binary", "score") or sep not in _WORDS_THAT_JOIN


def _read(match: re.Match[str], sort: Sort, text: str) -> Reading | None:
    value = text[match.end() : match.end() + _VALUE].lstrip(_BLANK)
    if value[:1] == "\n":
        value = value.lstrip()
    reading = read_value(value.partition("\n")[0], sort, match["aside"] or "")
    is_sum = match.re is _ENGLISH_LABEL and match["r2"] in _SUMS
    # "Total: 42" may be anything; a sum must tell its scale.
    return None if is_sum and isinstance(reading, Verdict) and not reading.confident else reading


def _is_final(match: re.Match[str]) -> bool:
    return _FINAL.search(match[0]) is not None
