"""The one grammar of verdict phrases, made of a language's words; its patterns are for folded texts.

A pattern is compiled when it is first used: few replies need those of more than one language.
"""

from __future__ import annotations

import re
from functools import cached_property
from typing import TYPE_CHECKING

from .language import by_letter, simplify
from .languages import ENGLISH, SPACED, UNSPACED

if TYPE_CHECKING:
    from .language import Language

# ruff: noqa: RUF001

_NEVER = "(?!)"
# What may follow: an end, a clause mark, a reason. "correct answer is 5", "true or false", "correct?" are none.
_END = r"(?=\s*(?:$|[.,;:!)\]}|\n(—–，。；！：、）】（✓✔✅❌✗#…]|[-=]>|%s)|\s+-{1,2}\s)"
_CLAUSE_END = r"(?=\s*(?:$|[.,;:!\n)，。；！]))"
_CLAUSE_START = r"(?:^|[.,;:!\n(—，。；！]|\s-{1,2}\s|%s)\s{0,4}(?P<lead>)"
_OPTION = r"\W{0,3}(?:[|/]|\b(?:or|oder|ou|или)\b|或者?|または|또는)\W{0,3}(?:%s)"


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
