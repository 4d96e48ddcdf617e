"""What a run costs, for what, and where its time goes."""

from __future__ import annotations

import statistics
from itertools import pairwise
from typing import TYPE_CHECKING

from llm_telemetry.collectors import keys
from llm_telemetry.events import ROLES
from llm_telemetry.report.datasets import chart_cost_against_accuracy, cost_each
from llm_telemetry.report.sections import Chart, Figures, Section, Series, format_seconds, format_share, median
from llm_telemetry.runs.findings import format_count
from llm_telemetry.runs.history import Point, scored
from llm_telemetry.tables import format_usd

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llm_telemetry.collectors.naming import Key
    from llm_telemetry.runs.history import Run, Table

RECENT = 20
"""The latest steps: what they take is the present rate."""
AHEAD = 100
"""Steps of which is said what they will cost."""
_COSTS = {"executor": keys.EXECUTOR_COST, "judge": keys.JUDGE_COST}


def answer_costs(run: Run) -> Section:
    """Say what the run has cost, per rollout and per correct one, and what it will cost."""
    total, title = run.latest.get(keys.TOTAL_COST.name), "What does it cost?"
    if total is None:
        return Section("costs", title, ["No cost is known: no call told its tokens, or no model has a known price."])
    lacks = int(run.latest.get(keys.UNPRICED_CALLS.name, 0) + run.latest.get(keys.UNMETERED_CALLS.name, 0))
    rollouts, correct = run.latest.get(keys.TOTAL_SAMPLES.name, 0), sum(map(count_correct, run.tables.values()))
    each = [f"{format_usd(total / n)} a {name}" for n, name in ((rollouts, "rollout"), (correct, "correct one")) if n]
    least = f"at least: {format_count(lacks, 'call')} without a known price or tokens" * bool(lacks)
    told = ", ".join(filter(None, (f"The run has cost {format_usd(total)}", *each, least)))
    best = cheapest_steps(run.train)
    cheapest = ", ".join(f"{point.step} ({format_usd(point.value)})" for point in best)
    sentences = [f"{told}.", *_say_rate(run), *_say_failed(run)]
    sentences += [f"A correct rollout was cheapest at step {cheapest}."] if best else []
    per_step = [
        Series("training", run.train.points(keys.STEP_COST)),
        Series("validation", run.val.points(keys.STEP_COST), dashed=True),
    ]
    charts = [Chart("Each step", "USD", per_step), chart_cost_against_accuracy(run)]
    return Section("costs", title, sentences, [_by_role(run, total), _by_dataset(run)], charts)


def count_correct(table: Table, source: str = "") -> int:
    """Return how many rollouts were right, of all datasets or of one."""
    return sum(map(_correct, scored(table, source)))


def _correct(point: Point) -> int:
    """Return how many of a step's rollouts were right, given its accuracy in percent."""
    return round(point.value * point.weight / 100)


def cheapest_steps(table: Table, most: int = 3) -> list[Point]:
    """Return the steps whose correct rollouts cost least, with the USD of one."""
    right = {point.step: _correct(point) for point in scored(table)}
    costs = table.points(keys.STEP_COST)
    each = [Point(step, usd / right[step], right[step]) for step, usd, _ in costs if right.get(step)]
    return sorted(each, key=lambda point: point.value)[:most]


def _say_rate(run: Run) -> list[str]:
    """Say what more steps will cost and take, validation with its share."""
    step_cost, seconds = median(run.train.points(keys.STEP_COST)[-RECENT:]), seconds_a_step(run.train)
    if step_cost is None:
        return []
    validations = run.val.total(keys.STEP_COST) / max(len(run.train), 1)
    takes = f" and take {format_seconds(AHEAD * seconds)}" if seconds else ""
    at_end = find_cost_at_end(run)
    more = f"{AHEAD} more steps cost {format_usd(AHEAD * (step_cost + validations))}{takes}"
    return [
        f"At the present rate, {more}.",
        *(
            []
            if at_end is None
            else [f"After its last step the run will have cost {format_usd(at_end)}, at its mean rate."]
        ),
    ]


def find_cost_at_end(run: Run) -> float | None:
    """Return what the run will have cost after its last step, as its latest payload projects it; `None` at its end."""
    projected, total = run.train.points(keys.PROJECTED_COST)[-1:], run.latest.get(keys.TOTAL_COST.name, 0.0)
    return next((usd for step, usd, _ in projected if step == run.train.steps[-1] and usd > total), None)


