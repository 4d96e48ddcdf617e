"""Verdict phrases: what a small strict grammar does not understand is no verdict.

The grammar is one, made of each language's words; its patterns are for folded texts, and compiled when they are first
used: few replies need those of more than one language.
"""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING, NamedTuple

from .language import by_letter, fold
from .languages import ENGLISH, SPACED, UNSPACED
from .verdict import AMBIGUOUS, Unreadable

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .language import Language

# ruff: noqa: RUF001

Polarity = bool | Unreadable
"""True, False, or `AMBIGUOUS`: half a verdict, a double negation, a contradiction."""


class Phrase(NamedTuple):
    """One verdict phrase and where it stood in the text that was read."""

    polarity: Polarity
    raw: str
    start: int
    end: int


_NEVER = "(?!)"
# What may follow: an end, a clause mark, a reason. "correct answer is 5", "true or false", "correct?" are none.
_END = r"(?=\s*(?:$|[.,;:!)\]}|\n(—–，。；！：、）】（✓✔✅❌✗#…]|[-=]>|%s)|\s+-{1,2}\s)"
_CLAUSE_END = r"(?=\s*(?:$|[.,;:!\n)，。；！]))"
_CLAUSE_START = r"(?:^|[.,;:!\n(—，。；！]|\s-{1,2}\s|%s)\s{0,4}(?P<lead>)"
_OPTION = r"\W{0,3}(?:[|/]|\b(?:or|oder|ou|или)\b|或者?|または|또는)\W{0,3}(?:%s)"
# "correct: <true/false>", "correct: false": the word is the name of a field.
_FIELD = re.compile(
    r"\s*(?:\([^()\n]{1,20}\)\s*)?[:=]\s*(?:[<\[{_]|(?:true|false|yes|no|[01])\b|\w{1,12}\s*(?:[/|]|\bor\b))"
)
# What shows, behind a lone yes or no, that the judge was asked whether the answer is wrong.
_CONTRARY = {"yes": "blame", "no": "praise"}
# Before the subject of a sentence: it is a question.
_ASKS = re.compile(r"\b(?:is|are|was|were|does|did)\s*$")
_STOPS = (". ", "! ", "? ", "\n", ".\n", "。", "！", "？")
# Boundaries stand behind the first letter, which a search can then skip to.
_THEREFORE = re.compile(r"t(?<!\w\w)(?:herefore|hus)\b|h(?<!\w\w)ence\b|c(?<!\w\w)onsequently\b|,\s{0,3}so\b")
_NEAR, _CONTEXT = 300, 200
"""Characters after a verdict that may contradict it; characters before a statement that may disown it."""


class Grammar:
    """What a language's words make; the groups of its patterns are lead, none, unable, nots, how, word, yes, terse."""

    def __init__(self, words: Language, *, spaced: bool) -> None:
        """Take the words, and whether spaces part them."""
        self.words = words
        self.spaced = spaced
        self.stems = tuple(words.stems.split("|"))
        self.transitive = frozenset(words.transitive.split("|"))
        self.lone = frozenset(words.lone.split("|"))
        self._fields: dict[str, re.Pattern[str]] = {}
        self._yes, self._no = (by_letter(part.replace(" ", "[ -]")) for part in (words.yes, words.no))

    @cached_property
    def head(self) -> re.Pattern[str]:
        """A phrase that opens a value."""
        words = self.words
        terse = f"(?P<terse>(?P<good>{words.terse_yes or _NEVER})|{words.terse_no or _NEVER})"
        core = self._core(f"(?P<yes>{self._yes})|{self._no}|{terse}")
        opening = "" if self.spaced else f"{self._gap}{{0,12}}?"
        return re.compile(f"{words.intro}(?P<lead>{opening}{self._lead})?{core}{_END % words.reason}")

    @cached_property
    def statement(self) -> re.Pattern[str]:
        """A sentence about the answer, and the character before it: "the response is not correct"."""
        start = r"[^\w']" if self.spaced else ""  # a lookbehind would be tried at every letter
        core = self._core(f"(?P<yes>{self._yes})|{self._no}")
        return re.compile(f"{start}(?P<lead>{self._lead}){core}{_END % self.words.reason}")

    @cached_property
    def clause(self) -> re.Pattern[str]:
        """A clause that is nothing but a verdict: "Yes, but actually no." Only ever evidence to the contrary."""
        core = self._core(f"(?P<yes>{self._yes})|{self._no}")
        return re.compile(f"{_CLAUSE_START % self.words.turn}{core}{_CLAUSE_END}")

    @cached_property
    def option(self) -> re.Pattern[str]:
        """Behind a verdict word: another one to choose from."""
        return re.compile(_OPTION % f"{self._yes}|{self._no}")

    def field(self, name: str) -> re.Pattern[str]:
        """Return a field of the language that is a pattern of its own."""
        if name not in self._fields:
            self._fields[name] = re.compile(getattr(self.words, name) or _NEVER)
        return self._fields[name]

    @property
    def _gap(self) -> str:
        return rf"[^，。；！？、：:】【,.;!?\n{self.words.gap}]"

    @property
    def _lead(self) -> str:
        words = self.words
        if not self.spaced:
            return f"(?:{words.subject}){self._gap}{{0,10}}?"
        number = rf"(?:\s+(?:of\s+)?[\d(]\S{{0,24}}|\s+(?:{words.of or _NEVER}))?"
        owner = rf"(?:(?P<none>{words.none or _NEVER})\s+)?(?:(?:{by_letter(words.owner)})\s+){{0,4}}"
        return rf"{owner}(?:{by_letter(words.subject)}){number}(?:{words.copula})?\s+"

    def _core(self, word: str) -> str:
        words = self.words
        space, join = (r"\s+", r"[\s-]+") if self.spaced else ("", "")
        article = f"(?:(?:{words.article or _NEVER}){space})?"
        return (
            f"(?:(?:{words.wholly}){space})?(?P<nots>(?:(?:{words.nots}){join}){{0,3}}){article}"
            f"(?P<how>(?:(?:{words.wholly}|{words.partly}){space}){{0,2}}){article}(?P<word>{word})"
            f"(?:{words.noun or _NEVER})?"
        )


