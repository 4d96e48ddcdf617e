"""A summary for the terminal, every few steps."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from llm_telemetry.collectors import keys
from llm_telemetry.tables import format_table, format_usd

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from llm_telemetry.events import Payload

_JUDGE = (
    (keys.SUCCESS_RATE, "success"),
    (keys.PARSE_FAILURE_RATE, "parse failures"),
    (keys.API_FAILURE_RATE, "API failures"),
    (keys.CORRECT_RATIO, "correct"),
)
_COST = ((keys.STEP_COST, "this step"), (keys.TOTAL_COST, "in all"), (keys.AVG_COST_PER_SAMPLE, "a rollout"))
WIDTH = 80
"""Columns that a line takes at most."""
_LONGEST_NAME = 45
"""Characters of a source's name: in the columns that are left, a thousand million rollouts fit."""
_INDENT = "  "


class ConsoleSink:
    """Prints a summary to standard error.

    Args:
        every: Steps between two summaries; validations are always printed, and so is the last step at the end.
    """

    def __init__(self, every: int) -> None:
        self._every = every
        self._unprinted: Payload | None = None

    def write(self, payload: Payload) -> None:
        """Print the summary when it is due."""
        if payload.split != "train" or payload.step % self._every == 0:
            _print(payload)
            self._unprinted = None if payload.split == "train" else self._unprinted
        else:
            self._unprinted = payload

    def close(self) -> None:
        """Print the last summary, if it was not due."""
        if self._unprinted is not None:
            _print(self._unprinted)
            self._unprinted = None


def _print(payload: Payload) -> None:
    """Print a summary; where tqdm draws bars, by tqdm, for a line must not begin in the middle of a bar."""
    text = "\n".join(summary_lines(payload))
    bars = getattr(sys.modules.get("tqdm"), "tqdm", None)
    if bars is None:
        sys.stderr.write(text + "\n")
    else:
        bars.write(text, file=sys.stderr)


def summary_lines(payload: Payload) -> list[str]:
    """Return the summary: a line per dataset, one for the judge, one for the costs; two where one is too long."""
    heading = f"llm_telemetry · {payload.split} · step {payload.step}"
    rows = list(_dataset_rows(payload))
    lines = format_table(("dataset", "right", "accuracy"), rows) if rows else []
    facts = [*_folded("judge  ", _judge_facts(payload)), *_folded("cost   ", _cost_facts(payload))]
    return [heading, *(_INDENT + line for line in (*lines, *facts))]


def _folded(head: str, facts: Iterable[str]) -> list[str]:
    """Return as many lines as it takes: `head` before the first, its width in blanks before the others."""
    lines: list[str] = []
    for fact in facts:
        longer = f"{lines[-1]} · {fact}" if lines else head + fact
        if lines and len(_INDENT + longer) > WIDTH:
            lines.append(" " * len(head) + fact)
        else:
            lines[-1:] = [longer]
    return lines


def _dataset_rows(payload: Payload) -> Iterator[tuple[str, str, str]]:
    for source in [*keys.COUNT.sources(payload.values, payload.split), ""]:
        told = (keys.ACCURACY, keys.COUNT, keys.UNSCORED)
        accuracy, count, unscored = (payload.values.get(key.of(payload.split, source)) for key in told)
        scored = (count or 0) - (unscored or 0)
        name = source if len(source) <= _LONGEST_NAME else f"{source[: _LONGEST_NAME - 1]}…"
        if accuracy is not None:
            yield name or "all", f"{round(accuracy * scored / 100)}/{scored:.0f}", f"{accuracy:.1f} %"
        elif count:
            yield name or "all", f"?/{count:.0f}", "unknown"


def _judge_facts(payload: Payload) -> Iterator[str]:
    calls = payload.values.get(keys.EVALUATIONS.of(payload.split))
    if calls:
        yield f"{calls:.0f} evaluations"
        for key, name in _JUDGE:
            rate = payload.values.get(key.of(payload.split))
            if rate is not None:
                yield f"{name} {100 * rate:.0f} %"


def _cost_facts(payload: Payload) -> Iterator[str]:
    """Yield USD, those marked that lack what calls without tokens or without a price have cost."""
    unpriced, unmetered = (payload.values.get(key.name, 0) for key in (keys.UNPRICED_CALLS, keys.UNMETERED_CALLS))
    calls, silent = (keys.sum_over_roles(payload, key) for key in (keys.CALLS, keys.NO_USAGE))
    for key, name in _COST:
        usd = payload.values.get(key.of(payload.split))
        lacks = silent or unpriced if key is keys.STEP_COST else unmetered or unpriced
        if usd is not None:
            yield f"{name} {'≥ ' if lacks else ''}{format_usd(usd)}"
    if silent:
        yield f"{100 * silent / calls:.0f} % of calls without usage"
    if unpriced:
        yield f"{unpriced:.0f} calls without a known price"
