"""What an answer is: sentences, figures and charts, which the terminal and the page both show."""

from __future__ import annotations

import statistics
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from llm_telemetry.report.changes import Change
    from llm_telemetry.runs.history import Point


class Figures(NamedTuple):
    """A table: the first column names what a row is about."""

    title: str
    heads: Sequence[str]
    rows: Sequence[Sequence[str]]
    about: str = ""
    """The field of the evidence (`source`, `judge`, `failure`) that the first column's names are of, if any."""


class Series(NamedTuple):
    """One line of a chart."""

    name: str
    points: Sequence[Point]
    dashed: bool = False


class Chart(NamedTuple):
    """Lines over the steps, or, where `across` says what is on the horizontal axis, a dot a series."""

    title: str
    unit: str
    series: Sequence[Series]
    about: str = ""
    """As in `Figures`, of the names of the series."""
    across: str = ""


class Section(NamedTuple):
    """The answer to one question."""

    name: str
    """A word, for links."""
    title: str
    sentences: Sequence[str]
    figures: Sequence[Figures] = ()
    charts: Sequence[Chart] = ()


def format_percent(value: float | None) -> str:
    """Return a percentage with one decimal; `-` for what is not known."""
    return "-" if value is None else f"{value:.1f} %"


def format_share(part: float, whole: float) -> str:
    """Return a part of a whole in percent; `-` where there is nothing."""
    return format_percent(100 * part / whole if whole else None)


def format_seconds(seconds: float) -> str:
    """Return a time as people say it: 0.12 s, 45 s, 12 min, 3.5 h, 2.1 days."""
    for most, size, unit in ((10, 1, "s"), (120, 1, "s"), (7200, 60, "min"), (172_800, 3600, "h")):
        if seconds < most:
            return f"{seconds:.2f} s" if most == 10 else f"{seconds / size:.{int(unit == 'h')}f} {unit}"  # noqa: PLR2004 - below it decimals matter
    return f"{seconds / 86_400:.1f} days"


def say_change(name: str, change: Change) -> str:
    """Say what has become of a percentage, and since when."""
    verb = "got better" if change.after > change.before else "fell"
    levels = f"from {format_percent(change.before)} to {format_percent(change.after)}"
    between = f" (between {change.earliest} and {change.latest})" if change.earliest != change.latest else ""
    return f"{name} {verb}: {levels} since step {change.step}{between}."


def median(points: Iterable[Point]) -> float | None:
    """Return the median of the values, `None` without any."""
    values = [point.value for point in points]
    return statistics.median(values) if values else None