GRAMMARS = (Grammar(ENGLISH, spaced=True), Grammar(SPACED, spaced=True), Grammar(UNSPACED, spaced=False))


def spoken(text: str) -> tuple[Grammar, ...]:
    """Return the grammars of the languages that `text` may be in."""
    return GRAMMARS[:2] if text.isascii() else GRAMMARS


def read_head(text: str, far: str = "") -> Phrase | None:
    """Read the verdict that opens `text`; a statement to the contrary in `text` or in `far` spoils it."""
    low = fold(text)
    for grammar in spoken(text):
        match = grammar.head.match(low)
        if match is not None and _is_not_meant(match, low[match.end() :], grammar):
            return None
        if match is not None:
            polarity, rest = _polarity(match, grammar), low[match.end() :]
            is_spoilt = any(other not in (AMBIGUOUS, polarity) for other in _others(rest, far, grammar))
            contrary = _CONTRARY.get(match["word"])
            if is_spoilt or (contrary and grammar.field(contrary).search(rest[:_NEAR])):
                polarity = AMBIGUOUS
            return Phrase(polarity, text[: match.end()], 0, match.end())
    return None


def statements(text: str, start: int = 0) -> Iterator[Phrase]:
    """Find sentences that state a verdict on the answer ("the response is not correct") from `start` on."""
    low = fold(text)
    for grammar in spoken(text):
        for phrase in _statements(low, start, grammar):
            yield phrase._replace(raw=text[phrase.start : phrase.end])


def sentence_before(text: str, position: int) -> str:
    """Return what precedes `position` in its sentence, from its last "therefore" on."""
    before = text[max(0, position - _CONTEXT) : position]
    therefore = [match.start() for match in _THEREFORE.finditer(fold(before))]
    return before[max(*therefore[-1:], *(before.rfind(mark) + 1 for mark in _STOPS)) :]


def is_disowned(before: str) -> bool:
    """Say whether what precedes a statement in its sentence makes it somebody else's, a condition or an order."""
    low = fold(before)
    return any(grammar.field("not_mine").search(low) for grammar in spoken(low))


def concludes(text: str, phrase: Phrase) -> bool:
    """Say whether the sentence of `phrase` draws a conclusion up to there."""
    before = fold(sentence_before(text, phrase.start))
    return any(grammar.field("concludes").search(before) for grammar in spoken(text))


def _statements(low: str, start: int, grammar: Grammar) -> Iterator[Phrase]:
    if not any(stem in low for stem in grammar.stems):
        return
    pad = " " if grammar.spaced else ""
    for match in grammar.statement.finditer(pad + low, start):
        end = match.end() - len(pad)
        # Where no spaces part the words, what disowns a statement may stand inside of it.
        before = sentence_before(low, match.start() if grammar.spaced else end)
        is_none = _ASKS.search(before) or grammar.option.match(low, end) or _FIELD.match(low, end)
        if not (is_none or grammar.field("not_mine").search(before)):
            yield Phrase(_polarity(match, grammar), match[0], match.start(), end)


def _others(rest: str, far: str, grammar: Grammar) -> Iterator[Polarity]:
    """Yield what is said after a verdict, near to it or in `far`."""
    near = rest[:_NEAR]
    parts = filter(None, (near, fold(far)))
    yield from (phrase.polarity for part in parts for phrase in _statements(part, 0, grammar))
    yield from (_polarity(match, grammar) for match in grammar.clause.finditer(near))


def _polarity(match: re.Match[str], grammar: Grammar) -> Polarity:
    groups = match.groupdict()
    says, around = bool(groups["yes"] or groups.get("good")), groups["how"] + (groups["lead"] or "")
    nots = len(grammar.field("one_not").findall(groups["nots"])) if groups["nots"] else 0
    nots += bool(groups.get("unable")) + bool(groups.get("none"))
    if nots > 1 or (nots and not says) or (around and grammar.field("partly").search(around)):
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
    if word not in grammar.transitive and grammar.field("object").match(rest):
        return True
    return is_alone and (grammar.field("manners").match(rest) or _FIELD.match(rest)) is not None