def seconds_a_step(table: Table) -> float | None:
    """Return the median time from one payload to the next of the latest steps; `None` where it is not known."""
    gaps = [later - earlier for earlier, later in pairwise(table.times[-RECENT - 1 :]) if later > earlier > 0]
    return statistics.median(gaps) if gaps else None


def _say_failed(run: Run) -> list[str]:
    """Say what went into failures of training: of rollouts, of evaluations, of calls."""
    train = run.train
    count, retries = train.total(keys.FAILED), sum(train.total(keys.RETRIES, role=role) for role in ROLES)
    told = []
    if count:
        share, usd = format_share(count, train.total(keys.COUNT)), _spent_for(train, keys.FAILED_ROLLOUTS_COST)
        told.append(f"{count:,.0f} rollouts have failed ({share}){f', which cost {usd}' if usd else ''}.")
    judged, again = (_spent_for(train, key) for key in (keys.JUDGE_FAILURES_COST, keys.RETRIES_COST))
    if judged:
        told.append(f"Evaluations without a verdict cost {judged}{f', asking a judge again {again}' if again else ''}.")
    return [*told, *([f"What {retries:,.0f} retries of the SDKs have cost, no API tells."] if retries else [])]


def _spent_for(table: Table, key: Key) -> str:
    """Return the USD of all steps, empty where they are 0 or not known."""
    usd = table.total(key)
    return format_usd(usd) if usd else ""


def _by_role(run: Run, total: float) -> Figures:
    rows: list[Sequence[str]] = []
    for role in ROLES:
        tables = run.tables.values()
        calls = sum(table.total(keys.CALLS, role=role) for table in tables)
        tokens = sum(t.total(key, role=role) for t in tables for key in (keys.PROMPT_TOKENS, keys.COMPLETION_TOKENS))
        usd = run.latest.get(_COSTS[role].name) if role in _COSTS else None
        if calls:
            rows.append(
                (
                    role,
                    f"{calls:,.0f}",
                    f"{tokens:,.0f}",
                    "-" if usd is None else format_usd(usd),
                    format_share(usd, total) if usd else "-",
                )
            )
    return Figures("By role, training and validation", ("role", "calls", "tokens", "USD", "of all"), rows)


def _by_dataset(run: Run) -> Figures:
    rows = []
    for source in run.train.sources(keys.AVG_COST):
        each, count = cost_each(run.train, source) or 0.0, run.train.total(keys.COUNT, source)
        right = count_correct(run.train, source)
        spent = each * count
        rows.append((source, format_usd(spent), format_usd(each), format_usd(spent / right) if right else "-"))
    return Figures("By dataset, in training", ("dataset", "USD", "a rollout", "a correct one"), rows, "source")


def answer_time(run: Run) -> Section:
    """Say how long calls take, how often they were tried again or refused, and how long a step takes."""
    train = run.train
    seconds = seconds_a_step(train)
    sentences = [f"A step takes {format_seconds(seconds)}, the median of the latest."] if seconds else []
    rows, series = [], []
    for role in ROLES:
        half, most = (train.points(key, role=role) for key in (keys.LATENCY_P50, keys.LATENCY_P95))
        if not half:
            continue
        calls, errors, retries = (train.total(key, role=role) for key in (keys.CALLS, keys.ERROR_CALLS, keys.RETRIES))
        refused = train.total(keys.ERRORS_BY_KIND, role=role, kind="rate_limit")
        p50, p95 = (format_seconds(median(points) or 0.0) for points in (half, most))
        slowest = max(most, key=lambda point: point.value)
        sentences.append(
            f"Half of the {role}'s calls of a step take less than {p50}, 95 % less than {p95}; "
            f"step {slowest.step} was slowest with {format_seconds(slowest.value)}."
        )
        rows.append((role, p50, p95, *(f"{n:,.0f}" for n in (calls, retries, errors, refused))))
        series += [Series(f"{role}, 95 %", most), Series(f"{role}, half", half, dashed=True)]
    heads = ("role", "half", "95 %", "calls", "retries", "errors", "rate limits")
    sentences = sentences or ["No call was timed."]
    return Section(
        "time",
        "Where does the time go?",
        sentences,
        [Figures("Calls in training", heads, rows)],
        [Chart("Time of a call", "s", series)],
    )
