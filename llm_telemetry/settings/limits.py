"""The limits of the judge's health: a table of settings within the setting `alarm`."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any

from llm_telemetry.settings.rows import Kind, checked, is_number, is_whole, rows_of, setting

SUCCESS, API_FAILURES, PARSE_FAILURES, DISAGREEMENT = 0.8, 0.1, 0.15, 0.05
"""Shares of a judge's evaluations below which, and above which, it is not well."""
SHIFT = 4.5
INCONSISTENT, DEGENERATE = 0.3, 0.25
"""Shares of verdicts of which something is known beforehand; an honest judge flips 14 % on repetition."""
MOST_EVALUATIONS = 10_000
"""The largest window: it is kept in memory."""
NO_LIMIT = ("off", "none")
"""How a variable switches a single limit off."""


def _is_rate(value: Any) -> bool:
    return value is None or (is_number(value) and 0 <= value <= 1)


def _is_budget(value: Any) -> bool:
    return value is None or (is_number(value) and value > 0)


def _is_count(value: Any) -> bool:
    return is_whole(value) and 1 <= value <= MOST_EVALUATIONS


def _is_duration(value: Any) -> bool:
    return is_number(value) and value >= 0


RATE = Kind("a rate between 0 and 1, or None for no such limit", _is_rate)
DEVIATIONS = Kind("a number of standard deviations above 0, or None for no such limit", _is_budget)
BUDGET = Kind("an amount of USD above 0, or None for no budget", _is_budget)
COUNT = Kind(f"a whole number of evaluations, 1 to {MOST_EVALUATIONS}", _is_count)
DURATION = Kind("a number of seconds, at least 0", _is_duration)


@dataclasses.dataclass(frozen=True)
class Limits:
    """From where on the judge is not well; `None` switches a limit off. Rates are 0 to 1."""

    success_rate: float | None = setting(SUCCESS, RATE, "fewer of the evaluations have a verdict")
    api_failure_rate: float | None = setting(API_FAILURES, RATE, "more of the evaluations have no usable answer")
    parse_failure_rate: float | None = setting(
        PARSE_FAILURES, RATE, "more of the evaluations have an answer without a verdict"
    )
    disagreement_rate: float | None = setting(
        DISAGREEMENT,
        RATE,
        "more of the verdicts were returned otherwise than the judge said them; evaluations without a verdict are "
        "left out",
    )
    inconsistent_rate: float | None = setting(
        INCONSISTENT,
        RATE,
        "more of the verdicts on answers that were judged before differ from the verdict before; of at least 50",
    )
    verdict_shift: float | None = setting(
        SHIFT,
        DEVIATIONS,
        "so many standard deviations more of the verdicts that differ from the verdict before on the same answer go "
        "one way than the other: a judge that is as it was changes its mind both ways alike, however the policy learns",
    )
    degenerate_accepted_rate: float | None = setting(
        DEGENERATE, RATE, "more of the answers that are none were judged correct; of at least 20"
    )
    budget: float | None = setting(None, BUDGET, "`cost/total_cost` is higher; training goes on")
    window: int = setting(
        200, COUNT, "not a limit: how many evaluations, the latest, the rates are made of (at most 10,000)"
    )
    minimum: int = setting(
        50, COUNT, "not a limit: a rate over fewer says nothing yet; the window, where that is smaller"
    )
    cooldown: float = setting(1800.0, DURATION, "not a limit: how long it takes until the same is told again")


LIMITS = rows_of(Limits)


def limits_of(given: Mapping[str, Any] | bool) -> Limits | None:
    """Return the limits that the setting `alarm` means; `None` for no alarm at all.

    Args:
        given: A mapping with some of the fields of `Limits`, or `True` for the defaults, or `False`.

    Raises:
        ValueError: A name is unknown, or a value cannot work.
    """
    if given is False:
        return None
    given = {} if given is True else given
    if not isinstance(given, Mapping):
        raise ValueError(f"it must be True, False, or limits such as {{'budget': 50}}, not {given!r}")  # noqa: TRY004 - a setting's value
    names = [row.name for row in LIMITS]
    if unknown := sorted(set(map(str, given)) - set(names)):
        raise ValueError(f"there is no {', '.join(unknown)}; there are: {', '.join(names)}")
    return _fitting(checked(LIMITS, given))


def read_limits(text: str) -> dict[str, float | None]:
    """Return the limits that a variable gives, such as `budget=50,success_rate=off`.

    Raises:
        ValueError: A name is unknown, or a value cannot work.
    """
    limits = dict(_limit(pair.strip()) for pair in text.split(","))
    limits_of(limits)
    return limits


def _fitting(given: Mapping[str, Any]) -> Limits:
    """Let a window that is smaller than the usual minimum be full before its rates count."""
    limits = Limits(**given)
    if limits.minimum <= limits.window:
        return limits
    if "minimum" in given:
        raise ValueError(f"minimum must be at most the window, which is {limits.window}, not {limits.minimum}")
    return dataclasses.replace(limits, minimum=limits.window)


def _limit(pair: str) -> tuple[str, float | None]:
    name, is_given, value = (part.strip() for part in pair.partition("="))
    if not is_given:
        raise ValueError(f"{pair!r} is no limit")
    if value.lower() in NO_LIMIT:
        return name, None
    try:
        return name, int(value) if value.isdecimal() else float(value)
    except ValueError:
        raise ValueError(f"{value!r} is no number") from None
