"""Groups: the rollouts of one prompt in one window, whose rewards are compared with each other."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from operator import itemgetter
from typing import TYPE_CHECKING, NamedTuple

from llm_telemetry.collectors import keys
from llm_telemetry.collectors.aggregates import Sums, merge_all, ratio
from llm_telemetry.collectors.naming import Key, name_all, name_by_source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from llm_telemetry.collectors.ledger import Settled
    from llm_telemetry.events import Split

_ROUNDING = 1e-9
"""Means that differ by less than this, relative to the largest reward, differ by rounding alone."""


@dataclass(slots=True)
class GroupSums(Sums):
    """Groups by what they teach."""

    count: int = 0
    solved_all: int = 0
    solved_none: int = 0
    mixed: int = 0
    measured: int = 0
    """Those of which it is known whether their rewards differ."""
    flat: int = 0
    """Those whose rewards are all the same."""
    contaminated: int = 0
    contaminated_rollouts: int = 0

    @property
    def decided(self) -> int:
        """Those of which it is known whether all, none or some of their rollouts are right."""
        return self.solved_all + self.solved_none + self.mixed

    @property
    def informative(self) -> int:
        """Those whose rewards differ."""
        return self.measured - self.flat

    def add(
        self, correct: Iterable[bool | None], rewards: Sequence[float | None], stand_in: Sequence[bool] | None
    ) -> bool:
        """Add one group, and return whether its rewards are all the same, as far as that is known.

        Args:
            correct: Of each of its rollouts whether it is right; one that has failed is not.
            rewards: Their rewards.
            stand_in: Of each whether the reward stands in for a failed evaluation; `None` where none does.
        """
        self.count += 1
        known, given = set(correct), set(rewards)
        if True in known and False in known:
            self.mixed += 1
        elif None not in known:
            self.solved_all += True in known
            self.solved_none += False in known
        differ, flat = len(given) - (None in given) > 1, len(given) == 1 and None not in given
        if differ or flat:
            self.measured += 1
            self.flat += flat
        if stand_in is not None and is_contaminated(rewards, stand_in):
            self.contaminated += 1
            self.contaminated_rollouts += len(rewards)
        return flat


class Groups(NamedTuple):
    """The groups of a window."""

    by_source: dict[str, GroupSums]
    flat: list[int]
    """Which rollouts of the window are in groups whose rewards are all the same."""


def groups_in(settled: Settled, name_of: Callable[[str], str]) -> Groups:
    """Return the groups among rollouts, by source as it stands in keys; a single rollout is none."""
    groups: defaultdict[tuple[str, str | int | None], list[int]] = defaultdict(list)
    for row, prompt in enumerate(zip(settled.sources, settled.groups, strict=True)):
        groups[prompt].append(row)
    correct, rewards = settled.correct, settled.rewards
    if None in correct:  # a failed one is not right
        correct = [False if one is None and bad else one for one, bad in zip(correct, settled.failed, strict=True)]
    stand_in = settled.have_stand_in()
    found = Groups(defaultdict(GroupSums), [])
    for (source, group), rows in groups.items():
        if group is not None and len(rows) > 1:
            of = itemgetter(*rows)
            if found.by_source[name_of(source)].add(of(correct), of(rewards), of(stand_in) if stand_in else None):
                found.flat.extend(rows)
    return found


def is_contaminated(rewards: Sequence[float | None], stand_in: Sequence[bool]) -> bool:
    """Tell whether rewards that stand in for failed evaluations have moved the mean of a group."""
    known = [(reward, stands_in) for reward, stands_in in zip(rewards, stand_in, strict=True) if reward is not None]
    own = [reward for reward, stands_in in known if not stands_in]
    if not own or len(own) == len(known):
        return False
    all_of_them = [reward for reward, _ in known]
    moved = abs(sum(all_of_them) / len(all_of_them) - sum(own) / len(own))
    return moved > _ROUNDING * max(map(abs, all_of_them))


def describe(groups: Groups, split: Split) -> dict[str, float]:
    """Return the keys of a window's groups: over all sources, and of each."""
    window = groups.by_source
    if not window:
        return {}
    values = {source: _values(sums) for source, sums in window.items()}
    return name_by_source(values, split) | name_all(_values(merge_all(GroupSums, window)), split)


def _values(sums: GroupSums) -> dict[Key, float | None]:
    return {
        keys.GROUPS: sums.count,
        keys.SOLVED_ALL: ratio(sums.solved_all, sums.decided),
        keys.SOLVED_NONE: ratio(sums.solved_none, sums.decided),
        keys.MIXED: ratio(sums.mixed, sums.decided),
        keys.ZERO_VARIANCE_RATE: ratio(sums.flat, sums.measured),
        keys.CONTAMINATED_RATE: ratio(sums.contaminated, sums.count),
        keys.CONTAMINATED_ROLLOUTS: sums.contaminated_rollouts,
    }
