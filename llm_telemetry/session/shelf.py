"""Rollouts in one state, found by what a reward knows of its rollout."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, NamedTuple

from llm_telemetry.sources import clean_source

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from typing import TypeAlias, TypeVar

    from llm_telemetry.events import Id, Split
    from llm_telemetry.session.rollouts import OpenRollout
    from llm_telemetry.session.signs import Sign

    Place = TypeVar("Place")
    _Places: TypeAlias = defaultdict[tuple[Split, Place], dict[Id, OpenRollout]]

_MOST_ALIKE = 64
"""A sign that more rollouts share than this is a setting, or a client: it tells nothing."""
_NONE: Mapping[Id, OpenRollout] = {}


class Likeness(NamedTuple):
    """How much speaks for a reward being a rollout's; what comes first decides."""

    problem: bool = False
    signs: int = 0
    near: bool = False
    """It is the one rollout of the present task that waits."""
    source: bool = False


class Match(NamedTuple):
    """The rollouts that a reward is most like."""

    likeness: Likeness
    rollouts: list[OpenRollout]

    def one_for(self, wanted: OpenRollout) -> list[OpenRollout]:
        """Return one of them, if it does not matter which: all are of one source.

        Those that succeeded come first; where the reward function was given no answer, those that failed.
        """
        if len(self.rollouts) == 1:
            return self.rollouts
        sources = {_source(rollout) for rollout in self.rollouts}
        return [min(self.rollouts, key=lambda one: one.failed != wanted.blank)] if len(sources) == 1 else []

    def is_weak(self, wanted: OpenRollout) -> bool:
        """Tell whether these have failed, and only the task that has executed them speaks for them."""
        is_told = self.likeness.problem or self.likeness.signs > 0
        return not is_told and not wanted.blank and all(rollout.failed for rollout in self.rollouts)

    def comes_before(self, fresh: Match, wanted: OpenRollout) -> bool:
        """Tell whether a reward is a repeated one, of these, rather than the first of those.

        What has failed is hardly rewarded for an answer, so that it takes more to be its first.
        """
        if not wanted.blank and all(rollout.failed for rollout in fresh.rollouts):
            return self.likeness._replace(near=False) >= fresh.likeness._replace(near=False)
        return self.likeness > fresh.likeness

    def is_sure(self, wanted: OpenRollout, near: OpenRollout | None) -> bool:
        """Tell whether all that is known of the reward speaks for these, and for what they have already."""
        if any(rollout.guessed for rollout in self.rollouts):
            return False
        if self.likeness.problem or (near is not None and near in self.rollouts and may_be_same(wanted, near)):
            return True
        return wanted.signs.keys() <= self.rollouts[0].signs.keys() | self.rollouts[0].reward_signs.keys()


