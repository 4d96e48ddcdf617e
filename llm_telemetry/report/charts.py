"""Charts as HTML: lines in an SVG that stretches, labels beside it that do not, so that both fit a phone.

What a chart shows without a script is all of it; its script adds the numbers under the pointer.
"""

from __future__ import annotations

import json
import math
from html import escape
from itertools import pairwise
from operator import attrgetter
from typing import TYPE_CHECKING, NamedTuple

from llm_telemetry.runs.history import Point, mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from llm_telemetry.report.sections import Chart, Series

SIZE = 1000
"""The sides of the SVG, in its own units."""
PARTS = 300
"""Of each of so many parts of a line its lowest and its highest point are drawn, if it has more than twice as many."""
TICKS = 5
COLOURS = 8
_VALUE = attrgetter("value")
CROWD = 4
"""From so many long lines on, means are drawn over them."""
MEANS = 10
"""Each is over so great a part of its line."""
SHOWN = 8
"""Lines that are shown at first; the others are a click away."""


class Axis(NamedTuple):
    """A range of values, and where it is labelled."""

    low: float
    high: float
    ticks: Sequence[float]

    def place(self, value: float) -> float:
        """Return where a value is, 0 to 1."""
        return (value - self.low) / (self.high - self.low)


def draw_chart(chart: Chart) -> str:
    """Return the chart as HTML; every name in it is escaped."""
    series = [Shown(line, _thin(line.points)) for line in chart.series if line.points]
    if not series:
        return ""
    points = [point for line in series for point in line.points]
    across = [_across(chart, point) for point in points]
    x = _axis(min(across), max(across), whole=not chart.across)
    y = Axis(0, 100, (0, 25, 50, 75, 100)) if chart.unit == "%" else _axis(0.0, max(point.value for point in points))
    lines = "".join(_line(chart, line, i, x, y) for i, line in enumerate(series))
    grid = "".join(f'<path class="grid" d="M0 {_y(y, tick)}H{SIZE}"/>' for tick in y.ticks)
    label = f"{chart.title}, {chart.unit} by {chart.across or 'step'}. {' '.join(map(_describe, series))}"
    return (
        f'<figure class="chart" tabindex="0" role="group" aria-label="{escape(label)}">'
        f"<figcaption>{escape(chart.title)} <small>{escape(_explain(chart, series))}</small></figcaption>"
        f'<div class="plot">{_labels("y", y, chart.unit)}<div class="area">'
        f'<svg viewBox="0 0 {SIZE} {SIZE}" preserveAspectRatio="none" aria-hidden="true">{grid}{lines}</svg>'
        f'<div class="cursor" hidden></div></div>{_labels("x", x, chart.across and "USD")}</div>'
        f'<div class="legend">{"".join(_button(line.series, i) for i, line in enumerate(series))}</div>'
        f'<output class="tip" aria-live="polite"></output>{_data(chart, series, x)}</figure>'
    )


class Shown(NamedTuple):
    """A series, and what is left of its points when they are thinned."""

    series: Series
    points: Sequence[Point]


