"""Verdict phrases: one small strict grammar for all languages, so that what it does not understand is no verdict."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from .language import Language, simplify
from .languages import ENGLISH, SPACED, UNSPACED
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
    """A language's words, made into patterns; they are for folded texts."""

    head: re.Pattern[str]
    """A phrase that opens a value."""
    statement: re.Pattern[str]
    """A sentence about the answer: "the response is not correct"."""
    clause: re.Pattern[str]
    """A clause that is nothing but a verdict: "Yes, but actually no." Only ever evidence to the contrary."""
    option: re.Pattern[str]
    """Behind a verdict word: another one to choose from."""
    one_not: re.Pattern[str]
    partly: re.Pattern[str]
    not_mine: re.Pattern[str]
    concludes: re.Pattern[str]
    manners: re.Pattern[str]
    object: re.Pattern[str]
    stems: tuple[str, ...]
    transitive: frozenset[str]
    lone: frozenset[str]
    is_spaced: bool


_NEVER = "(?!)"
_WORD_START = r"(?<![\w'])"
# What may follow: an end, a clause mark, a reason. "correct answer is 5", "true or false", "correct?" are none.
_END = r"(?=\s*(?:$|[.,;:!)\]}|\n(—–，。；！：、）】（✓✔✅❌✗#]|[-=]>|%s)|\s+-{1,2}\s)"
_CLAUSE_END = r"(?=\s*(?:$|[.,;:!\n)，。；！]))"
_CLAUSE_START = r"(?:^|[.,;:!\n(—，。；！]|%s)\s{0,4}(?P<lead>)"
_OPTION = r"\W{0,3}(?:[|/]|\b(?:or|oder|ou|или)\b|或者?|または|또는)\W{0,3}(?:%s)"
# "correct: <true/false>", "correct: false": the word is the name of a field.
_FIELD = re.compile(r"\s*[:=]\s*(?:[<\[{_]|(?:true|false|yes|no|[01])\b|\w{1,12}\s*(?:[/|]|\bor\b))")
_STOPS = (". ", "! ", "? ", "\n", ".\n", "。", "！", "？")
_THEREFORE = re.compile(r"(?=\b(?:therefore|thus|hence|consequently)\b|,\s{0,3}so\b)", re.IGNORECASE)
_NEAR, _CONTEXT = 300, 200
"""Characters after a verdict that may contradict it; characters before a statement that may disown it."""


def fold(text: str) -> str:
    """Lower the case and simplify Chinese characters without moving a letter.

    Patterns that ignore case are several times slower.
    """
    low = text.lower()
    if low.isascii():
        return low
    if len(low) != len(text):
        low = "".join(one.lower() if len(one.lower()) == 1 else one for one in text)
    return simplify(low)


def _compiled(words: Language, *, spaced: bool) -> Grammar:
    space, join = (r"\s+", r"[\s-]+") if spaced else ("", "")
    article = f"(?:(?:{words.article or _NEVER}){space})?"
    before = (
        f"(?:(?:{words.wholly}){space})?(?P<nots>(?:(?:{words.nots}){join}){{0,3}}){article}"
        f"(?P<how>(?:(?:{words.wholly}|{words.partly}){space}){{0,2}}){article}"
    )
    yes, no = (part.replace(" ", "[ -]") for part in (words.yes, words.no))
    noun = f"(?:{words.noun or _NEVER})?"
    core = f"{before}(?P<word>(?P<yes>{yes})|{no}){noun}"
    terse = f"(?P<terse>(?P<good>{words.terse_yes or _NEVER})|{words.terse_no or _NEVER})"
    opener = f"{before}(?P<word>(?P<yes>{yes})|{no}|{terse}){noun}"
    lead, opening = _leads(words, spaced=spaced)
    end = _END % words.reason
    return Grammar(
        re.compile(f"{words.intro}(?P<lead>{opening}{lead})?{opener}{end}"),
        re.compile(f"{_WORD_START if spaced else ''}(?P<lead>{lead}){core}{end}"),
        re.compile(f"{_CLAUSE_START % words.turn}{core}{_CLAUSE_END}"),
        re.compile(_OPTION % f"{yes}|{no}"),
        re.compile(words.one_not),
        re.compile(words.partly),
        re.compile(words.not_mine, re.IGNORECASE),
        re.compile(words.concludes, re.IGNORECASE),
        re.compile(words.manners or _NEVER, re.IGNORECASE),
        re.compile(words.object or _NEVER),
        tuple(words.stems.split("|")),
        frozenset(words.transitive.split("|")),
        frozenset(words.lone.split("|")),
        spaced,
    )


