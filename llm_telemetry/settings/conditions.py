"""Conditions on a payload, as they are written: `cost/total_cost > 50, judge/success_rate < 0.5`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

_CONDITION = re.compile(r"([^\s<>]+)\s*([<>])\s*([-+]?[\d.]+(?:[eE][-+]?\d+)?)")


class Condition(NamedTuple):
    """A key with the limit that it must not pass."""

    key: str
    is_above: bool
    limit: float

    def reason(self, values: Mapping[str, float]) -> str | None:
        """Say that a payload's values are beyond the limit; `None` where they are not, or the key is absent."""
        value = values.get(self.key)
        if value is None or not (value > self.limit if self.is_above else value < self.limit):
            return None
        return f"{self.key} is {value:g}, {'above' if self.is_above else 'below'} {self.limit:g}"


def read_conditions(text: str) -> list[Condition]:
    """Return the conditions in a text, which has commas between them.

    Raises:
        ValueError: One is no condition; the message says which.
    """
    found = [(part, _CONDITION.fullmatch(part.strip())) for part in text.split(",")]
    if wrong := [part.strip() for part, match in found if match is None]:
        raise ValueError(f"{wrong[0]!r} is no condition")
    return [Condition(match[1], match[2] == ">", float(match[3])) for _, match in found if match]
