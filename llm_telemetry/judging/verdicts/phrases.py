"""Verdict phrases: one small strict grammar for all languages, so that what it does not understand is no verdict."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from .languages import LANGUAGES, Language
from .verdict import AMBIGUOUS, Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator

# ruff: noqa: RUF001

Polarity = bool | Unreadable
"""True, False, or `AMBIGUOUS`: half a verdict, a double negation, a contradiction."""


class Phrase(NamedTuple):
    """One verdict phrase and where it stood in the text that was read."""

    polarity: Polarity
    raw: str
    start: int
    end: int


class Grammar(NamedTuple):
    """A language's words, made into patterns; they are for texts in lower case."""

    language: Language
    polarity: dict[str, bool]
    head: re.Pattern[str]
    """A phrase that opens a value."""
    statement: re.Pattern[str]
    """A sentence about the answer: "the response is not correct"."""
    clause: re.Pattern[str]
    """A clause that is nothing but a verdict: "Yes, but actually no." Only ever evidence to the contrary."""
    one_not: re.Pattern[str]
    partly: re.Pattern[str]
    not_mine: re.Pattern[str]
    concludes: re.Pattern[str]
    manners: re.Pattern[str]
    object: re.Pattern[str]
    letters: re.Pattern[str]


_NEVER = "(?!)"
_WORD_START = r"(?<![\w'])"
# What may follow: an end, a clause mark, a reason. "correct answer is 5", "true or false", "correct?" are none.
_END = r"(?=\s*(?:$|[.,;:!)\]}|\n(—–，。；！：、）】（✓✔✅❌✗]|[-=]>|%s)|\s+-{1,2}\s)"
_CLAUSE_END = r"(?=\s*(?:$|[.,;:!\n)，。；！]))"
_CLAUSE_START = r"(?:^|[.,;:!\n(—，。；！]|%s)\s{0,4}(?P<lead>)"
_STOPS = (". ", "! ", "? ", "\n", ".\n", "。", "！", "？")
_THEREFORE = re.compile(r"(?=\b(?:therefore|thus|hence|consequently)\b|,\s{0,3}so\b)", re.IGNORECASE)
_NEAR, _CONTEXT = 300, 200
"""Characters after a verdict that may contradict it; characters before a statement that may disown it."""


@cache
def _grammar(language: Language) -> Grammar:
    polarity = dict.fromkeys(language.yes.split("|"), True) | dict.fromkeys(language.no.split("|"), False)
    word = "|".join(sorted(polarity, key=len, reverse=True)).replace(" ", "[ -]")
    space, join = (r"\s+", r"[\s-]+") if language.spaced else ("", "")
    article = f"(?:(?:{language.article or _NEVER}){space})?"
    core = (
        f"(?:(?:{language.wholly}){space})?(?P<nots>(?:(?:{language.nots}){join}){{0,3}}){article}"
        f"(?P<how>(?:(?:{language.wholly}|{language.partly}){space}){{0,2}}){article}(?P<word>{word})"
        f"(?:{language.noun or _NEVER})?"
    )
    lead, opening = _leads(language)
    end = _END % language.reason
    return Grammar(
        language,
        polarity,
        re.compile(f"{language.intro}(?P<lead>{opening}{lead})?{core}{end}"),
        re.compile(f"{_WORD_START if language.spaced else ''}(?P<lead>{lead}){core}{end}"),
        re.compile(f"{_CLAUSE_START % language.turn}{core}{_CLAUSE_END}"),
        re.compile(language.one_not),
        re.compile(language.partly),
        re.compile(language.not_mine, re.IGNORECASE),
        re.compile(language.concludes, re.IGNORECASE),
        re.compile(language.manners or _NEVER, re.IGNORECASE),
        re.compile(language.object or _NEVER),
        re.compile(f"[{language.letters}]" if language.letters else ""),
    )


def _leads(language: Language) -> tuple[str, str]:
    """Return the pattern of a subject with all up to its verdict, and what may precede it at a beginning."""
    if language.spaced:
        number = r"(?:\s+(?:of\s+)?[\d(]\S{0,24})?"
        owner = rf"(?:(?:{language.owner})\s+){{0,4}}"
        return rf"{owner}(?:{language.subject}){number}(?:{language.copula or _NEVER})?\s+", ""
    gap = rf"[^，。；！？、：:】【,.;!?\n{language.gap}]"
    return f"(?:{language.subject}){gap}{{0,10}}?", f"{gap}{{0,12}}?"


