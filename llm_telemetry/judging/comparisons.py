"""A judge that compares two answers, and is asked in both orders: the better one should not change with the order."""

from __future__ import annotations

import re
from collections import Counter
from typing import NamedTuple

_WORD = re.compile(r"\w+")
_MOST_OPEN = 1024
"""Comparisons that wait for their other order."""


class Comparison(NamedTuple):
    """One answer that names a position: A, B, or C for a tie."""

    asked: str
    letter: str


def words(text: str) -> frozenset[tuple[str, int]]:
    """Return the words of a text without their order: the same for both orders of one comparison."""
    return frozenset(Counter(_WORD.findall(text)).items())


class Comparisons:
    """Pairs up comparisons that were asked in both orders; remembers the latest only."""

    def __init__(self) -> None:
        """Know none."""
        self._open: dict[tuple[object, int], tuple[int, str]] = {}

    def add(self, about: object, comparison: Comparison) -> bool | None:
        """Take a comparison, and tell whether it contradicts the same one asked the other way round.

        Args:
            about: What is being judged; only comparisons about the same are two orders of one.
            comparison: What was asked, and the position that was named.

        Returns:
            `True` when the better one changed with the order, `False` when it did not, `None` for the first order.
        """
        key, asked = (about, hash(words(comparison.asked))), hash(comparison.asked)
        known_asked, letter = self._open.pop(key, (asked, ""))
        if known_asked != asked:
            return {letter, comparison.letter} not in ({"A", "B"}, {"C"})
        self._open[key] = (asked, comparison.letter)
        while len(self._open) > _MOST_OPEN:
            del self._open[next(iter(self._open))]
        return None
