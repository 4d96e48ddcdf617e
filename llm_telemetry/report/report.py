"""One model of a report, for the terminal and for the page: every answer about every run, and the runs side by side."""

from __future__ import annotations

import datetime as dt
from typing import TYPE_CHECKING, NamedTuple

from llm_telemetry.collectors import keys
from llm_telemetry.report.audit import audit
from llm_telemetry.report.datasets import ENDS, answer_datasets, answer_validation
from llm_telemetry.report.judge import answer_judge, count_share
from llm_telemetry.report.sections import Chart, Figures, Section, Series, format_percent
from llm_telemetry.report.spending import answer_costs, answer_time, count_correct
from llm_telemetry.runs.findings import format_count
from llm_telemetry.runs.history import mean, scored
from llm_telemetry.tables import format_usd

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from typing import Any

    from llm_telemetry.runs.findings import Finding
    from llm_telemetry.runs.history import Run


class RunReport(NamedTuple):
    """All that is said of one run."""

    title: str
    sections: Sequence[Section]
    findings: Sequence[Finding]
    evidence: Sequence[Mapping[str, Any]]


class Report(NamedTuple):
    """What is shown."""

    sections: Sequence[Section]
    """Of all runs together; none for one run."""
    runs: Sequence[RunReport]


def make_report(runs: Sequence[Run]) -> Report:
    """Answer every question about each of the runs; more than one are compared, too."""
    return Report([_compare(runs)] if len(runs) > 1 else [], [_report_one(run) for run in runs])


def _report_one(run: Run) -> RunReport:
    made = dt.datetime.fromtimestamp(run.time, dt.timezone.utc).strftime("%Y-%m-%d %H:%M UTC") if run.time else ""
    title = " · ".join(filter(None, (run.label, format_count(len(run.train), "step"), made)))
    answers = (answer_datasets, answer_validation, answer_judge, answer_costs, answer_time)
    sections = [section for answer in answers if (section := answer(run)) is not None]
    return RunReport(title, sections, audit(run), run.evidence)


def _compare(runs: Sequence[Run]) -> Section:
    """Return the runs side by side, and say which ends highest."""
    ends = [mean(scored(run.train)[-max(len(run.train) // ENDS, 1) :]) for run in runs]
    known = [(end, run.label) for run, end in zip(runs, ends, strict=True) if end is not None]
    told = [f"{best} ends highest: {format_percent(end)} in the last quarter of its steps." for end, best in known]
    heads = ("run", "steps", "accuracy", "judge", "USD", "a correct one")
    series = [Series(run.label, scored(run.train)) for run in runs]
    return Section(
        "runs",
        "Which run is ahead?",
        [told[known.index(max(known))]] if known else ["No accuracy is known."],
        [Figures("The runs", heads, list(map(_row, runs, ends)))],
        [Chart("Accuracy in training, all datasets", "%", series)],
    )


def _row(run: Run, end: float | None) -> tuple[str, ...]:
    total, correct = run.latest.get(keys.TOTAL_COST.name), sum(map(count_correct, run.tables.values()))
    judged = run.train.total(keys.EVALUATIONS)
    return (
        run.label,
        f"{len(run.train):,}",
        format_percent(end),
        format_percent(100 * count_share(run.train, keys.SUCCESS_RATE)) if judged else "-",
        "-" if total is None else format_usd(total),
        "-" if total is None or not correct else format_usd(total / correct),
    )
