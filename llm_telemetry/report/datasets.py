"""Which dataset got better, which fell, since when; and what validation says beside training."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from llm_telemetry.collectors import keys
from llm_telemetry.report.changes import ALPHA, find_change
from llm_telemetry.report.sections import Chart, Figures, Section, Series, format_percent, say_change
from llm_telemetry.runs.history import Point, mean, scored, spent
from llm_telemetry.tables import format_usd

if TYPE_CHECKING:
    from llm_telemetry.report.changes import Change
    from llm_telemetry.runs.history import Run, Table

ENDS = 4
"""The first and the last of so many parts of the steps are what "first" and "last" mean."""


def find_changes(run: Run) -> dict[str, Change]:
    """Return what has changed, by dataset; of unchanged runs at most `ALPHA` have one here."""
    sources = run.train.sources(keys.ACCURACY)
    changes = {source: find_change(scored(run.train, source), ALPHA / len(sources)) for source in sources}
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

    @property
    def points(self) -> float:
        """How many points training is ahead."""
        return self.train - self.val


def find_gaps(run: Run) -> list[Gap]:
    """Hold the latest validation against training, by dataset; that over all comes last, without a name."""
    gaps = []
    for source in [*run.val.sources(keys.ACCURACY), ""]:
        for step, val, _ in scored(run.val, source)[-1:]:
            train = mean([point for point in scored(run.train, source) if point.step <= step][-ENDS:])
            gaps += [] if train is None else [Gap(source, step, val, train)]
    return gaps


def answer_validation(run: Run) -> Section | None:
    """Say how far training is ahead of validation; `None` in a run without any."""
    gaps = find_gaps(run)
    if not gaps:
        return None
    sentences = [
        f"At step {step}, validation of {source or 'all datasets'} was at {format_percent(val)}, training at "
        f"{format_percent(train)}: {abs(train - val):.1f} points {'ahead' if train > val else 'behind'}."
        for source, step, val, train in sorted(gaps, key=lambda gap: (gap.source != "", -gap.points))[:2]
    ]
    rows = [
        (gap.source or "all", str(gap.step), format_percent(gap.val), format_percent(gap.train), f"{gap.points:+.1f}")
        for gap in gaps
    ]
    heads = ("dataset", "step", "validation", "training", "gap, points")
    both = [Series("training", scored(run.train)), Series("validation", scored(run.val), dashed=True)]
    figures = [Figures("The latest validation, and the steps before it", heads, rows)]
    return Section("validation", "Does validation follow?", sentences, figures, [Chart("All datasets", "%", both)])


def chart_cost_against_accuracy(run: Run) -> Chart:
    """Return a dot a dataset: what a rollout costs, and how many are right."""
    train = run.train
    found = ((s, cost_each(train, s), mean(scored(train, s))) for s in train.sources(keys.ACCURACY))
    dots = [Series(s, [Point(0, right, usd)]) for s, usd, right in found if usd is not None and right is not None]
    return Chart("Accuracy against cost", "%", dots, "source", across="USD a rollout")
