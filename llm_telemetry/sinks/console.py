"""A summary for the terminal, every few steps."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from llm_telemetry.tables import format_table, format_usd

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from llm_telemetry.events import Payload

_PREFIX = {"train": ("dataset/", "judge/"), "val": ("val/", "val/judge/")}


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
    datasets, judge = _PREFIX[payload.split]
    values = payload.values
    heading = f"llm_telemetry · {payload.split} · step {payload.step}"
    rows = list(_dataset_rows(values, datasets))
    lines = format_table(("dataset", "right", "accuracy"), rows) if rows else []
    facts = (_judge_line(values, judge), _cost_line(values))
    return [heading, *("  " + line for line in (*lines, *facts) if line)]


def _dataset_rows(values: Mapping[str, float], prefix: str) -> Iterator[tuple[str, str, str]]:
    ends = "/accuracy"
    names = [key[len(prefix) : -len(ends)] for key in values if key.startswith(prefix) and key.endswith(ends)]
    for name in [*sorted(filter(None, names)), ""]:
        at = f"{prefix}{name}/" if name else prefix
        count = values.get(at + "count")
        if count:
            accuracy = values[at + "accuracy"]
            yield name or "all", f"{round(accuracy * count / 100)}/{count:.0f}", f"{accuracy:.1f} %"


def _judge_line(values: Mapping[str, float], prefix: str) -> str:
    calls = values.get(prefix + "calls")
    if not calls:
        return ""
    told = [
        f"{name} {100 * values[prefix + key]:.0f} %"
        for key, name in (
            ("success_rate", "success"),
            ("parse_failure_rate", "parse failures"),
            ("api_failure_rate", "API failures"),
            ("correct_ratio", "correct"),
        )
        if prefix + key in values
    ]
    return f"judge  {calls:.0f} evaluations · " + " · ".join(told)


def _cost_line(values: Mapping[str, float]) -> str:
    told = [
        f"{name} {format_usd(values[key])}"
        for key, name in (
            ("cost/step_cost", "this step"),
            ("cost/total_cost", "in all"),
            ("cost/avg_cost_per_sample", "a rollout"),
        )
        if key in values
    ]
    if unpriced := values.get("cost/unpriced_calls"):
        told.append(f"{unpriced:.0f} calls without a known price")
    return "cost   " + " · ".join(told) if told else ""
