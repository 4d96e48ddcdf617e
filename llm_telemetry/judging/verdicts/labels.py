"""Labelled verdicts: `Verdict: correct`, `### Final Score: 7/10`, a heading above its verdict, an answered question."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from .language import by_letter, fold
from .languages import ENGLISH, SPACED, UNSPACED
from .phrases import is_disowned, sentence_before
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
    "merit": "flag",
    "vice": "flag",
    "aspect": "score",
    "result": "words",
    "answer": "words",
}
_WEAK = frozenset(("merit", "vice", "aspect", "result", "answer"))
"""Rows that only count where no other speaks."""
# The beginning of a clause; in a run of stars only the first may be one.
_EDGE = r"[\n.!?;,:|>({)*。！？；，【](?<!\*[\s\S])"
_LETTER, _ZH_LETTER = r"(?=[^\W\u3040-\u9fff])", r"(?=[\u3040-\u9fff])"
_ZH_EDGE = r"[\s.!?;,:|>({)*。！？；，【](?<!\*[\s\S])"
_MARKUP = r"[ \t>*_#|`$\"\[-]{0,12}(?:\d{1,2}[.)、][ \t*_]{0,4})?"
_ASIDE = r"(?P<aside>\s?[(（\[][^)）\]\n]{1,40}[)）\]]| on a scale (?:of|from) [^:\n]{1,20}| out of \d{1,3})?"
_SEPARATOR = (
    r"(?P<sep>[ \t]{0,4}(?:[:：=|?]|->|=>|→|—|–|-(?=\s))"
    r"|[ \t]{1,2}(?:is|of|(?:would|should|must) be)\b(?:[ \t]{0,2}[:：])?"
    r"|[ ]{0,4}(?=[\n✅❌])|\t|[ \t](?:an? )?(?=\d{1,3}(?:[.,]\d)?\s?(?:/|out of)\s?\d))"
)
_ZH_SEPARATOR = r"(?P<sep>[ \t]{0,4}[:：=】]|为(?!什么)|是(?!否)|[ \t]{0,4}(?=\n))"
_VALUE = 400
"""Characters behind a label that are looked at: the verdict and what may contradict it on its line."""


class Pattern(NamedTuple):
    """How a label is found, and which row it is of."""

    label: re.Pattern[str]
    rows: dict[str, re.Pattern[str]]


def _pattern(edge: str, letter: str, prefix: str, separator: str, *languages: Language) -> Pattern:
    words = {
        row: "|".join(filter(None, (getattr(one, row) for one in languages))).replace("_", "[ _]")
        for row in (*_SORTS, "prefix")
    }
    opening = f"{edge}{_MARKUP}{letter}(?P<prefix>{prefix % by_letter(words.pop('prefix'))})"
    label = f"(?P<label>{by_letter('|'.join(filter(None, words.values())))})(?: finale?| awarded| given)?"
    mark = r"[*_`\"]{0,4}"
    return Pattern(
        re.compile(f"{opening}{label}{mark}{_ASIDE}{mark}{separator}"),
        {row: re.compile(alternation or "(?!)") for row, alternation in words.items()},
    )


@cache
def _patterns(*, ascii_only: bool) -> tuple[Pattern, ...]:
    if not ascii_only:
        unspaced = _pattern(_ZH_EDGE, _ZH_LETTER, "(?:(?:%s){1,2}[ ，]?){0,3}", _ZH_SEPARATOR, UNSPACED)
        return (*_patterns(ascii_only=True), unspaced)
    return (_pattern(_EDGE, _LETTER, r"(?:(?:%s)[ \t_,]{1,3}){0,6}[*_]{0,2}", _SEPARATOR, ENGLISH, SPACED),)


_FINAL = re.compile(
    r"final|overall|conclusion|total|corrected|revised|updated|amended|endurteil|итог|최종|最终|最后|综合|综上|总",
    re.IGNORECASE,
)
_ASKED = ("adjective", "fault", "merit", "vice", "choice")
_WORDS_THAT_JOIN = ("is", "of", "would be", "should be", "must be")
_BLANK = ' \t*_`|"：:'
# "Is the response correct? Yes": the judge answers the question it was asked; a negative one turns its answer.
_QUESTION = re.compile(
    r"[\n.!:][ \t*#>\d]{0,8}(?:is|are|do|does|did|was|were)[ ](?P<asked>[^?\n]{3,120}?)"
    r"(?:[ ]?[(\[][^)\]?\n]{1,40}[)\]])?\?[ \t*]{0,4}"
    r"(?:\n[ \t*]{0,4}(?:a(?:nswer)?:[ *]{0,3})?)?(?P<value>(?:yes|no)\b[^\n]{0,200})",
    re.IGNORECASE,
)
_ASKS = re.compile(
    r"\b(?:correct|equivalent|match|same|accurate|right|equal|agree|complete[ds]?|achieved?|succeed(?:ed)?|successful"
    r"|supported|entailed|satisf(?:y|ied)|met|solved?|resolved?|valid)\b",
    re.IGNORECASE,
)
_ASKS_FAULT = re.compile(
    r"\b(?:incorrect|wrong|false|errors?|mistakes?|hallucinat\w+|toxic|harmful|differ\w*)\b", re.IGNORECASE
)
_ASKS_NOT = re.compile(r"\b(?:not|no|free of|without)\b|n't", re.IGNORECASE)
# "Response A is better", "I prefer B", near the end.
_PREFERRING = ("prefer", "better", "best", "superior", "stronger", "win", "choose", "pick", "favor", "favour")
_NEAR_END = 400
_NOUN = r"(?:assistant|response|answer|model|output|candidate|option|solution)"
_ONE = rf"(?i:(?:the )?(?:{_NOUN} ){{0,2}})\(?(?P<%s>[AB]|(?<=\()[ab]|(?<=\w )[12]|(?i:first|second)(?= {_NOUN}))\)?"
_PREFERS = re.compile(
    rf"(?<![\w'])(?i:i|we)(?i: would|'d)? (?i:prefer|choose|pick|favou?r) {_ONE % 'chosen'}"
    r"(?=\s*(?:$|[.,;!\n]|\b(?:because|since|as|over)\b))"
    rf"|(?<![\w'])(?<!neither ){_ONE % 'better'}(?i:'s)?(?i: {_NOUN})? (?:wins|won|is "
    r"(?:(?:clearly|much|slightly|far|the|overall|somewhat|significantly) ){0,2}"
    r"(?:better|best|superior|stronger|preferred|preferable|winner)"
    rf"|(?:gives?|gave|provides?|provided|has|offers?) (?:the|a) (?:better|best|stronger|superior) {_NOUN})\b"
    r"(?=\s*(?:$|[.,;!\n]|\b(?:than|because|since|as|overall|here)\b))(?![^\n]{0,200}\b(?:but|however|though)\b)"
)


class Label(NamedTuple):
    """One label in a reply."""

    match: re.Match[str]
    row: str


def read_label(reply: Reply) -> Reading | None:
    """Read labelled verdicts and answered questions; weak ones (answer, result) only where no strong one speaks."""
    text = "\n" + reply.text
    strong: list[Finding] = []
    weak: list[Finding] = [*_answered(text, reply), *_preferred(text)]
    labels = _labels(text)
    ends = [*(label.match.start() for label in labels[1:]), len(text)]
    for label, end in zip(labels, ends, strict=False):
        reading = _read(label, text[label.match.end() : end], reply)
        if reading is not None:
            is_final = _FINAL.search(label.match[0]) is not None
            found = Finding(reading, label.match.start() - 1, label.match.end() - 1, is_final)
            (weak if label.row in _WEAK else strong).append(found)
    return settle(strong, reply) or settle(weak, reply)


def _labels(text: str) -> list[Label]:
    low = fold(text)
    found = []
    for pattern in _patterns(ascii_only=text.isascii()):
        for match in both_ends(pattern.label, low):
            row = next(row for row, names in pattern.rows.items() if names.fullmatch(match["label"]))
            if _is_label(row, match["sep"].strip()):
                found.append(Label(match, row))
    return sorted(found, key=lambda label: label.match.start())


def _answered(text: str, reply: Reply) -> Iterator[Finding]:
    for match in both_ends(_QUESTION, text) if "?" in text else ():
        reading = read_value(match["value"], "words")
        is_fault = _ASKS_FAULT.search(match["asked"]) is not None
        if not isinstance(reading, Verdict) or _ASKS_NOT.search(match["asked"]):
            continue
        if is_fault != (_ASKS.search(match["asked"]) is not None):
            yield Finding(inverse(reading) if is_fault and not reply.inverted else reading, match.start(), match.end())


def _preferred(text: str) -> Iterator[Finding]:
    end = text[-_NEAR_END:]
    if not any(word in end for word in _PREFERRING):
        return
    for match in _PREFERS.finditer(text, max(0, len(text) - _NEAR_END)):
        if not is_disowned(sentence_before(text, match.start())):
            is_first = (match["chosen"] or match["better"]).lower() in ("a", "1", "first")
            yield Finding(binary(is_first, "A" if is_first else "B"), match.start(), match.end())


def _is_label(row: str, sep: str) -> bool:
    """Tell a label from prose: behind an adjective or a weak label, "is" is only a word of a sentence."""
    if sep == "?":
        return row in _ASKED
    if not sep:
        return row not in _ASKED
    return row in ("verdict", "grade", "total", "choice") or sep not in _WORDS_THAT_JOIN


def _read(label: Label, behind: str, reply: Reply) -> Reading | None:
    value = behind[:_VALUE].lstrip(_BLANK)
    if value[:1] == "\n":
        value = value.lstrip()
    reading = read_value(value.partition("\n")[0], _SORTS[label.row], reply.scale or told_scale(label.match[0]))
    if not isinstance(reading, Verdict):
        return reading
    if label.row in ("fault", "vice") and not reply.inverted:
        return inverse(reading)
    return None if label.row in ("total", "aspect") and not reading.confident else reading
