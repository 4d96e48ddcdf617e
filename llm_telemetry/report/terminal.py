"""The report in the terminal: readable in 80 columns, colours only where there is a terminal."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from rich import box
from rich.console import Console
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from llm_telemetry.runs.findings import MARKS, Severity

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llm_telemetry.report.report import Report
    from llm_telemetry.report.sections import Chart, Figures, Section
    from llm_telemetry.runs.findings import Finding
    from llm_telemetry.runs.history import Point

BARS = "▁▂▃▄▅▆▇█"
WIDTH = 80
SPARKS = 32
"""Columns of a line of bars."""
_MOST_ROWS = 70
_STYLES = {Severity.OK: "green", Severity.WARNING: "yellow", Severity.BROKEN: "bold red"}


def show_report(report: Report, console: Console | None = None) -> None:
    """Print the report to standard output."""
    console = console or Console(width=None if Console().is_terminal else WIDTH)
    for section in report.sections:
        _show_section(section, console)
    for run in report.runs:
        console.rule(Text(run.title), align="left")
        for section in run.sections:
            _show_section(section, console)
        console.print(Text("What was not seen, and what is wrong?", style="bold"))
        for finding in run.findings:
            _show_finding(finding, console)
        console.print()


def _show_section(section: Section, console: Console) -> None:
    console.print(Text(section.title, style="bold"))
    for sentence in section.sentences:
        console.print(Padding(Text(sentence), (0, 2)))
    for chart in section.charts:
        if not chart.across:
            _show_chart(chart, console)
    for figures in section.figures:
        if figures.rows:
            console.print(_table_of(figures))
    console.print()


def _show_chart(chart: Chart, console: Console) -> None:
    """Print a line of bars a series, between its lowest and its highest value."""
    grid = Table(box=None, pad_edge=False, padding=(0, 1), show_header=False)
    for _ in range(4):
        grid.add_column(no_wrap=True, overflow="ellipsis", max_width=SPARKS)
    for series in chart.series[:_MOST_ROWS]:
        if series.points:
            low, high = (f(point.value for point in series.points) for f in (min, max))
            grid.add_row(Text(series.name), spark(series.points), f"{low:.4g} to {high:.4g}", chart.unit)
    if grid.row_count:
        console.print(Padding(grid, (0, 2)))


def _table_of(figures: Figures) -> Table:
    table = Table(
        title=Text(figures.title), title_justify="left", box=box.SIMPLE_HEAD, title_style="dim", pad_edge=False
    )
    for i, head in enumerate(figures.heads):
        table.add_column(Text(head), justify="right" if i else "left", overflow="fold")
    for row in figures.rows[:_MOST_ROWS]:
        table.add_row(*map(Text, row), style="bold" if row[0] == "all" else "")
    if len(figures.rows) > _MOST_ROWS:
        table.caption = f"and {len(figures.rows) - _MOST_ROWS} more, on the page: --html"
    return table


def _show_finding(finding: Finding, console: Console) -> None:
    if finding.severity is not Severity.DETAIL:
        mark = MARKS[finding.severity]
        console.print(
            Padding(Text.assemble((mark, _STYLES.get(finding.severity, "dim")), f" {finding.sentence}"), (0, 2))
        )
        if finding.to_do:
            console.print(Padding(Text(f"-> {finding.to_do}", style="dim"), (0, 2, 0, 7)))


def spark(points: Sequence[Point], columns: int = SPARKS) -> str:
    """Return a bar a step, or one for the mean of several steps where there are more than `columns`."""
    size = math.ceil(len(points) / columns) or 1
    groups = [points[start : start + size] for start in range(0, len(points), size)]
    values = [sum(point.value for point in group) / len(group) for group in groups]
    low, high = min(values), max(values)
    scale = (len(BARS) - 1) / (high - low) if high > low else 0.0
    return "".join(BARS[round((value - low) * scale)] for value in values)
