"""A judge's reply made ready for reading, the places in it where verdicts stand, and which of them counts."""

from __future__ import annotations

import re
from typing import NamedTuple

from .verdict import AMBIGUOUS, RAW_LIMIT, Reading, Unreadable, Verdict, same

_OPEN, _CLOSE = ("<think>", "<thinking>"), ("</think>", "</thinking>")
_HEAD, _TAIL = 4_000, 8_000
"""Characters of a longer reply's two ends in which a verdict is looked for; it opens or closes a reply."""
_ASIDES = ("reasoning", "rationale", "explanation", "analysis", "thought", "scratchpad", "feedback")
# An aside is bounded, cannot nest, and only goes when it is closed: what is left must stand alone.
_ASIDE = re.compile(rf"<({'|'.join(_ASIDES)})>[^<]{{0,4000}}</\1>", re.IGNORECASE)
_UNCLOSED = re.compile(r"\n[ \t]{0,8}<think(?:ing)?>")
# Between two candidates: a list of permitted answers, which an echoed instruction is made of.
_OR = re.compile(r"(?:</?\w{0,20}>|[\s\"'`*,.;]|\\?\$){0,8}(?:\bor\b|/|\||或者?)[\s\"'`*]{0,4}$", re.IGNORECASE)
# Behind a candidate: the condition under which an instruction wants it.
_WHEN = re.compile(r"(?:</\w{0,20}>)?[\s\"'`*)]{0,4}(?:if|when|for a|means|denotes|当|如果|表示)\b", re.IGNORECASE)
# Before a candidate: the judge takes back what it said.
_RETRACTS = re.compile(
    r"\b(?:wait|actually|correction|on reflection|on second thought|let me re\w*|reconsider\w*|i (?:mis|over)\w+"
    r"|mistaken|revis\w+|upon)\b|重新|更正|修正|再(?:看|想|检查)",
    re.IGNORECASE,
)
_GAP_LIMIT = 2_000
"""Characters between two candidates in which a retraction is looked for."""
_FIRST, _LAST = 20, 60
"""Matches of one pattern that are read, from the beginning and from the end: a reply has few, an attack thousands."""


class Reply(NamedTuple):
    """What is left to read."""

    whole: str
    """The reply without its thoughts, stripped."""
    text: str
    """The same, or its two ends if it is long; asides such as `<reasoning>…</reasoning>` are gone."""
    cut: bool
    """The reply was cut off by its length limit, so its last word may be half a word."""


def prepare(text: str, *, truncated: bool) -> Reply | Unreadable:
    """Strip the thoughts; one that never ends, at the start of a line, means that no reply was reached."""
    whole = _without_thoughts(text).strip()
    if "<" in whole and _UNCLOSED.search("\n" + whole):
        return Unreadable("unclosed_think")
    kept = whole if len(whole) <= _HEAD + _TAIL else f"{whole[:_HEAD]}\n\n{whole[-_TAIL:]}"
    if "</" in kept:
        kept = _ASIDE.sub("\n", kept).strip()
    return Reply(whole, kept, truncated)


def _without_thoughts(text: str) -> str:
    """Remove all from the first opening to the last closing tag; a template may have kept the opening to itself."""
    for opening, closing in zip(_OPEN, _CLOSE, strict=True):
        end = text.rfind(closing)
        if end >= 0:
            start = text.find(opening, 0, end)
            text = text[: max(start, 0)] + "\n" + text[end + len(closing) :]
    return text


class Finding(NamedTuple):
    """One place in a reply where a verdict of some family stands."""

    reading: Reading
    start: int
    end: int
    final: bool = False
    """The reply calls it final, overall, in conclusion."""


def settle(candidates: list[Finding], text: str, *, cut: bool) -> Reading | None:
    """Make one reading of the candidates, in their order: `None` if there is none, `AMBIGUOUS` if they clash.

    Findings that are options of an instruction do not count. A grade beside a binary verdict does not count.
    Of contradicting ones the last counts if it alone is called final, or if the judge takes back what stood before;
    the latter is not confident.
    """
    kept = _at_cut(_without_options(candidates, text), text) if cut else _without_options(candidates, text)
    kept = [one for one in kept if one.final] or kept
    clear = [one for one in kept if isinstance(one.reading, Verdict)]
    words = [one for one in clear if isinstance(one.reading, Verdict) and one.reading.correct is not None]
    if not clear or (words and len(clear) < len(kept)):
        return AMBIGUOUS if kept else None
    return _last_word(words or clear, text)


def both_ends(pattern: re.Pattern[str], text: str) -> list[re.Match[str]]:
    """Find the matches of `pattern`; of a great many only the first and the last."""
    matches = list(pattern.finditer(text))
    return matches if len(matches) <= _FIRST + _LAST else matches[:_FIRST] + matches[-_LAST:]


def _last_word(kept: list[Finding], text: str) -> Reading:
    readings = [one.reading for one in kept if isinstance(one.reading, Verdict)]
    last = readings[-1]
    if all(same(one, last) for one in readings):
        return last
    between = text[kept[-2].end : kept[-1].end][-_GAP_LIMIT:]
    return last._replace(confident=False) if _RETRACTS.search(between) else AMBIGUOUS


def _without_options(candidates: list[Finding], text: str) -> list[Finding]:
    """Drop what an echoed instruction offers: `X or Y`, and `X if …`."""
    offered: set[int] = set()
    for number, one in enumerate(candidates):
        if _WHEN.match(text, one.end):
            offered.add(number)
        if number and _OR.match(text[candidates[number - 1].end : one.start]):
            offered |= {number - 1, number}
    return [one for number, one in enumerate(candidates) if number not in offered]


def _at_cut(candidates: list[Finding], text: str) -> list[Finding]:
    """Distrust what touches the end of a reply that was cut off: a word may go on, a number surely may."""
    if not candidates or isinstance(candidates[-1].reading, Unreadable):
        return candidates
    last = candidates[-1].reading
    if not touches_end(last, text):
        return candidates
    kept = [] if last.raw[-1:].isdigit() else [candidates[-1]._replace(reading=last._replace(confident=False))]
    return [*candidates[:-1], *kept]


def touches_end(verdict: Verdict, text: str) -> bool:
    """Say whether `text` ends with the last word of `verdict`, so that a cut may have shortened it."""
    words = verdict.raw.lower().split()
    return bool(words) and text[-2 * RAW_LIMIT :].rstrip(' \n*_`"').lower().endswith(words[-1])
