"""A judge's reply made ready for reading, the places in it where verdicts stand, and which of them counts."""

from __future__ import annotations

import re
from typing import NamedTuple

from .verdict import AMBIGUOUS, RAW_LIMIT, Reading, Unreadable, Verdict, same

# ruff: noqa: RUF001

_OPEN, _CLOSE = ("<think>", "<thinking>", "◁think▷"), ("</think>", "</thinking>", "◁/think▷")
_CHANNEL = "<|message|>"
"""Of a reply in channels the last is the one that is meant for the reader."""
# What a chat template leaves behind when a server does not strip it, some with wide bars.
_SIGNS = ("<|", "<｜", "s>", "_of_turn>", "INST]", "[TOOL_CALLS]", "tool_call>")
_TOKENS = re.compile(
    r"<[|｜][^<>|｜\n]{1,40}[|｜]>|</?s>|<(?:start|end)_of_turn>|\[/?INST\]|\[TOOL_CALLS\]|</?tool_call>"
)
_ROLE = re.compile(r"\s*(?:assistant|model|judge|ai|evaluator|grader)\s*[:\n]", re.IGNORECASE)
_FENCE = "```"
_WRAPPED = re.compile(r"\\(?:text|textbf|textit|mathrm|mathbf|texttt)\s?\{([^{}]{0,80})\}")
_HEAD, _TAIL = 4_000, 8_000
"""Characters of a longer reply's two ends in which a verdict is looked for; it opens or closes a reply."""
_ASIDES = ("reasoning", "rationale", "explanation", "analysis", "thought", "scratchpad", "feedback")
# An aside is bounded, cannot nest, and only goes when it is closed: what is left must stand alone.
_ASIDE = re.compile(rf"<({'|'.join(_ASIDES)})>[^<]{{0,4000}}</\1>", re.IGNORECASE)
_UNCLOSED = re.compile(r"\n[ \t]{0,8}<think(?:ing)?>")
# Between two findings: a list of permitted answers, which an echoed instruction is made of.
_OR = re.compile(r"(?:</?\w{0,20}>|[\s\"'`*,.;]|\\?\$){0,8}(?:\bor\b|/|\||或者?)[\s\"'`*]{0,4}$", re.IGNORECASE)
# Behind a finding: the condition under which an instruction wants it.
_WHEN = re.compile(r"(?:</\w{0,20}>)?[\s\"'`*)]{0,4}(?:if|when|for a|means|denotes|当|如果|表示)\b", re.IGNORECASE)
# Before a finding: the judge takes back what it said.
_RETRACTS = re.compile(
    r"\b(?:wait|actually|correction|on reflection|on second thought|let me re\w*|reconsider\w*|i (?:mis|over)\w+"
    r"|mistaken|revis\w+|upon|hold on|chang\w+ my|at first|scratch that|oops|recheck\w*|recomput\w+|on closer"
    r"|take (?:it|that) back)\b|重新|更正|修正|再(?:看|想|检查)",
    re.IGNORECASE,
)
_GAP_LIMIT = 2_000
"""Characters between two findings in which a retraction is looked for."""
_FIRST, _LAST = 20, 60
"""Matches of one pattern that are read, from the beginning and from the end: a reply has few, an attack thousands."""


class Reply(NamedTuple):
    """What is left to read, and what is known of the judge."""

    whole: str = ""
    """The reply without its thoughts, stripped."""
    text: str = ""
    """The same, or its two ends if it is long; asides such as `<reasoning>…</reasoning>` are gone."""
    cut: bool = False
    """The reply was cut off by its length limit, so its last word may be half a word."""
    scale: tuple[float, float] | None = None
    """Lowest and highest grade, where the user told them."""
    inverted: bool = False
    """The user said that the judge's yes means wrong."""
    is_purged: bool = False
    """The words of the one who is judged are gone, so of contradicting verdicts the last counts."""


def strip(text: str) -> str | Unreadable:
    """Strip the thoughts and marks of turns; a thought that never ends, at the start of a line, means no reply."""
    whole = _without_tokens(_without_thoughts(text)).strip()
    if "<" in whole and _UNCLOSED.search("\n" + whole):
        return Unreadable("unclosed_think")
    if whole.startswith(_FENCE):
        _, fenced, *behind = whole.split(_FENCE, maxsplit=3)
        if behind == [""] and "\n" in fenced:
            return fenced.partition("\n")[2].strip()
    return whole


