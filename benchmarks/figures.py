"""A figure: what the programs here give, and what RESULTS.md has a line of."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable


class Figure(NamedTuple):
    """One thing that was measured."""

    what: str
    who: str
    """Whose it is, with its version."""
    low: float
    middle: float
    high: float
    """Quartiles and median over the rounds."""
    unit: str
    """`×` for a ratio, which stands before the number; others stand behind it."""
    meaning: str
    """What it is for a user, in one sentence."""

    def __str__(self) -> str:
        """Return the median, and the quartiles in brackets."""
        if self.unit == "×":
            return f"× {self.middle:.3f} ({self.low:.3f} to {self.high:.3f})"
        return f"{self.middle:.2f} {self.unit} ({self.low:.2f} to {self.high:.2f})"


def figure(what: str, values: Iterable[float], unit: str, meaning: str, who: str = "llm_telemetry") -> Figure:
    """Return the figure that some rounds have given."""
    low, middle, high = statistics.quantiles(values, n=4)
    return Figure(what, who, low, middle, high, unit, meaning)
