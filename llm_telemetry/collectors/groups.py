"""Groups: the rollouts of one prompt in one window, whose rewards are compared with each other."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from llm_telemetry.collectors import keys
from llm_telemetry.collectors.aggregates import Sums, merge_all, ratio
from llm_telemetry.collectors.naming import Key, name_all, name_by_source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from llm_telemetry.collectors.ledger import Settled
    from llm_telemetry.events import Split


_ROUNDING = 1e-9
"""Means that differ by less than this, relative to the largest reward, differ by rounding alone."""


class Group(NamedTuple):
    """The rollouts of one prompt."""

    rollouts: list[Settled]
    flat: bool | None
    """Whether their rewards are all the same, see `is_flat`."""


@dataclass(slots=True)
class GroupSums(Sums):
    """Groups by what they teach."""

    count: int = 0
    decided: int = 0
    """Those of which it is known whether all, none or some of their rollouts are right."""
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
    def informative(self) -> int:
        """Those whose rewards differ."""
        return self.measured - self.flat

    def add(self, group: Group) -> None:
        """Add one group."""
        state, flat = solved(group.rollouts), group.flat
        self.count += 1
        self.decided += state is not None
        self.solved_all += state == "all"
        self.solved_none += state == "none"
        self.mixed += state == "mixed"
        self.measured += flat is not None
        self.flat += flat is True
        if is_contaminated(group.rollouts):
            self.contaminated += 1
            self.contaminated_rollouts += len(group.rollouts)


def groups_in(settled: Iterable[Settled]) -> list[Group]:
    """Return the groups among rollouts, by source; a single rollout is none."""
    groups: defaultdict[object, list[Settled]] = defaultdict(list)
    for one in settled:
        if one.rollout.group is not None:
            groups[one.rollout.source, one.rollout.group].append(one)
    return [Group(group, is_flat(group)) for group in groups.values() if len(group) > 1]


def solved(group: Iterable[Settled]) -> str | None:
    """Tell whether `all` of a group's rollouts are right, or `none`, or the group is `mixed`; `None` if unknown."""
    known = {False if one.correct is None and one.rollout.failed else one.correct for one in group}
    if {True, False} <= known:
        return "mixed"
    return None if None in known else "all" if True in known else "none"


def is_flat(group: Iterable[Settled]) -> bool | None:
    """Tell whether a group's rewards are all the same: it has no advantages; `None` where a reward is not known."""
    rewards = {one.rollout.reward for one in group}
    if len(rewards - {None}) > 1:
        return False
    return None if None in rewards else True


def is_contaminated(group: Iterable[Settled]) -> bool:
    """Tell whether rewards that stand in for failed evaluations have moved the mean of a group."""
    if not any(one.has_stand_in for one in group):
        return False
    rewards = [(one.has_stand_in, reward) for one in group if (reward := one.rollout.reward) is not None]
    own = [reward for stands_in, reward in rewards if not stands_in]
    if not own or len(own) == len(rewards):
        return False
    all_of_them = [reward for _, reward in rewards]
    moved = abs(sum(all_of_them) / len(all_of_them) - sum(own) / len(own))
    return moved > _ROUNDING * max(map(abs, all_of_them))


def describe(groups: Iterable[Group], name_of: Callable[[str], str], split: Split) -> dict[str, float]:
    """Return the keys of a window's groups: over all sources, and of each."""
    window: defaultdict[str, GroupSums] = defaultdict(GroupSums)
    for group in groups:
        window[name_of(group.rollouts[0].rollout.source)].add(group)
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
