"""A rollout from its opening to its close, and the step or validation that it is made in."""

from __future__ import annotations

import itertools
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from llm_telemetry.events import Rollout
from llm_telemetry.sources import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llm_telemetry.events import Id, Split
    from llm_telemetry.session.signs import Sign

_numbers = itertools.count()
_process = [0]


def _draw() -> None:
    _process[0] = int.from_bytes(os.urandom(7), "big")


_draw()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_draw)


def fresh_id() -> Id:
    """Return an id that nothing else has, in any process of any machine: ids of processes are used again."""
    return _process[0], next(_numbers)


class Phase:
    """One training step or one validation, while it is open and after."""

    __slots__ = ("split", "step")

    def __init__(self, split: Split, step: int) -> None:
        """Name the split and the training step."""
        self.split = split
        self.step = step


@dataclass(eq=False, slots=True)
class OpenRollout:
    """A rollout that may still get its reward."""

    split: Split
    phase: Phase | None
    source: str | None
    problem: int | None
    """A fingerprint, see `items.problem_in`."""
    session: int = 0
    """The session's number."""
    key: Id = field(default_factory=fresh_id)
    """The same in every process that hears of this rollout."""
    reward_keys: tuple[Id, ...] = ()
    """Of the openings by which its rewards were computed: their calls and evaluations are its own."""
    group: str | int | None = None
    """What attempts at one item have in common, where it is told."""
    parts: tuple[tuple[str, float | None], ...] = ()
    """What its reward is made of, where it is told."""
    tokens: int | None = None
    """Of its completion, where an engine of the trainer's own has generated it."""
    signs: Mapping[Sign, object] = field(default_factory=dict)
    """Of what the executor was given, and has returned."""
    reward_signs: Mapping[Sign, object] = field(default_factory=dict)
    """Of what its reward function was given."""
    blank: bool = False
    """Its reward function was given no answer, as for a rollout that failed."""
    answer: tuple[object, ...] = ()
    """What its trajectory is known again by, where there is no executor."""
    said: str | None = None
    """The answer's text, where there is no executor; held until it is closed."""
    previous: OpenRollout | None = None
    """The one that was executed before it in the same task."""
    failed: bool = False
    repeated: bool = False
    """It failed, and the same task then executed its problem again."""
    reward: float | None = None
    tried: bool = False
    """A reward was computed for it that could not be read."""
    contradicted: bool = False
    guessed: bool = False
    """Nothing told that its reward is its own; it could not matter as long as there are as many as rollouts."""
    verdict: bool | None = None
    """What the judge has said of it."""
    wrong: bool = False
    """It got no reward, and such rollouts are said to be wrong."""
    held: bool = False
    """It waits for its reward beyond the end of its step."""
    closed: bool = False
    flushes: int = 0

    def follow(self, previous: OpenRollout | None) -> None:
        """Know what was executed before it in the same task, as far as that may still get a reward."""
        while previous is not None and previous.closed:
            previous = previous.previous
        self.previous = previous

    def take(self, reward: float | None) -> None:
        """Take a reward; `None` is one that could not be read. Of two that differ it is not known which one counts."""
        if reward is None:
            self.tried = True
            return
        self.contradicted |= self.reward not in (None, reward)
        self.reward = None if self.contradicted else reward

    def doubt(self, split: Split) -> None:
        """Take back a reward of which nothing tells that it is its own."""
        if self.guessed and self.split == split:
            self.reward = None

    def close(self) -> Rollout:
        """Return the frozen record; nothing can be added after."""
        self.closed = True
        self.previous = self.said = None
        return Rollout(
            self.split,
            self.source or UNKNOWN,
            self.reward,
            self.failed,
            self.problem if self.group is None else self.group,
            self.parts,
            self.tokens,
            (self.key, *self.reward_keys),
            self.wrong,
        )
