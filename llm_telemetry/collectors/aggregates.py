"""Mergeable sums and quantiles: constant memory, order-free, exact where it can be exact.

`Sums` adds field by field. `Quantiles` keeps counts in logarithmic buckets: with 1 % relative accuracy, latencies
from a millisecond to an hour fall into some 760 buckets (DDSketch, Masson et al., VLDB 2019, section 2).
"""

from __future__ import annotations

import functools
import itertools
import operator
from bisect import bisect_left
from collections import defaultdict
from dataclasses import dataclass, fields
from decimal import Decimal
from math import ceil, log
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from typing_extensions import Self

RELATIVE_ACCURACY = 0.01
_GAMMA = (1 + RELATIVE_ACCURACY) / (1 - RELATIVE_ACCURACY)
_LOG_GAMMA = log(_GAMMA)
_SMALLEST = 1e-6
"""Seconds; anything quicker counts as this."""


@dataclass(slots=True)
class Sums:
    """A bundle of numbers that start at 0 and are only ever added to."""

    def merge(self, other: Self) -> Self:
        """Return the sums of both; associative and commutative."""
        kind: Any = type(self)  # mypy takes a dataclass that is not frozen for a class that cannot be hashed
        numbers_of = _reader(kind)
        return type(self)(*map(operator.add, numbers_of(self), numbers_of(other)))

    def to_state(self) -> dict[str, float | str]:
        """Return what JSON can hold; decimals as text, so that no cent is lost."""
        kind: Any = type(self)
        values = zip(_names(kind), _reader(kind)(self), strict=True)
        return {name: str(value) if isinstance(value, Decimal) else value for name, value in values}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Self:
        """Return the sums that `to_state` has described; what is missing is 0."""
        zero = cls()
        return cls(**{f.name: type(getattr(zero, f.name))(state.get(f.name, 0)) for f in fields(cls)})


@functools.cache
def _names(kind: Any) -> tuple[str, ...]:
    """Return the fields of such a bundle, in order; `fields` finds them anew each time."""
    return tuple(f.name for f in fields(kind))


@functools.cache
def _reader(kind: Any) -> Callable[[Sums], tuple[Any, ...]]:
    """Return what reads all fields of such a bundle, in order."""
    return operator.attrgetter(*_names(kind))


S = TypeVar("S", bound=Sums)


def merge_all(kind: type[S], window: Mapping[str, S]) -> S:
    """Return the sums of all names together, in the order of the names: floats come out the same each time.

    Where there is but one name, they are that one's own: to be read, and not to be added to.
    """
    if len(window) == 1:
        return next(iter(window.values()))
    return add_up(kind, map(window.__getitem__, sorted(window)))


def add_up(kind: type[S], parts: Iterable[S]) -> S:
    """Return what to merge all of them with nothing, in this order, comes to; without an object for each step."""
    numbers_of = _reader(kind)  # type: ignore[arg-type]  # mypy: no type is Hashable
    return kind(*map(_total, zip(*map(numbers_of, (kind(), *parts)), strict=True)))


_total = functools.partial(functools.reduce, operator.add)
"""Not `sum`, which rounds floats otherwise from Python 3.12 on than adding one after the other does."""


def ratio(part: float, whole: float, scale: float = 1.0) -> float | None:
    """Return `scale * part / whole`, or `None` over nothing: a rate over nothing is absent, never NaN."""
    return scale * part / whole if whole else None


class Quantiles:
    """Counts of positive values in logarithmic buckets; any quantile is right within 1 % of its value."""

    __slots__ = ("_buckets",)

    def __init__(self) -> None:
        """Start empty."""
        self._buckets: defaultdict[int, int] = defaultdict(int)

    @property
    def count(self) -> int:
        """How many values there are."""
        return sum(self._buckets.values())

    def add(self, value: float) -> None:
        """Count one value."""
        self._buckets[ceil(log(value if value > _SMALLEST else _SMALLEST) / _LOG_GAMMA)] += 1  # noqa: FURB136 - hot

    def merge(self, other: Quantiles) -> Quantiles:
        """Return the counts of both; associative and commutative."""
        merged = Quantiles()
        for part in (self, other):
            for bucket, count in part._buckets.items():
                merged._buckets[bucket] += count
        return merged

    def quantiles(self, *ranks: float) -> list[float | None]:
        """Return the values at these ranks (0 to 1, nearest rank); `None` for each when nothing was counted."""
        if not self._buckets:
            return [None for _ in ranks]
        buckets = sorted(self._buckets)
        reached = list(itertools.accumulate(map(self._buckets.__getitem__, buckets)))
        at = [buckets[bisect_left(reached, max(1, ceil(q * reached[-1])))] for q in ranks]
        return [2 * _GAMMA**bucket / (_GAMMA + 1) for bucket in at]
