"""The limits of the judge's health, their defaults, and how settings and variables give others."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable

SUCCESS, API_FAILURES, PARSE_FAILURES, DISAGREEMENT = 0.8, 0.1, 0.15, 0.05
"""Shares of a judge's evaluations below which, and above which, it is not well."""
MOST_EVALUATIONS = 10_000
"""The largest window: it is kept in memory, and counted at each flush."""


class Limits(NamedTuple):
    """From where on the judge is not well; `None` switches a limit off. Rates are 0 to 1."""

    success_rate: float | None = SUCCESS
    """An alarm below this share of evaluations with a verdict."""
    api_failure_rate: float | None = API_FAILURES
    """An alarm above this share of evaluations without a usable answer."""
    parse_failure_rate: float | None = PARSE_FAILURES
    """An alarm above this share of evaluations whose answer has no verdict in it."""
    disagreement_rate: float | None = DISAGREEMENT
    """An alarm above this share of verdicts that the judge function returned otherwise than the judge said them."""
    budget: float | None = None
    """An alarm once the run has cost more than this, in USD."""
    window: int = 200
    """The rates are those of so many evaluations, the latest."""
    minimum: int = 20
    """A rate over fewer evaluations says nothing yet."""
    cooldown: float = 1800.0
    """Seconds before the same is told again."""


DEFAULTS = Limits()


def limits_of(setting: Mapping[str, Any] | bool) -> Limits | None:
    """Return the limits that the setting `alarm` means; `None` for no alarm at all.

    Args:
        setting: A mapping with some of the fields of `Limits`, or `True` for the defaults, or `False`.

    Raises:
        ValueError: A name is unknown, or a value cannot work.
    """
    if setting is False:
        return None
    given = {} if setting is True else setting
    if not isinstance(given, Mapping):
        raise ValueError(f"it must be True, False, or limits such as {{'budget': 50}}, not {setting!r}")  # noqa: TRY004 - a setting's value
    if unknown := sorted(set(map(str, given)) - set(Limits._fields)):
        raise ValueError(f"there is no {', '.join(unknown)}; there are: {', '.join(Limits._fields)}")
    for name, value in given.items():
        is_right, what = _RULES[name]
        if not is_right(value):
            raise ValueError(f"{name} must be {what}, not {value!r}")
    return _fitting(given)


def _fitting(given: Mapping[str, Any]) -> Limits:
    """Let a window that is smaller than the usual minimum be full before its rates count."""
    limits = DEFAULTS._replace(**given)
    if limits.minimum > limits.window:
        if "minimum" in given:
            raise ValueError(f"minimum must be at most the window, which is {limits.window}, not {limits.minimum}")
        limits = limits._replace(minimum=limits.window)
    return limits


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_rate(value: Any) -> bool:
    return value is None or (_is_number(value) and 0 <= value <= 1)


def _is_budget(value: Any) -> bool:
    return value is None or (_is_number(value) and value > 0)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MOST_EVALUATIONS


def _is_duration(value: Any) -> bool:
    return _is_number(value) and value >= 0


_RATE = (_is_rate, "a rate between 0 and 1, or None for no such limit")
_COUNT = (_is_count, f"a whole number of evaluations, 1 to {MOST_EVALUATIONS}")
_RULES: Mapping[str, tuple[Callable[[Any], bool], str]] = {
    "success_rate": _RATE,
    "api_failure_rate": _RATE,
    "parse_failure_rate": _RATE,
    "disagreement_rate": _RATE,
    "budget": (_is_budget, "an amount of USD above 0, or None for no budget"),
    "window": _COUNT,
    "minimum": _COUNT,
    "cooldown": (_is_duration, "a number of seconds, at least 0"),
}