class Shelf:
    """Rollouts, each once, in order."""

    def __init__(self) -> None:
        """Hold none."""
        self._all: dict[tuple[int, int], OpenRollout] = {}
        self._problems: _Places[int] = defaultdict(dict)
        self._sources: _Places[str | None] | None = None
        self._signs: _Places[Sign] | None = None
        """Each by split; by sources and by signs from when on nothing else has told, which is never where rewards tell
        the problem.
        """

    def __iter__(self) -> Iterator[OpenRollout]:
        """Iterate over a copy."""
        return iter(list(self._all.values()))

    def __len__(self) -> int:
        """Return how many there are."""
        return len(self._all)

    def __contains__(self, rollout: OpenRollout | None) -> bool:
        """Tell whether it is here."""
        return rollout is not None and rollout.key in self._all

    def get(self, key: tuple[int, int]) -> OpenRollout | None:
        """Return the rollout with this key."""
        return self._all.get(key)

    def add(self, rollout: OpenRollout) -> None:
        """Put one here."""
        self._all[rollout.key] = rollout
        if rollout.problem is not None:
            self._problems[rollout.split, rollout.problem][rollout.key] = rollout
        if self._sources is not None:
            self._sources[rollout.split, _source(rollout)][rollout.key] = rollout
        if self._signs is not None:
            _know(self._signs, rollout)

    def remove(self, rollout: OpenRollout) -> bool:
        """Take it away, and tell whether it was here."""
        if self._all.pop(rollout.key, None) is None:
            return False
        if rollout.problem is not None:
            _take(self._problems, (rollout.split, rollout.problem), rollout.key)
        if self._sources is not None:
            _take(self._sources, (rollout.split, _source(rollout)), rollout.key)
        if self._signs is not None:
            for sign in rollout.signs:
                _take(self._signs, (rollout.split, sign), rollout.key)
        return True

    def like(
        self, wanted: OpenRollout, near: OpenRollout | None, *, other_words: bool, same_problem: bool = False
    ) -> Match | None:
        """Return the rollouts that a reward is most like; `None` where nothing tells.

        Args:
            wanted: What the reward function was told.
            near: The rollout of the present task.
            other_words: The executor may know the same problem by another text.
            same_problem: Nothing but the problem is asked for.
        """
        # what has the same problem is most alike
        here = _NONE if wanted.problem is None else self._problems.get((wanted.split, wanted.problem), _NONE)
        alike = [one for one in here.values() if fits(wanted, one)]
        has_problem = bool(alike)
        if not alike and not same_problem:
            told = self._told(wanted, near)
            alike = [one for one in told if fits(wanted, one) and (other_words or may_be_same(wanted, one))]
        if not alike:
            return None
        signs, has_source = wanted.signs.keys(), wanted.source is not None
        likeness = [
            Likeness(has_problem, len(signs & one.signs.keys()), one is near, has_source and one.source is not None)
            for one in alike
        ]
        if len(alike) == 1:
            return Match(likeness[0], alike)
        most = max(likeness)
        return Match(most, [one for one, its in zip(alike, likeness, strict=True) if its == most])

    def any_of(self, wanted: OpenRollout) -> list[OpenRollout]:
        """Return one for a reward of which no more is known; none if it would matter which: they differ in source."""
        if self._sources is None:
            self._sources = defaultdict(dict)
            for rollout in self._all.values():
                self._sources[rollout.split, _source(rollout)][rollout.key] = rollout
        sources = [source for split, source in self._sources if split == wanted.split]
        exact = [source for source in sources if wanted.source is not None and source == _source(wanted)]
        fitting = exact or [source for source in sources if wanted.source is None or source is None]
        here = self._sources[wanted.split, fitting[0]].values() if len(fitting) == 1 else ()
        likely = [next((one for one in here if one.failed == wanted.blank), None), next(iter(here), None)]
        return [one for one in likely[: 1 + wanted.blank] if one is not None][:1]

    def _told(self, wanted: OpenRollout, near: OpenRollout | None) -> Iterable[OpenRollout]:
        """Return those that some sign of a reward speaks for, and that of the present task."""
        if self._signs is None:
            self._signs = defaultdict(dict)
            for rollout in self._all.values():
                _know(self._signs, rollout)
        places = [self._signs.get((wanted.split, sign), _NONE) for sign in wanted.signs]
        found = {key: one for here in places if len(here) <= _MOST_ALIKE for key, one in here.items()}
        if near is not None and near in self:
            found[near.key] = near
        return found.values()


def _source(rollout: OpenRollout) -> str | None:
    return None if rollout.source is None else clean_source(rollout.source)


def _take(places: _Places[Place], place: tuple[Split, Place], key: Id) -> None:
    """Take a rollout from one place, and the place away when it is empty."""
    here = places.get(place)
    if here is not None:
        here.pop(key, None)
        if not here:
            del places[place]


def _know(signs: _Places[Sign], rollout: OpenRollout) -> None:
    for sign in rollout.signs:
        signs[rollout.split, sign][rollout.key] = rollout


def may_be_same(wanted: OpenRollout, rollout: OpenRollout) -> bool:
    """Tell whether both may be about the same problem."""
    return wanted.problem is None or rollout.problem is None or wanted.problem == rollout.problem


def fits(wanted: OpenRollout, rollout: OpenRollout) -> bool:
    """Tell whether neither split nor source speak against it."""
    if wanted.split != rollout.split:
        return False
    one, other = wanted.source, rollout.source
    return one == other or one is None or other is None or clean_source(one) == clean_source(other)
