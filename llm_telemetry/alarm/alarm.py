"""The alarm: says, in one line and one W&B alert, that the judge is not well or the budget is spent.

The window slides over the latest evaluations of the owner and its children, training and validation alike. What has
been told is told again after the cooldown, if it still holds among the evaluations that came since.
"""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Any

from llm_telemetry.alarm.health import Seen, examine, focus_of, likely_cause
from llm_telemetry.events import Alert
from llm_telemetry.guard import guarded, log
from llm_telemetry.tables import format_usd

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from llm_telemetry.alarm.health import Checkup, Focus, Suspect
    from llm_telemetry.events import Evaluation
    from llm_telemetry.settings.limits import Limits
    from llm_telemetry.sources import SourceNames


BUDGET_TITLE = "budget spent"
_FAILURES = ("api_failure", "parse_failure")


class Alarm:
    """Hears of every evaluation, and decides when there is something to tell.

    Args:
        limits: From where on the judge is not well.
        names: Gives sources the names that they have in keys.
        clock: Seconds, never going back.
    """

    def __init__(self, limits: Limits, names: SourceNames, clock: Callable[[], float] = time.monotonic) -> None:
        self._limits = limits
        self._names = names
        self._clock = clock
        self._window: deque[Seen] = deque(maxlen=limits.window)
        self._told: dict[str, float] = {}

    def add(self, evaluation: Evaluation) -> None:
        """Take a closed evaluation; of its texts nothing is kept. One that is undecided tells nothing of the judge."""
        if evaluation.outcome == "undecided":
            return
        failure = evaluation.outcome if evaluation.outcome in _FAILURES else None
        kind = failure and (evaluation.failure or failure)
        source = self._names(evaluation.source)
        self._window.append(Seen(failure, kind, evaluation.disagreed, source, evaluation.judge))

    @guarded
    def check(self, step: int, spent: float | None) -> Alert | None:
        """Return what is to be told now, if anything.

        Args:
            step: The training step.
            spent: What the run has cost, in USD; `None` when that is unknown.
        """
        judge = examine(self._window, self._limits)
        over = spent if self._is_spent(spent) else None
        conditions = [*judge.conditions, *(["budget"] if over is not None else [])]
        now = self._clock()
        if not any(self._is_due(condition, now) for condition in conditions):
            return None
        self._told.update(dict.fromkeys(conditions, now))
        alert = describe(step, judge, self._limits, over)
        if judge.violated:
            self._window.clear()  # each evaluation is told of once: a judge that has recovered is left in peace
        return alert

    def _is_spent(self, spent: float | None) -> bool:
        """Tell whether the budget is spent and nobody has been told; what is spent once stays spent."""
        budget = self._limits.budget
        return spent is not None and budget is not None and spent > budget and "budget" not in self._told

    def _is_due(self, condition: str, now: float) -> bool:
        told = self._told.get(condition)
        return told is None or now - told >= self._limits.cooldown


def describe(step: int, judge: Checkup, limits: Limits, spent: float | None) -> Alert:
    """Put into words what is wrong.

    Args:
        step: The training step.
        judge: What the judge's latest evaluations have come to.
        limits: The limits.
        spent: What the run has cost, in USD, when that is beyond the budget.
    """
    suspect = likely_cause(judge.failures)
    lines, titles, conditions = [f"Step {step}."], [], [*judge.conditions]
    numbers: dict[str, float] = {rate.condition.limit: rate.value for rate in judge.rates if rate.value is not None}
    numbers["evaluations"] = len(judge.window)
    if suspect is not None:
        lines += [_rates_line(judge, limits), _cause_line(suspect)]
        lines += [_focus_line(focus, judge) for focus in focus_of(judge)]
        titles.append(f"LLM judge not well: {suspect.cause.name}")
    if spent is not None:
        lines.append(_budget_line(spent, limits))
        titles.append(BUDGET_TITLE)
        numbers["total_cost"] = spent
        conditions.append("budget")
    cause = "budget" if suspect is None else suspect.cause.name
    return Alert(step, "; ".join(titles), "\n".join(lines), numbers, tuple(conditions), cause)


def _rates_line(judge: Checkup, limits: Limits) -> str:
    told = (
        f"{rate.condition.words} {_percent(rate.value or 0)} ({rate.part} of {rate.whole}, "
        f"limit {100 * getattr(limits, rate.condition.limit):g} %)"
        for rate in judge.violated
    )
    return f"The judge's last {len(judge.window)} evaluations: {', '.join(told)}."


def _percent(rate: float) -> str:
    return f"{100 * rate:.1f} %"


def _cause_line(suspect: Suspect) -> str:
    return f"Likely cause: {suspect.cause.name} ({suspect.failures} of {suspect.among} cases). {suspect.cause.advice}"


def _focus_line(focus: Focus, judge: Checkup) -> str:
    cases = f"{focus.failures} of these {focus.among} cases"
    return f"The {focus.what} {focus.name} has {cases}, and {focus.evaluations} of the {len(judge.window)} evaluations."


def _budget_line(spent: float, limits: Limits) -> str:
    return f"The run has cost {format_usd(spent)}, its budget is {format_usd(limits.budget or 0)}; training goes on."


def tell(alert: Alert, sinks: Iterable[Any]) -> None:
    """Say it in the log, and to each sink that wants to know."""
    log.warning("alarm: %s", alert.text.replace("\n", " "))
    for sink in sinks:
        _tell_sink(sink, alert)


@guarded
def _tell_sink(sink: Any, alert: Alert) -> None:
    hear = getattr(sink, "alert", None)
    if callable(hear):
        hear(alert)