def _spoken(text: str) -> Iterator[Grammar]:
    """Yield the grammars of the languages that `text` may be in."""
    is_ascii = text.isascii()
    for language in LANGUAGES:
        if not (is_ascii and language.letters) and _grammar(language).letters.search(text):
            yield _grammar(language)


def lowercase(text: str) -> str:
    """Lower the case without moving a letter; patterns that ignore case are several times slower."""
    low = text.lower()
    return low if len(low) == len(text) else "".join(one.lower() if len(one.lower()) == 1 else one for one in text)


def read_head(text: str, far: str = "") -> Phrase | None:
    """Read the verdict that opens `text`; a statement to the contrary in `text` or in `far` spoils it."""
    low = lowercase(text)
    for grammar in _spoken(text):
        match = grammar.head.match(low)
        if match is not None and not _is_not_meant(match, low[match.end() :], grammar):
            polarity = _polarity(match, grammar)
            if any(other not in (AMBIGUOUS, polarity) for other in _others(low[match.end() :], far, grammar)):
                polarity = AMBIGUOUS
            return Phrase(polarity, text[: match.end()], 0, match.end())
    return None


def statements(text: str, start: int = 0) -> Iterator[Phrase]:
    """Find sentences that state a verdict on the answer ("the response is not correct") from `start` on."""
    low = lowercase(text)
    for grammar in _spoken(text):
        for phrase in _statements(low, start, grammar):
            yield phrase._replace(raw=text[phrase.start : phrase.end])


def sentence_before(text: str, position: int) -> str:
    """Return what precedes `position` in its sentence, from its last "therefore" on."""
    before = _THEREFORE.split(text[max(0, position - _CONTEXT) : position])[-1]
    return before[max(before.rfind(mark) + 1 for mark in _STOPS) :]


def is_disowned(before: str) -> bool:
    """Say whether what precedes a statement in its sentence makes it somebody else's, a condition or an order."""
    return any(grammar.not_mine.search(before) for grammar in _spoken(before))


def concludes(text: str, phrase: Phrase) -> bool:
    """Say whether the sentence of `phrase` draws a conclusion up to there."""
    before = sentence_before(text, phrase.start)
    return any(grammar.concludes.search(before) for grammar in _spoken(text))


def _statements(low: str, start: int, grammar: Grammar) -> Iterator[Phrase]:
    for match in grammar.statement.finditer(low, start):
        # Where no spaces part the words, what disowns a statement may stand inside of it.
        before = sentence_before(low, match.start() if grammar.language.spaced else match.end())
        if not grammar.not_mine.search(before):
            yield Phrase(_polarity(match, grammar), match[0], match.start(), match.end())


def _others(rest: str, far: str, grammar: Grammar) -> Iterator[Polarity]:
    """Yield what is said after a verdict, near to it or in `far`."""
    near = rest[:_NEAR]
    yield from (phrase.polarity for part in (near, lowercase(far)) for phrase in _statements(part, 0, grammar))
    yield from (_polarity(match, grammar) for match in grammar.clause.finditer(near))


def _polarity(match: re.Match[str], grammar: Grammar) -> Polarity:
    groups = match.groupdict()
    nots = len(grammar.one_not.findall(groups["nots"])) + bool(groups.get("unable"))
    says = grammar.polarity[groups["word"].replace("-", " ")]
    if nots > 1 or (nots and not says) or grammar.partly.search(groups["how"] + (groups["lead"] or "")):
        return AMBIGUOUS
    return says and not nots


def _is_not_meant(match: re.Match[str], rest: str, grammar: Grammar) -> bool:
    word, alone = match["word"], not (match["lead"] or match["nots"] or match["how"])
    if alone and word in grammar.language.lone.split("|") and rest.strip(" .!\n"):
        return True
    if word not in grammar.language.transitive.split("|") and grammar.object.match(rest):
        return True
    return alone and grammar.manners.match(rest) is not None
