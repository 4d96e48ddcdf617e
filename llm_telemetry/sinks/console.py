"""A summary for the terminal, every few steps."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from llm_telemetry.collectors import keys
from llm_telemetry.tables import format_table, format_usd

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llm_telemetry.events import Payload

_JUDGE = (
    (keys.SUCCESS_RATE, "success"),
    (keys.PARSE_FAILURE_RATE, "parse failures"),
    (keys.API_FAILURE_RATE, "API failures"),
    (keys.CORRECT_RATIO, "correct"),
)
_COST = ((keys.STEP_COST, "this step"), (keys.TOTAL_COST, "in all"), (keys.AVG_COST_PER_SAMPLE, "a rollout"))


class ConsoleSink:
    """Prints a summary to standard error.

    Args:
        every: Steps between two summaries; validations are always printed.
    """

    def __init__(self, every: int) -> None:
        self._every = every

    def write(self, payload: Payload) -> None:
        """Print the summary when it is due."""
        if payload.split == "val" or payload.step % self._every == 0:
            sys.stderr.write("\n".join(summary_lines(payload)) + "\n")

    def close(self) -> None:
        """Nothing is left to print."""


def summary_lines(payload: Payload) -> list[str]:
    """Return the summary: a line per dataset, one for the judge, one for the costs."""
    heading = f"llm_telemetry · {payload.split} · step {payload.step}"
    rows = list(_dataset_rows(payload))
    lines = format_table(("dataset", "right", "accuracy"), rows) if rows else []
    return [heading, *("  " + line for line in (*lines, _judge_line(payload), _cost_line(payload)) if line)]


def _dataset_rows(payload: Payload) -> Iterator[tuple[str, str, str]]:
    for source in [*keys.COUNT.sources(payload.values, payload.split), ""]:
        told = (keys.ACCURACY, keys.COUNT, keys.UNSCORED)
        accuracy, count, unscored = (payload.values.get(key.of(payload.split, source)) for key in told)
        scored = (count or 0) - (unscored or 0)
        if accuracy is not None:
            yield source or "all", f"{round(accuracy * scored / 100)}/{scored:.0f}", f"{accuracy:.1f} %"
        elif count:
            yield source or "all", f"?/{count:.0f}", "unknown"


def _judge_line(payload: Payload) -> str:
    calls = payload.values.get(keys.EVALUATIONS.of(payload.split))
    rates = [(name, payload.values.get(key.of(payload.split))) for key, name in _JUDGE]
    told = [f"{name} {100 * rate:.0f} %" for name, rate in rates if rate is not None]
    return f"judge  {calls:.0f} evaluations · " + " · ".join(told) if calls else ""


def _cost_line(payload: Payload) -> str:
    costs = [(name, payload.values.get(key.of(payload.split))) for key, name in _COST]
    told = [f"{name} {format_usd(usd)}" for name, usd in costs if usd is not None]
    if unpriced := payload.values.get(keys.UNPRICED_CALLS.name):
        told.append(f"{unpriced:.0f} calls without a known price")
    return "cost   " + " · ".join(told) if told else ""
