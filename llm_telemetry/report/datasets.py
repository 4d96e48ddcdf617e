"""Which dataset got better, which fell, since when; and what validation says beside training."""

from __future__ import annotations

import math
from functools import lru_cache
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from llm_telemetry.collectors import keys
from llm_telemetry.report.changes import find_change, share_alpha
from llm_telemetry.report.sections import Chart, Figures, Section, Series, format_percent, say_change
from llm_telemetry.runs.history import Point, mean, scored, spent
from llm_telemetry.tables import format_usd

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from llm_telemetry.report.changes import Change
    from llm_telemetry.runs.history import Run, Table

ENDS = 4
"""The first and the last of so many parts of the steps are what "first" and "last" mean."""
BEYOND = 3.0
"""Standard errors from which on a gap is beyond noise."""


@lru_cache(maxsize=1)
def find_changes(run: Run) -> Mapping[str, Change]:
    """Return what has changed, by dataset; the answer and the audit of a run both ask."""
    alpha = share_alpha(run)
    changes = {name: find_change(scored(run.train, name), alpha) for name in run.train.sources(keys.ACCURACY)}
    return {source: change for source, change in changes.items() if change is not None}


def answer_datasets(run: Run) -> Section:
    """Say which dataset got better and which fell, with its change point."""
    train, changes = run.train, find_changes(run)
    sources = train.sources(keys.ACCURACY)
    fell_first = sorted(changes, key=lambda source: changes[source].after - changes[source].before)
    sentences = [say_change(source, changes[source]) for source in fell_first]
    steady = [f"{name} ({format_percent(mean(scored(train, name)))})" for name in sources if name not in changes]
    if steady:
        sentences.append(f"No change beyond noise: {', '.join(steady)}.")
    rows = [_row(train, source) for source in [*sources, ""]] if len(scored(train)) else []
    heads = ["dataset", "first", "last", "rollouts", "failed", "unscored", "USD each"]
    if not any(train.total(keys.UNSCORED, source) for source in [*sources, ""]):
        heads.remove("unscored")
        rows = [(*row[:5], row[6]) for row in rows]
    series = [Series(source, scored(train, source)) for source in sources] or [Series("all", scored(train))]
    return Section(
        "datasets",
        "Which dataset got better, which fell?",
        sentences or ["No accuracy is known: no rollout with a reward was seen in training."],
        [Figures("Accuracy by dataset", heads, rows, "source")],
        [Chart("Accuracy in training", "%", series, "source")],
    )


def _row(train: Table, source: str) -> tuple[str, ...]:
    points = scored(train, source)
    size = max(len(points) // ENDS, 1)
    counts = (train.total(key, source) for key in (keys.COUNT, keys.FAILED, keys.UNSCORED))
    cost = cost_each(train, source)
    return (
        source or "all",
        *(format_percent(mean(part)) for part in (points[:size], points[-size:])),
        *(f"{count:,.0f}" for count in counts),
        "-" if cost is None else format_usd(cost),
    )


def cost_each(table: Table, source: str = "") -> float | None:
    """Return what executor and judge have spent per rollout over all steps, `None` where it is not known."""
    return mean(spent(table, source))


class Gap(NamedTuple):
    """The latest validation of a dataset, and the training that led to it."""

    source: str
    step: int
    val: float
    train: float
    """Over the last `ENDS` steps up to it."""
    error: float
    """How far apart noise alone sets them, in points: the standard error of their difference."""

    @property
    def points(self) -> float:
        """How many points training is ahead."""
        return self.train - self.val

    @property
    def is_noise(self) -> bool:
        """Whether noise alone may well have made it."""
        return abs(self.points) <= BEYOND * self.error


def find_gaps(run: Run) -> list[Gap]:
    """Hold the latest validation against training, by dataset; that over all comes last, without a name."""
    latest = ((source, scored(run.val, source)[-1:]) for source in [*run.val.sources(keys.ACCURACY), ""])
    gaps = (gap_between(source, val, scored(run.train, source)) for source, found in latest for val in found)
    return [gap for gap in gaps if gap is not None]


def gap_between(source: str, val: Point, training: Sequence[Point]) -> Gap | None:
    """Return the gap between a validation and the training steps up to it, `None` without any.

    How much a rollout varies is read off the differences of neighbouring steps, since rollouts of one problem are
    alike; it is never less than what independent rollouts would vary.
    """
    before = [point for point in training if point.step <= val.step]
    last = before[-ENDS:]
    train, right = mean(last), mean([*last, val])
    if train is None or right is None:
        return None
    pairs = [(a.value - b.value) ** 2 / (1 / a.weight + 1 / b.weight) for a, b in pairwise(before)]
    variance = max(right * (100 - right), math.fsum(pairs) / max(len(pairs), 1))
    error = math.sqrt(variance * (1 / val.weight + 1 / math.fsum(point.weight for point in last)))
    return Gap(source, val.step, val.value, train, error)


def answer_validation(run: Run) -> Section | None:
    """Say how far training is ahead of validation; `None` in a run without any."""
    gaps = find_gaps(run)
    if not gaps:
        return None
    *by_source, overall = gaps
    wide = sorted((gap for gap in by_source if not gap.is_noise), key=lambda gap: -abs(gap.points))
    sentences = [_say_gap(overall), *map(_say_gap, wide[:2])]
    if by_source and not wide:
        sentences.append("Of no dataset alone is the gap beyond noise.")
    rows = [
        (gap.source or "all", str(gap.step), format_percent(gap.val), format_percent(gap.train), f"{gap.points:+.1f}")
        for gap in gaps
    ]
    heads = ("dataset", "step", "validation", "training", "gap, points")
    both = [Series("training", scored(run.train)), Series("validation", scored(run.val), dashed=True)]
    figures = [Figures("The latest validation, and the steps before it", heads, rows)]
    return Section("validation", "Does validation follow?", sentences, figures, [Chart("All datasets", "%", both)])


def _say_gap(gap: Gap) -> str:
    levels = f"was at {format_percent(gap.val)}, training at {format_percent(gap.train)}"
    ahead = f"{abs(gap.points):.1f} points {'ahead' if gap.points > 0 else 'behind'}"
    noise = ", which noise alone may do" if gap.is_noise else ""
    return f"At step {gap.step}, validation of {gap.source or 'all datasets'} {levels}: {ahead}{noise}."


def chart_cost_against_accuracy(run: Run) -> Chart:
    """Return a dot a dataset: what a rollout costs, and how many are right."""
    train = run.train
    found = ((s, cost_each(train, s), mean(scored(train, s))) for s in train.sources(keys.ACCURACY))
    dots = [Series(s, [Point(0, right, usd)]) for s, usd, right in found if usd is not None and right is not None]
    return Chart("Accuracy against cost", "%", dots, "source", across="USD a rollout")
