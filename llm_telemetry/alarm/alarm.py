"""The alarm: says, in one line and one W&B alert, that the judge is not well or the budget is spent.

The window slides over the latest evaluations of the owner and its children, training and validation alike. What has
been told is told again after the cooldown, if it still holds among the evaluations that came since.
"""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from llm_telemetry.alarm.health import Latest, cases_of, likely_cause, rates_of, see, see_anchors, who_stands_out
from llm_telemetry.events import Alert
from llm_telemetry.guard import guarded, log
from llm_telemetry.tables import format_usd

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from llm_telemetry.alarm.health import Rate
    from llm_telemetry.events import Evaluation
    from llm_telemetry.settings.limits import Limits
    from llm_telemetry.sources import SourceNames

BUDGET = "budget"
BUDGET_TITLE = "budget spent"


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
        self._window = Latest(limits.window)
        self._anchors = Latest(limits.window)
        self._told: dict[str, float] = {}

    def add(self, evaluation: Evaluation, agrees: bool | None = None) -> None:
        """Take a closed evaluation; of its texts nothing is kept. One that is undecided tells nothing of the judge.

        Args:
            evaluation: What came of it.
            agrees: Its verdict is the one that the same answer got before; `None` where there is none before.
        """
        if evaluation.outcome != "undecided":
            source = self._names(evaluation.source)
            self._window.add(see(evaluation, source))
            for anchor in see_anchors(evaluation, source, agrees):
                self._anchors.add(anchor)

    @guarded
    def check(self, step: int, spent: float | None) -> Alert | None:
        """Return what is to be told now, if anything.

        Args:
            step: The training step.
            spent: What the run has cost, in USD; `None` when that is unknown.
        """
        rates = rates_of(self._window, self._anchors)
        violated = [rate for rate in rates if rate.is_beyond(self._limits)]
        over = spent if self._is_spent(spent) else None
        conditions = (*(rate.limit for rate in violated), *(() if over is None else (BUDGET,)))
        now = self._clock()
        if not any(self._is_due(condition, now) for condition in conditions):
            return None
        self._told.update(dict.fromkeys(conditions, now))
        numbers = {rate.limit: rate.value for rate in rates if rate.whole}
        numbers |= {"evaluations": len(self._window.seen), **({} if over is None else {"total_cost": over})}
        title, text, cause = self._describe(step, violated, over)
        alert = Alert(step, title, text, numbers, conditions, cause)
        if violated:
            self._anchors.clear()
            self._window.clear()  # each evaluation is told of once: a judge that has recovered is left in peace
        return alert

    def _is_spent(self, spent: float | None) -> bool:
        """Tell whether the budget is spent and nobody has been told; what is spent once stays spent."""
        budget = self._limits.budget
        return spent is not None and budget is not None and spent > budget and BUDGET not in self._told

    def _is_due(self, condition: str, now: float) -> bool:
        told = self._told.get(condition)
        return told is None or now - told >= self._limits.cooldown

    def _describe(self, step: int, violated: Sequence[Rate], spent: float | None) -> tuple[str, str, str]:
        """Return title, text and likely cause of what is wrong; `spent` is USD beyond the budget."""
        lines, titles, causes = [f"Step {step}."], [], []
        if violated:
            heard = [*self._window.seen, *self._anchors.seen]
            cases = cases_of(heard, violated)
            cause, count = likely_cause(cases)
            rates = ", ".join(map(self._say_rate, violated))
            lines.append(f"The judge's last {len(self._window.seen)} evaluations: {rates}.")
            lines.append(f"Likely cause: {cause.name} ({count} of {len(cases)} cases). {cause.advice}")
            lines += who_stands_out(heard, cases)
            titles.append(f"LLM judge not well: {cause.name}")
            causes.append(cause.name)
        if spent is not None:
            budget = format_usd(self._limits.budget or 0)
            lines.append(f"The run has cost {format_usd(spent)}, its budget is {budget}; training goes on.")
            titles.append(BUDGET_TITLE)
            causes.append(BUDGET)
        return "; ".join(titles), "\n".join(lines), causes[0]

    def _say_rate(self, rate: Rate) -> str:
        limit = getattr(self._limits, rate.limit)
        if rate.deviations:
            far = f"{rate.value:.1f} standard deviations, limit {limit:g}"
            return f"{rate.words}: {rate.part} more of {rate.whole} ({far})"
        limit *= 100
        return f"{rate.words} {100 * rate.part / rate.whole:.1f} % ({rate.part} of {rate.whole}, limit {limit:g} %)"


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
