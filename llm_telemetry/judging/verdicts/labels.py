"""Labelled verdicts: `Verdict: correct`, `### Final Score: 7/10`, a heading above its verdict; Chinese too."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from .languages import ENGLISH, SPACED, UNSPACED
from .phrases import fold, is_disowned, sentence_before
from .reply import Finding, Reply, both_ends, settle
from .values import Sort, read_value, told_scale
from .verdict import Reading, Verdict, binary, inverse

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .language import Language


# ruff: noqa: RUF001

# What may stand behind each row of labels; the order is that in which they are tried.
_SORTS: dict[str, Sort] = {
    "fault": "flag",
    "verdict": "binary",
    "adjective": "adjective",
    "grade": "score",
    "total": "score",
    "choice": "choice",
    "flag": "flag",
    "weak": "words",
}
# The beginning of a clause; in a run of stars only the first may be one.
_EDGE = r"[\n.!?;,:|>({)*。！？；，【](?<!\*[\s\S])"
_LETTER, _ZH_LETTER = r"(?=[^\W\u3040-\u9fff])", r"(?=[\u3040-\u9fff])"
_ZH_EDGE = r"[\s.!?;,:|>({)*。！？；，【](?<!\*[\s\S])"
_MARKUP = r"[ \t>*_#|`$\"\[-]{0,12}(?:\d{1,2}[.)、][ \t*_]{0,4})?"
_ASIDE = r"(?P<aside>\s?[(（\[][^)）\]\n]{1,40}[)）\]]| on a scale (?:of|from) [^:\n]{1,20}| out of \d{1,3})?"
_SEPARATOR = (
    r"(?P<sep>[ \t]{0,4}(?:[:：=|?]|->|=>|→|—|–|-(?=\s))"
    r"|[ \t]{1,2}(?:is|of|(?:would|should|must) be)\b(?:[ \t]{0,2}[:：])?"
    r"|[ \t]{0,4}(?=[\n✅❌])|[ \t](?:an? )?(?=\d{1,3}(?:[.,]\d)?\s?(?:/|out of)\s?\d))"
)
_ZH_SEPARATOR = r"(?P<sep>[ \t]{0,4}[:：=】]|为(?!什么)|是(?!否)|[ \t]{0,4}(?=\n))"
_VALUE = 400
"""Characters behind a label that are looked at: the verdict and what may contradict it on its line."""


def _pattern(edge: str, letter: str, prefix: str, separator: str, *languages: Language) -> re.Pattern[str]:
    words = {row: "|".join(filter(None, (getattr(one, row) for one in languages))) for row in (*_SORTS, "prefix")}
    rows = "|".join(f"(?P<{row}>{words[row] or '(?!)'})" for row in _SORTS)
    mark = r"[*_`\"]{0,4}"
    return re.compile(
        f"{edge}{_MARKUP}{letter}(?P<prefix>{prefix % words['prefix']})(?:{rows}){mark}{_ASIDE}{mark}{separator}"
    )


_PATTERNS = (
    _pattern(_EDGE, _LETTER, r"(?:(?:%s)[ \t_,]{1,3}){0,6}[*_]{0,2}", _SEPARATOR, ENGLISH, SPACED),
    _pattern(_ZH_EDGE, _ZH_LETTER, "(?:(?:%s){1,2}[ ，]?){0,3}", _ZH_SEPARATOR, UNSPACED),
)
_FINAL = re.compile(
    r"final|overall|conclusion|total|corrected|revised|updated|amended|endurteil|итог|최종|最终|最后|综合|综上|总",
    re.IGNORECASE,
)
_WORDS_THAT_JOIN = ("is", "of", "would be", "should be", "must be")
_BLANK = ' \t*_`|"：:'
# "Is the response correct? Yes": the judge answers the question it was asked; a negative one turns its answer.
_QUESTION = re.compile(
    r"[\n.!:][ \t*#>\d]{0,8}(?:is|are|do|does|did|was|were)[ ](?P<asked>[^?\n]{3,120})\?[ \t*]{0,4}"
    r"(?P<value>(?:yes|no)\b[^\n]{0,200})",
    re.IGNORECASE,
)
_ASKS = re.compile(r"\b(?:correct|equivalent|match|same|accurate|right|equal|agree)\b", re.IGNORECASE)
_ASKS_FAULT = re.compile(
    r"\b(?:incorrect|wrong|false|errors?|mistakes?|hallucinat\w+|toxic|harmful|differ\w*)\b", re.IGNORECASE
)
_ASKS_NOT = re.compile(r"\b(?:not|no|free of|without)\b|n't", re.IGNORECASE)
# "Response A is better", "I prefer B", near the end.
_PREFERRING = ("prefer", "better", "best", "superior", "stronger", "winner", "choose", "pick", "favor", "favour")
_NEAR_END = 400
_SIDE = r"(?:(?:the|assistant|response|answer|model|output|candidate|option|solution) ){0,2}"
_PREFERS = re.compile(
    rf"(?<![\w'])(?i:i|we)(?i: would|'d)? (?i:prefer|choose|pick|favou?r) (?i:{_SIDE})"
    r"\(?(?P<chosen>[AB]|(?<=\()[ab])\)?"
    r"(?=\s*(?:$|[.,;!\n]|\b(?:because|since|as|over)\b))"
    rf"|(?<![\w'])(?i:{_SIDE})\(?(?P<better>[AB]|(?<=\()[ab])\)? is "
    r"(?:(?:clearly|much|slightly|far|the|overall|somewhat|significantly) ){0,2}"
    r"(?:better|best|superior|stronger|preferred|preferable|winner)\b"
)


def read_label(reply: Reply) -> Reading | None:
    """Read labelled verdicts; the weak labels (answer, result, final) only where no strong one speaks."""
    text = "\n" + reply.text
    strong: list[Finding] = []
    weak: list[Finding] = [*_answered(text, reply), *_preferred(text)]
    matches = [match for match in _matches(text) if _is_label(match)]
    for match, end in zip(matches, [*(one.start() for one in matches[1:]), len(text)], strict=False):
        row = _row_of(match)
        reading = _read(match, row, text[match.end() : end], reply)
        if reading is not None:
            is_final = _FINAL.search(match[0]) is not None
            (weak if row == "weak" else strong).append(Finding(reading, match.start() - 1, match.end() - 1, is_final))
    return settle(strong, reply) or settle(weak, reply)


def _matches(text: str) -> list[re.Match[str]]:
    low = fold(text)
    patterns = _PATTERNS[:1] if text.isascii() else _PATTERNS
    return sorted((match for pattern in patterns for match in both_ends(pattern, low)), key=lambda match: match.start())


def _answered(text: str, reply: Reply) -> Iterator[Finding]:
    for match in both_ends(_QUESTION, text) if "?" in text else ():
        reading = read_value(match["value"], "words")
        is_fault = _ASKS_FAULT.search(match["asked"]) is not None
        if not isinstance(reading, Verdict) or _ASKS_NOT.search(match["asked"]):
            continue
        if is_fault != (_ASKS.search(match["asked"]) is not None):
            yield Finding(inverse(reading) if is_fault and not reply.inverted else reading, match.start(), match.end())


def _preferred(text: str) -> Iterator[Finding]:
    for match in (
        _PREFERS.finditer(text, max(0, len(text) - _NEAR_END)) if any(word in text for word in _PREFERRING) else ()
    ):
        if not is_disowned(sentence_before(text, match.start())):
            letter = (match["chosen"] or match["better"]).upper()
            yield Finding(binary(letter == "A", letter), match.start(), match.end())


def _row_of(match: re.Match[str]) -> str:
    return next(row for row in _SORTS if match[row])


def _is_label(match: re.Match[str]) -> bool:
    """Tell a label from prose: behind an adjective or a weak label, "is" is only a word of a sentence."""
    row, sep = _row_of(match), match["sep"].strip()
    if sep == "?":
        return row == "adjective"
    if not sep:
        return row != "adjective"
    return row in ("verdict", "grade", "total", "choice") or sep not in _WORDS_THAT_JOIN


def _read(match: re.Match[str], row: str, behind: str, reply: Reply) -> Reading | None:
    value = behind[:_VALUE].lstrip(_BLANK)
    if value[:1] == "\n":
        value = value.lstrip()
    scale = reply.scale or told_scale(match[0])
    reading = read_value(value.partition("\n")[0], _SORTS[row], scale)
    if row == "fault" and isinstance(reading, Verdict) and not reply.inverted:
        return inverse(reading)
    return None if row == "total" and isinstance(reading, Verdict) and not reading.confident else reading