def _thin(points: Sequence[Point]) -> Sequence[Point]:
    """Return the first and the last point, and the lowest and the highest of each part: no extreme is lost."""
    if len(points) <= 2 * PARTS:
        return points
    edges = [part * len(points) // PARTS for part in range(PARTS + 1)]
    parts = [points[start:stop] for start, stop in pairwise(edges)]
    kept = {point for part in parts for point in (min(part, key=_VALUE), max(part, key=_VALUE))}
    return sorted(kept | {points[0], points[-1]})


def _across(chart: Chart, point: Point) -> float:
    """Return where on the horizontal axis a point stands; see `Chart.across`."""
    return point.weight if chart.across else point.step


def _axis(low: float, high: float, *, whole: bool = False) -> Axis:
    """Return an axis whose labels are round numbers; steps have it as wide as they are."""
    if high <= low:
        low, high = (low - 1, high + 1) if whole else (0.0, high or 1.0)
    size = 10 ** math.floor(math.log10((high - low) / TICKS))
    size = next(size * factor for factor in (1, 2, 5, 10) if (high - low) / (size * factor) <= TICKS)
    size = max(size, 1) if whole else size
    if not whole:
        low, high = math.floor(low / size) * size, math.ceil(high / size - 1e-9) * size
    ticks = [n * size for n in range(math.ceil(low / size - 1e-9), math.floor(high / size + 1e-9) + 1)]
    return Axis(low, high, ticks)


def _y(axis: Axis, value: float) -> str:
    return f"{SIZE * (1 - axis.place(value)):.1f}".removesuffix(".0")


def _x(axis: Axis, value: float) -> str:
    return f"{SIZE * axis.place(value):.1f}".removesuffix(".0")


def _line(chart: Chart, line: Shown, number: int, x: Axis, y: Axis) -> str:
    """Return a line as one path; a single point as a dot, which a line without length with round ends is."""
    places = [f"{_x(x, _across(chart, point))} {_y(y, point.value)}" for point in line.points]
    path = f"M{'L'.join(places)}" if len(places) > 1 else f"M{places[0]}h0"
    kind = " dashed" * line.series.dashed + " dot" * (len(places) == 1)
    off = ' class="off"' * (number >= SHOWN and not chart.across)
    look = f"c{number % COLOURS}{kind}"
    drawn = f'<path class="line {look}" d="{path}"/>'
    if _is_crowded(chart) and (means := _means(line.series.points)):
        through = "L".join(f"{_x(x, point.step)} {_y(y, point.value)}" for point in means)
        drawn = f'<path class="line thin {look}" d="{path}"/><path class="line {look}" d="M{through}"/>'
    return f'<g data-series="{number}"{off}>{drawn}</g>'


def _is_crowded(chart: Chart) -> bool:
    """Tell whether lines would hide each other: then their means are drawn over them."""
    return not chart.across and sum(len(line.points) >= 2 * MEANS for line in chart.series) >= CROWD


def _means(points: Sequence[Point]) -> list[Point]:
    """Return at most about `PARTS` means of neighbouring points, each at its middle step; none of a short line."""
    size = len(points) // MEANS
    if size <= 1:
        return []
    starts = range(0, len(points) - size + 1, max(size // 4, len(points) // PARTS, 1))
    return [Point(points[i + size // 2].step, mean(points[i : i + size]) or 0.0) for i in starts]


def _labels(which: str, axis: Axis, unit: str) -> str:
    side = "bottom" if which == "y" else "left"
    texts = (f'<span style="{side}:{100 * axis.place(t):.1f}%">{_number(t)}{unit_of(unit)}</span>' for t in axis.ticks)
    return f'<div class="{which}" aria-hidden="true">{"".join(texts)}</div>'


def unit_of(unit: str) -> str:
    """Return a unit as it stands behind a number; money's stands in the caption."""
    return {"%": " %", "s": " s"}.get(unit, "")


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"  # noqa: PLR2004 - from there on commas help


def _button(series: Series, number: int) -> str:
    kind = f"c{number % COLOURS}{' dashed' * series.dashed}"
    pressed = "true" if number < SHOWN else "false"
    return (
        f'<button type="button" data-series="{number}" aria-pressed="{pressed}"><i class="{kind}"></i>'
        f"{escape(series.name)}</button>"
    )


def _explain(chart: Chart, series: Sequence[Shown]) -> str:
    """Say what the axes are, and what of the points is drawn."""
    drawn, there = sum(len(line.points) for line in series), sum(len(line.series.points) for line in series)
    thinned = f"; {drawn:,} of {there:,} points, every extreme among them" if drawn < there else ""
    means = f"; thick: means over a {MEANS}th of the steps" if _is_crowded(chart) else ""
    return f"{chart.unit} by {chart.across or 'step'}{means}{thinned}"


def _describe(line: Shown) -> str:
    values = [point.value for point in line.points]
    if len(values) == 1:
        return f"{line.series.name}: {_number(values[0])}."
    first, last, low, high = map(_number, (values[0], values[-1], min(values), max(values)))
    return f"{line.series.name}: first {first}, last {last}, lowest {low}, highest {high}."


def _data(chart: Chart, series: Iterable[Shown], x: Axis) -> str:
    lines = [
        {
            "name": line.series.name,
            "x": [_across(chart, point) for point in line.points],
            "y": [float(f"{point.value:.6g}") for point in line.points],
        }
        for line in series
    ]
    told = {
        "low": x.low,
        "high": x.high,
        "unit": chart.unit,
        "about": chart.about,
        "across": chart.across,
        "lines": lines,
    }
    return f'<script type="application/json">{escape_json(told)}</script>'


def escape_json(told: object) -> str:
    """Return JSON that can stand in a script of a page: nothing in it can end the script."""
    return (
        json.dumps(told, separators=(",", ":")).replace("&", "\\u0026").replace("<", "\\u003c").replace(">", "\\u003e")
    )
