"""Rollouts in one state, found by what a reward knows of its rollout."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

from llm_telemetry.sources import clean_source

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llm_telemetry.events import Split
    from llm_telemetry.session.rollouts import OpenRollout

_MOST_ALIKE = 64
"""A sign that more rollouts share than this is a setting, or a client: it tells nothing."""


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
        known = self.rollouts[0].signs.keys() | self.rollouts[0].reward_signs.keys()
        is_near = near is not None and near in self.rollouts and may_be_same(wanted, near)
        return self.likeness.problem or is_near or wanted.signs.keys() <= known


class Shelf:
    """Rollouts, each once, in order."""

    def __init__(self) -> None:
        """Hold none."""
        self._all: dict[tuple[int, int], OpenRollout] = {}
        self._places: defaultdict[tuple[object, ...], dict[tuple[int, int], OpenRollout]] = defaultdict(dict)
        """By what tells them apart: problem and signs."""
        self._sources: defaultdict[tuple[Split, str | None], dict[tuple[int, int], OpenRollout]] = defaultdict(dict)

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
        self._sources[rollout.split, _source(rollout)][rollout.key] = rollout
        for clue in _clues(rollout):
            self._places[clue][rollout.key] = rollout

    def remove(self, rollout: OpenRollout) -> None:
        """Take it away, if it is here."""
        if self._all.pop(rollout.key, None) is None:
            return
        _take(self._sources, (rollout.split, _source(rollout)), rollout)
        for clue in _clues(rollout):
            _take(self._places, clue, rollout)

    def like(self, wanted: OpenRollout, near: OpenRollout | None, *, other_words: bool) -> Match | None:
        """Return the rollouts that a reward is most like; `None` where nothing tells.

        Args:
            wanted: What the reward function was told.
            near: The rollout of the present task.
            other_words: The executor may know the same problem by another text.
        """
        found = {key: one for place in _clues(wanted) for key, one in self._at(place).items()}
        if near is not None and near in self:
            found[near.key] = near
        alike: defaultdict[Likeness, list[OpenRollout]] = defaultdict(list)
        for rollout in found.values():
            if fits(wanted, rollout) and (other_words or may_be_same(wanted, rollout)):
                alike[_likeness(wanted, rollout, near)].append(rollout)
        return Match(*max(alike.items())) if alike else None

    def any_of(self, wanted: OpenRollout) -> list[OpenRollout]:
        """Return one for a reward of which no more is known; none if it would matter which: they differ in source."""
        sources = [source for split, source in self._sources if split == wanted.split]
        exact = [source for source in sources if wanted.source is not None and source == _source(wanted)]
        fitting = exact or [source for source in sources if wanted.source is None or source is None]
        here = self._sources[wanted.split, fitting[0]].values() if len(fitting) == 1 else ()
        likely = [next((one for one in here if one.failed == wanted.blank), None), next(iter(here), None)]
        return [one for one in likely[: 1 + wanted.blank] if one is not None][:1]

    def _at(self, place: tuple[object, ...]) -> dict[tuple[int, int], OpenRollout]:
        here = self._places.get(place, {})
        return here if place[0] != "sign" or len(here) <= _MOST_ALIKE else {}


def _source(rollout: OpenRollout) -> str | None:
    return None if rollout.source is None else clean_source(rollout.source)


def _take(places: dict[Any, dict[tuple[int, int], OpenRollout]], place: object, rollout: OpenRollout) -> None:
    """Take a rollout from one place, and the place away when it is empty."""
    here = places.get(place, {})
    here.pop(rollout.key, None)
    if not here:
        places.pop(place, None)


def _clues(rollout: OpenRollout) -> Iterator[tuple[object, ...]]:
    if rollout.problem is not None:
        yield "problem", rollout.split, rollout.problem
    for sign in rollout.signs:
        yield "sign", rollout.split, sign


def _likeness(wanted: OpenRollout, rollout: OpenRollout, near: OpenRollout | None) -> Likeness:
    return Likeness(
        wanted.problem is not None and wanted.problem == rollout.problem,
        len(wanted.signs.keys() & rollout.signs.keys()),
        rollout is near,
        wanted.source is not None and rollout.source is not None,
    )


def may_be_same(wanted: OpenRollout, rollout: OpenRollout) -> bool:
    """Tell whether both may be about the same problem."""
    return wanted.problem is None or rollout.problem is None or wanted.problem == rollout.problem


def fits(wanted: OpenRollout, rollout: OpenRollout) -> bool:
    """Tell whether neither split nor source speak against it."""
    if wanted.split != rollout.split:
        return False
    known = wanted.source is not None and rollout.source is not None and wanted.source != rollout.source
    return not known or _source(wanted) == _source(rollout)
