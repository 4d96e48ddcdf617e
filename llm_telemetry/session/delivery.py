"""From the lines of other processes to the owner's books."""

from __future__ import annotations

from collections import deque
from threading import get_ident
from typing import TYPE_CHECKING, Any

from llm_telemetry.session.foreign import Executed, Rewarded
from llm_telemetry.session.rollouts import OpenRollout, Phase
from llm_telemetry.session.turn import Turn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from llm_telemetry.events import Event, Split
    from llm_telemetry.session.foreign import ToldRollout
    from llm_telemetry.session.matching import RolloutBook
    from llm_telemetry.session.reader import SpoolReader


class Delivery:
    """Gives to the owner what its children have seen.

    The execution that a reward belongs to may stand in any file, and be written while others are read. So executions
    are given as they come and rewards when all files have been read; for one that finds none all are looked at again.

    Args:
        book: Takes executions and rewards, which may be of different processes.
        record: Takes events.
        open_one: Returns the owner's step or validation that is under way.
    """

    def __init__(
        self, book: RolloutBook, record: Callable[[Any], None], open_one: Callable[[Split], Phase | None]
    ) -> None:
        self._book = book
        self._record = record
        self._open_one = open_one
        self._coming: dict[Split, Phase] = {}
        """What the owner has not begun yet, where a rank has told of a rollout in it."""
        self._rewards: deque[Rewarded] = deque()
        self._phase: Phase | None = None
        self._turn = Turn()
        self._thread = 0
        """Whose turn it is."""
        self._looked = 0
        """How many texts had been read when all files were looked at."""

    def begin(self, split: Split, step: int) -> Phase:
        """Return the owner's next step or validation; what ranks that are ahead have done of it is of it."""
        phase = self._coming.pop(split, None) or Phase(split, step)
        phase.step = step
        return phase

    def make(self, children: SpoolReader, phase: Phase | None) -> None:
        """Give what is new.

        Args:
            children: Where it is.
            phase: The step or validation that it belongs to, where that is not told; without one it is training.
        """
        if not self._turn.take(wait=False):
            self._look(children)
            return
        self._thread, self._phase = get_ident(), phase
        try:
            self._give(children.take(self._split))
            while self._rewards:
                self._reward(self._rewards.popleft())
        finally:
            self._turn.give()

    def finish(self, children: SpoolReader, phase: Phase | None) -> bool:
        """Give what is new, and wait for those who have not said that they are done; true if there are such now."""
        before = children.unclosed
        self.make(children, phase)  # who is known to be dead is not waited for
        children.wait_for_ranks()
        return children.unclosed > before

    def _look(self, children: SpoolReader) -> None:
        """Look at all files, unless that was done since the reward that it is for was read: its execution was there."""
        if self._thread == get_ident() and self._looked == children.texts:
            return
        self._looked = children.texts
        self._give(children.look(self._split))

    def _give(self, told: Iterable[Event | Executed | Rewarded]) -> None:
        for one in told:
            if isinstance(one, Rewarded):
                self._rewards.append(one)
            elif isinstance(one, Executed):
                self._book.executed(self._opened(one.rollout), failed=one.failed)
            else:
                self._record(one)

    def _reward(self, told: Rewarded) -> None:
        last = told.last and self._book.waiting(told.last.key)
        self._book.rewarded(self._opened(told.wanted), last, told.reward)

    @property
    def _split(self) -> Split:
        return self._phase.split if self._phase else "train"

    def _opened(self, told: ToldRollout) -> OpenRollout:
        """Open here a rollout that another process tells of."""
        split, phase = self._split, self._phase
        if told.split is not None and (phase is None or split != told.split):
            split = told.split
            phase = self._open_one(split) or self._coming.setdefault(split, Phase(split, 0))
        return OpenRollout(split, phase, told.source, told.problem, key=told.key, group=told.group)
