"""Is the judge healthy: verdicts and failures over steps, by dataset, by judge and by kind."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from llm_telemetry.collectors import keys
from llm_telemetry.report.changes import find_change, share_alpha
from llm_telemetry.report.sections import Chart, Figures, Section, Series, format_percent, format_share, say_change
from llm_telemetry.runs.history import Point, decided, mean
from llm_telemetry.settings.limits import API_FAILURES, PARSE_FAILURES, SUCCESS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llm_telemetry.collectors.naming import Key
    from llm_telemetry.report.changes import Change
    from llm_telemetry.runs.history import Run, Table

RATES = (keys.SUCCESS_RATE, keys.PARSE_FAILURE_RATE, keys.API_FAILURE_RATE)
_NAMES = ("with a verdict", "not readable", "without an answer")


def answer_judge(run: Run) -> Section:
    """Say whether the judge is well, and what its failures are."""
    train = run.train
    evaluations = train.total(keys.EVALUATIONS)
    title = "Is the judge healthy?"
    if not evaluations:
        return Section("judge", title, ["No evaluation of a judge was seen in training."])
    shares = [count_share(train, rate) for rate in RATES]
    told = ", ".join(f"{format_percent(100 * share)} {name}" for share, name in zip(shares, _NAMES, strict=True))
    sentences = [f"The judge is {'not ' if rates_beyond(train) else ''}well: of {evaluations:,.0f} evaluations {told}."]
    change = find_health_change(run)
    if change is not None:
        sentences.append(say_change("The share with a verdict", change))
    if contradicted := train.total(keys.DISAGREEMENTS):
        sentences.append(f"In {contradicted:,.0f} the function returned another verdict than the judge's text says.")
    lines = [Series(name, _in_percent(decided(train, rate))) for rate, name in zip(RATES, _NAMES, strict=True)]
    return Section("judge", title, sentences, [_by_name(run), _by_kind(run)], [Chart("Evaluations", "%", lines)])


def rates_beyond(table: Table) -> list[Key]:
    """Return the rates of the judge, over all steps, that are beyond the alarm's default limits."""
    success, parse, api = (count_share(table, rate) for rate in RATES)
    beyond = (success < SUCCESS, parse > PARSE_FAILURES, api > API_FAILURES)
    return [rate for rate, is_beyond in zip(RATES, beyond, strict=True) if is_beyond]


@lru_cache(maxsize=1)
def find_health_change(run: Run) -> Change | None:
    """Return since when the share of evaluations with a verdict is another one, in percent."""
    return find_change(_in_percent(decided(run.train, keys.SUCCESS_RATE)), share_alpha(run))


def count_share(table: Table, rate: Key, source: str = "") -> float:
    """Return a rate of the judge over all steps, 0 to 1."""
    return mean(decided(table, rate, source)) or 0.0


def _in_percent(points: Sequence[Point]) -> list[Point]:
    return [Point(step, 100 * value, weight) for step, value, weight in points]


def _by_name(run: Run) -> Figures:
    """Return a row a dataset and a judge, and one over all."""
    rows = []
    for name in [*run.train.sources(keys.EVALUATIONS), ""]:
        rates = [format_percent(100 * count_share(run.train, rate, name)) for rate in RATES]
        rows.append((name or "all", f"{run.train.total(keys.EVALUATIONS, name):,.0f}", *rates))
    return Figures("By dataset, and by judge", ("dataset or judge", "evaluations", *_NAMES), rows, "source")


def _by_kind(run: Run) -> Figures:
    """Return a row a kind of failure, the most frequent first."""
    told = (keys.tell_apart(key) for key in run.train.columns)
    kinds = {found.holes["failure"] for found in told if found is not None and found.key is keys.FAILURES}
    counts = {kind: run.train.total(keys.FAILURES, failure=kind) for kind in kinds}
    whole = sum(counts.values())
    rows = [
        (k, f"{counts[k]:,.0f}", format_share(counts[k], whole)) for k in sorted(kinds, key=lambda k: (-counts[k], k))
    ]
    return Figures("Failures by kind", ("kind", "evaluations", "of all failures"), rows, "failure")
