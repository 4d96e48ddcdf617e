"""The counters that some reward computers keep of their judge, `eval_stats`: read when asked, and compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

COUNTERS = (
    "total_evaluations",
    "llm_judge_success",
    "llm_judge_parse_failures",
    "llm_judge_api_failures",
    "correct_predictions",
    "incorrect_predictions",
)


def counters_of(reward_computer: Any) -> tuple[int, ...]:
    """Return the `COUNTERS` of a reward computer, or of its mapping itself; what is not counted is 0.

    Raises:
        TypeError: There is no such mapping, or a counter in it is no whole number.
    """
    stats = reward_computer if isinstance(reward_computer, Mapping) else getattr(reward_computer, "eval_stats", None)
    if not isinstance(stats, Mapping):
        raise TypeError(
            f"{type(reward_computer).__name__} has no mapping `eval_stats`; give the reward computer or its counters"
        )
    counters = tuple(stats.get(name, 0) for name in COUNTERS)
    for name, value in zip(COUNTERS, counters, strict=True):
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise TypeError(f"eval_stats[{name!r}] must be a whole number of at least 0, not {value!r}")
    return counters


def contradictions(counters: tuple[int, ...]) -> list[str]:
    """Say where `COUNTERS` cannot all be true."""
    total, success, parse, api, correct, incorrect = counters
    told, outcomes = [], success + parse + api
    if outcomes != total:
        parts = f"{success} successes + {parse} parse failures + {api} API failures = {outcomes}"
        told.append(f"{parts}, but total_evaluations is {total}")
    if correct + incorrect > total:
        parts = f"{correct} correct + {incorrect} incorrect predictions = {correct + incorrect}"
        told.append(f"{parts}, more than the {total} evaluations: some are counted twice")
    if correct > success:
        told.append(f"{correct} correct predictions, but only {success} verdicts")
    return told
