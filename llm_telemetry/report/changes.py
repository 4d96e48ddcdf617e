"""Since when a number is another one: change points, told only where noise is an unlikely reason.

A split of the steps into before and after is scored by how much of the spread it explains. Whether noise alone would
explain as much is asked of the steps themselves, in random orders: if the order does not matter, it makes as good a
split in more than `ALPHA` of them, and nothing is told. That needs no idea of how noisy a step is. It takes the steps
for independent of each other, given the level.
"""

from __future__ import annotations

import math
import random
from itertools import accumulate, count, pairwise, repeat
from operator import itemgetter, mul, sub, truediv
from typing import TYPE_CHECKING, NamedTuple

from llm_telemetry.collectors import keys
from llm_telemetry.runs.history import Point, mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from llm_telemetry.runs.history import Run

ORDERS = 10
"""So many orders are tried that of as many a split as good is expected, if the one that was found is at the limit."""
ALPHA = 0.04
"""How often a run in which nothing changes may be told to have changed; over all its series together."""
LEAST = 3
"""Steps that a level has at least."""
MOST = 200
"""Points of a series that are looked at; longer ones are drawn together first, neighbours at a time."""
WITHIN = 7.35
"""How much worse than the best, in units of the spread, a split may be and still be the true one in 95 % of cases: the
quantile of the likelihood ratio for a change point (Hansen 2000, (1 - exp(-x/2))² = 0.95)."""
_first = itemgetter(0)


class Change(NamedTuple):
    """A number that is another one since a step."""

    before: float
    after: float
    step: int
    """The first step of the new level, as the best guess."""
    earliest: int
    latest: int
    """Between these two it is, in 95 of 100 cases."""


def share_alpha(run: Run) -> float:
    """Return what of `ALPHA` is each series' of a run: the accuracies by dataset, and the judge's share of verdicts."""
    return ALPHA / (len(run.train.sources(keys.ACCURACY)) + 1)


def find_change(points: Sequence[Point], alpha: float = ALPHA) -> Change | None:
    """Return the last change of direction and what has become of it since; `None` where nothing has changed.

    A rise in several steps is one change, which began with its first step; after a rise and a fall it is the fall.

    Args:
        points: In the order of their steps, each with the number of observations that it is made of.
        alpha: How often steps of one level may be told to have changed.
    """
    drawn = _draw_together(points)
    cuts = sorted(_cuts(drawn, 0, len(drawn), alpha))
    if not cuts:
        return None
    edges = [0, *cuts, len(drawn)]
    levels = [mean(drawn[start:stop]) or 0.0 for start, stop in pairwise(edges)]
    rises = [after > before for before, after in pairwise(levels)]
    first = next((i + 1 for i in reversed(range(len(rises) - 1)) if rises[i] != rises[-1]), 0)
    earliest, latest = _interval(drawn[edges[first] : edges[first + 2]], cuts[first] - edges[first])
    steps = (drawn[cuts[first]].step, drawn[edges[first] + earliest].step, drawn[edges[first] + latest].step)
    return Change(levels[first], levels[-1], *steps)


def _draw_together(points: Sequence[Point]) -> list[Point]:
    """Return at most `MOST` points: neighbours become their mean, at the first one's step."""
    size = math.ceil(len(points) / MOST) or 1
    groups = (points[start : start + size] for start in range(0, len(points), size))
    return [Point(group[0].step, mean(group) or 0.0, math.fsum(p.weight for p in group)) for group in groups]


def _cuts(points: Sequence[Point], start: int, stop: int, alpha: float) -> Iterator[int]:
    """Yield where the levels of `points[start:stop]` begin, the first one's left out."""
    part = points[start:stop]
    gain, cut = _best_split(part)
    if gain > 0 and _is_beyond_noise(part, gain, alpha):
        yield start + cut
        yield from _cuts(points, start, start + cut, alpha)
        yield from _cuts(points, start + cut, stop, alpha)


def _best_split(points: Sequence[Point]) -> tuple[float, int]:
    """Return the largest gain, and how many points are before that split."""
    return max(zip(_gains(points)[LEAST : len(points) - LEAST + 1], count(LEAST)), default=(0.0, 0), key=_first)


def _gains(points: Sequence[Point]) -> list[float]:
    """Return, for each number of points before a split, how much of the weighted sum of squares it explains."""
    middle = mean(points) or 0.0
    return _explained([point.weight * (point.value - middle) for point in points], [point.weight for point in points])


def _explained(deviations: Iterable[float], weights: Iterable[float]) -> list[float]:
    """Return the gain of each split: `deviations` are from the mean, each times its weight. Hot: a loop in C."""
    sums, before = [*accumulate(deviations)][:-1], [*accumulate(weights)]
    whole = before.pop() if before else 0.0
    products = map(mul, before, map(sub, repeat(whole), before))
    return [0.0, *map(truediv, map(mul, map(mul, sums, sums), repeat(whole)), products), 0.0]


def _is_beyond_noise(points: Sequence[Point], gain: float, alpha: float) -> bool:
    """Tell whether fewer than `alpha` of random orders of the points have a split of such a gain.

    No order is tried where the split explains so much that a normal tail, with half its exponent and for all splits
    together, is below `alpha`: that is most of the changes which one can see.
    """
    middle, steps = mean(points) or 0.0, len(points)
    deviations = [(point.weight * (point.value - middle), point.weight) for point in points]
    total = math.fsum(pull * pull / weight for pull, weight in deviations)
    best = gain * (1 - 1e-9)
    if steps * best > 4 * math.log(2 * steps / alpha) * total:
        return True
    orders = math.ceil(ORDERS / alpha)
    allowed, found = int(alpha * (orders + 1)) - 1, 0
    draw = random.Random(0).random  # noqa: S311 - the same answer each time
    for _ in range(orders):
        shuffled = zip(*sorted(deviations, key=lambda _: draw()), strict=True)
        found += max(_explained(*shuffled)[LEAST : steps - LEAST + 1]) >= best
        if found > allowed:
            return False
    return True


def _interval(points: Sequence[Point], cut: int) -> tuple[int, int]:
    """Return the first and the last split that explain about as much as the best one does."""
    gains = _gains(points)
    middle = mean(points) or 0.0
    total = math.fsum(point.weight * (point.value - middle) ** 2 for point in points)
    spread = (total - gains[cut]) / max(len(points) - 2, 1)
    near = [i for i in range(1, len(points)) if gains[i] >= gains[cut] - WITHIN * spread]
    return min(near), max(near)