def _leads(words: Language, *, spaced: bool) -> tuple[str, str]:
    """Return the pattern of a subject with all up to its verdict, and what may precede it at a beginning."""
    if spaced:
        number = r"(?:\s+(?:of\s+)?[\d(]\S{0,24})?"
        owner = rf"(?:(?P<none>{words.none or _NEVER})\s+)?(?:(?:{words.owner})\s+){{0,4}}"
        return rf"{owner}(?:{words.subject}){number}(?:{words.copula})?\s+", ""
    gap = rf"[^，。；！？、：:】【,.;!?\n{words.gap}]"
    return f"(?:{words.subject}){gap}{{0,10}}?", f"{gap}{{0,12}}?"


@cache
def _grammars() -> tuple[Grammar, ...]:
    return _compiled(ENGLISH, spaced=True), _compiled(SPACED, spaced=True), _compiled(UNSPACED, spaced=False)


def _spoken(text: str) -> tuple[Grammar, ...]:
    """Return the grammars of the languages that `text` may be in."""
    return _grammars()[:2] if text.isascii() else _grammars()


def read_head(text: str, far: str = "") -> Phrase | None:
    """Read the verdict that opens `text`; a statement to the contrary in `text` or in `far` spoils it."""
    low = fold(text)
    for grammar in _spoken(text):
        match = grammar.head.match(low)
        if match is not None and _is_not_meant(match, low[match.end() :], grammar):
            return None
        if match is not None:
            polarity = _polarity(match, grammar)
            if any(other not in (AMBIGUOUS, polarity) for other in _others(low[match.end() :], far, grammar)):
                polarity = AMBIGUOUS
            return Phrase(polarity, text[: match.end()], 0, match.end())
    return None


def statements(text: str, start: int = 0) -> Iterator[Phrase]:
    """Find sentences that state a verdict on the answer ("the response is not correct") from `start` on."""
    low = fold(text)
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
    for match in grammar.statement.finditer(low, start) if any(stem in low for stem in grammar.stems) else ():
        # Where no spaces part the words, what disowns a statement may stand inside of it.
        before = sentence_before(low, match.start() if grammar.is_spaced else match.end())
        if not (grammar.not_mine.search(before) or grammar.option.match(low, match.end())):
            yield Phrase(_polarity(match, grammar), match[0], match.start(), match.end())


def _others(rest: str, far: str, grammar: Grammar) -> Iterator[Polarity]:
    """Yield what is said after a verdict, near to it or in `far`."""
    near = rest[:_NEAR]
    yield from (phrase.polarity for part in (near, fold(far)) for phrase in _statements(part, 0, grammar))
    yield from (_polarity(match, grammar) for match in grammar.clause.finditer(near))


def _polarity(match: re.Match[str], grammar: Grammar) -> Polarity:
    groups = match.groupdict()
    nots = len(grammar.one_not.findall(groups["nots"])) + bool(groups.get("unable")) + bool(groups.get("none"))
    says = bool(groups["yes"] or groups.get("good"))
    if nots > 1 or (nots and not says) or grammar.partly.search(groups["how"] + (groups["lead"] or "")):
        return AMBIGUOUS
    return says and not nots


def _is_not_meant(match: re.Match[str], rest: str, grammar: Grammar) -> bool:
    """Tell a verdict that opens a value from manners, an order, a form, a choice."""
    word, is_alone = match["word"], not (match["lead"] or match["nots"] or match["how"])
    if grammar.option.match(rest):
        return True
    if (is_alone and word in grammar.lone and rest.strip(" .!\n")) or (
        match["terse"] and (match["lead"] or rest.partition("\n")[0].strip(" .!"))
    ):
        return True
    if word not in grammar.transitive and grammar.object.match(rest):
        return True
    return is_alone and (grammar.manners.match(rest) or _FIELD.match(rest)) is not None