def both_ends_of(whole: str) -> str:
    """Return the two ends of a long text."""
    return whole if len(whole) <= _HEAD + _TAIL else f"{whole[:_HEAD]}\n\n{whole[-_TAIL:]}"


def prepare(whole: str, known: Reply) -> Reply:
    """Make a stripped text ready for reading by what is known of its judge."""
    kept = both_ends_of(whole)
    if "</" in kept:
        kept = _ASIDE.sub("\n", kept)
    if "\\" in kept:
        kept = _WRAPPED.sub(r"\1", kept)
    return known._replace(whole=whole, text=kept.strip())


def _without_tokens(text: str) -> str:
    """Remove the marks of turns and of the end; a reply in channels is its last one."""
    if ("<" in text or "[" in text) and any(map(text.__contains__, _SIGNS)):
        text = _TOKENS.sub(" ", text.rpartition(_CHANNEL)[2])
    role = _ROLE.match(text)
    return text[role.end() :] if role else text


def _without_thoughts(text: str) -> str:
    """Remove all from the first opening to the last closing tag; a template may have kept the opening to itself."""
    for opening, closing in zip(_OPEN, _CLOSE, strict=True) if "think" in text else ():
        if closing in text:  # several times as fast as looking from the end
            end = text.rfind(closing)
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


def settle(findings: list[Finding], reply: Reply) -> Reading | None:
    """Make one reading of the findings, in their order: `None` if there is none, `AMBIGUOUS` if they clash.

    Options of an instruction do not count. A grade beside a binary verdict does not count.
    Of contradicting ones the last counts if it alone is called final, or if the judge takes back what stood before,
    or if none of them can be the words of the one who is judged; it is not confident in the latter two.
    """
    if not findings:
        return None
    kept = _without_options(findings, reply.text)
    kept = _at_cut(kept, reply.text) if reply.cut else kept
    kept = [one for one in kept if one.final] or kept
    clear = [one for one in kept if isinstance(one.reading, Verdict)]
    words = [one for one in clear if isinstance(one.reading, Verdict) and one.reading.correct is not None]
    if not clear or (words and len(clear) < len(kept)):
        return AMBIGUOUS if kept else None
    return _last_word(words or clear, reply)


def both_ends(pattern: re.Pattern[str], text: str) -> list[re.Match[str]]:
    """Find the matches of `pattern`; of a great many only the first and the last."""
    matches = list(pattern.finditer(text))
    return matches if len(matches) <= _FIRST + _LAST else matches[:_FIRST] + matches[-_LAST:]


def _last_word(kept: list[Finding], reply: Reply) -> Reading:
    readings = [one.reading for one in kept if isinstance(one.reading, Verdict)]
    last = readings[-1]
    if all(same(one, last) for one in readings):
        return last
    between = reply.text[kept[-2].end : kept[-1].end][-_GAP_LIMIT:]
    return last._replace(confident=False) if reply.is_purged or _RETRACTS.search(between) else AMBIGUOUS


def _without_options(findings: list[Finding], text: str) -> list[Finding]:
    """Drop what an echoed instruction offers: `X or Y`, and `X if …`."""
    offered: set[int] = set()
    for number, one in enumerate(findings):
        if _WHEN.match(text, one.end):
            offered.add(number)
        if number and _OR.match(text[findings[number - 1].end : one.start]):
            offered |= {number - 1, number}
    return [one for number, one in enumerate(findings) if number not in offered]


def _at_cut(findings: list[Finding], text: str) -> list[Finding]:
    """Distrust what touches the end of a reply that was cut off: a word may go on, a number surely may."""
    if not findings or isinstance(findings[-1].reading, Unreadable):
        return findings
    last = findings[-1].reading
    if not touches_end(last, text):
        return findings
    kept = [] if last.raw[-1:].isdigit() else [findings[-1]._replace(reading=last._replace(confident=False))]
    return [*findings[:-1], *kept]


def touches_end(verdict: Verdict, text: str) -> bool:
    """Say whether `text` ends with the last word of `verdict`, so that a cut may have shortened it."""
    words = verdict.raw.lower().split()
    return bool(words) and text[-2 * RAW_LIMIT :].rstrip(' \n*_`"').lower().endswith(words[-1])
