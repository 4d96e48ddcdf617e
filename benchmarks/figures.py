"""A figure: what the programs here give, and what RESULTS.md has a line of."""

from __future__ import annotations

import math
import statistics
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable


class Figure(NamedTuple):
    """One thing that was measured."""

    what: str
    who: str
    """Whose it is, with its version."""
    middle: float
    """The median over the rounds."""
    low: float
    high: float
    """The median of many more rounds is between these, with a probability of 95 %."""
    lower: float
    upper: float
    """Quartiles over the rounds."""
    unit: str
    """`×` for a ratio, which stands before the number; others stand behind it."""
    meaning: str
    """What it is for a user, in one sentence."""

    def told(self, number: float) -> str:
        """Return a number with its unit."""
        return f"× {number:.3f}" if self.unit == "×" else f"{number:.2f} {self.unit}"

    def __str__(self) -> str:
        """Return the median, and in brackets how far it can be trusted."""
        return f"{self.told(self.middle)} ({self.told(self.low)} to {self.told(self.high)})"


def figure(what: str, values: Iterable[float], unit: str, meaning: str, who: str = "llm_telemetry") -> Figure:
    """Return the figure that some rounds have given.

    How sure a median is comes from the order of the values alone, whatever they are distributed like: the number of
    those below it is binomial, n/2 ± 0.98 √n in 95 of 100 cases (NIST/SEMATECH e-Handbook, order statistics).
    """
    ordered = sorted(values)
    lower, middle, upper = statistics.quantiles(ordered, n=4)
    half, around = len(ordered) / 2, 0.98 * math.sqrt(len(ordered))
    low, high = max(0, math.floor(half - around)), min(len(ordered) - 1, math.ceil(half + around) - 1)
    return Figure(what, who, middle, ordered[low], ordered[high], lower, upper, unit, meaning)
