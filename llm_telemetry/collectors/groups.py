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
    from collections.abc import Callable, Collection, Container, Iterable, Sequence

    from llm_telemetry.collectors.ledger import Settled
    from llm_telemetry.events import Split
_ROUNDING = 1e-9
"""Means that differ by less than this, relative to the largest reward, differ by rounding alone."""


class Group(NamedTuple):
    """The rollouts of one prompt."""

    source: str
    rows: Sequence[int]
    """Which of the window's rollouts they are."""
    solved: str | None
    """Whether `all` of them are right, or `none`, or it is `mixed`; `None` if that is not known."""
    flat: bool | None
    """Whether their rewards are all the same: it has no advantages; `None` where a reward is not known."""
    contaminated: bool
    """Whether rewards that stand in for failed evaluations have moved their mean."""


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
        state, flat = group.solved, group.flat
        self.count += 1
        self.decided += state is not None
        self.solved_all += state == "all"
        self.solved_none += state == "none"
        self.mixed += state == "mixed"
        self.measured += flat is not None
        self.flat += flat is True
        if group.contaminated:
            self.contaminated += 1
            self.contaminated_rollouts += len(group.rows)


def groups_in(settled: Settled) -> list[Group]:
    """Return the groups among rollouts, by source; a single rollout is none."""
    groups: defaultdict[tuple[str, str | int | None], list[int]] = defaultdict(list)
    for row, prompt in enumerate(zip(settled.sources, settled.groups, strict=True)):
        groups[prompt].append(row)
    correct, rewards = settled.correct, settled.rewards
    if None in correct:  # a failed one is not right
        correct = [False if one is None and bad else one for one, bad in zip(correct, settled.failed, strict=True)]
    stand_in = settled.have_stand_in()
    found = []
    for (source, group), rows in groups.items():
        if group is not None and len(rows) > 1:
            of_group = itemgetter(*rows)
            moved = stand_in is not None and is_contaminated(of_group(rewards), of_group(stand_in))
            found.append(Group(source, rows, _solved(set(of_group(correct))), _is_flat(set(of_group(rewards))), moved))
    return found


def _solved(known: Container[bool | None]) -> str | None:
    if True in known and False in known:
        return "mixed"
    return None if None in known else "all" if True in known else "none"


def _is_flat(rewards: Collection[float | None]) -> bool | None:
    unknown = None in rewards
    return False if len(rewards) - unknown > 1 else None if unknown else True


def is_contaminated(rewards: Sequence[float | None], stand_in: Sequence[bool]) -> bool:
    """Tell whether rewards that stand in for failed evaluations have moved the mean of a group."""
    known = [(reward, stands_in) for reward, stands_in in zip(rewards, stand_in, strict=True) if reward is not None]
    own = [reward for reward, stands_in in known if not stands_in]
    if not own or len(own) == len(known):
        return False
    all_of_them = [reward for reward, _ in known]
    moved = abs(sum(all_of_them) / len(all_of_them) - sum(own) / len(own))
    return moved > _ROUNDING * max(map(abs, all_of_them))


def describe(groups: Iterable[Group], name_of: Callable[[str], str], split: Split) -> dict[str, float]:
    """Return the keys of a window's groups: over all sources, and of each."""
    window: defaultdict[str, GroupSums] = defaultdict(GroupSums)
    for group in groups:
        window[name_of(group.source)].add(group)
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
