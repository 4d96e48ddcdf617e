"""Which reward belongs to which execution: rollouts from their opening to their close.

A reward is computed in the task that has just executed the rollout, so the context tells them apart. Trainers that
execute a whole batch first and compute rewards afterwards are matched by the problem; a trainer that has no
executor opens its rollouts at the reward.
"""

from __future__ import annotations

import itertools
import logging
import os
import threading
from collections import defaultdict
from typing import TYPE_CHECKING

from llm_telemetry.events import Rollout
from llm_telemetry.sources import UNKNOWN, clean_source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from llm_telemetry.events import Split

log = logging.getLogger("llm_telemetry")

PATIENCE = 3
"""Flushes that a rollout from outside every step (an asynchronous producer's) waits for its reward."""


_numbers = itertools.count()


class Phase:
    """One training step or one validation, while it is open and after."""

    __slots__ = ("split", "step")

    def __init__(self, split: Split, step: int) -> None:
        """Name the split and the training step."""
        self.split = split
        self.step = step


class OpenRollout:
    """A rollout that may still get its reward."""

    __slots__ = ("closed", "failed", "flushes", "group", "key", "phase", "problem", "session", "source", "split")

    def __init__(
        self, split: Split, phase: Phase | None, source: str | None, problem: int | None, session: int = 0
    ) -> None:
        """Begin a rollout; `problem` is a fingerprint, see `items.problem_in`; `session` is the session's number."""
        self.session = session
        self.key = (os.getpid(), next(_numbers))
        """The same in every process that hears of this rollout."""
        self.split = split
        self.phase = phase
        self.source = source
        self.problem = problem
        self.group: str | int | None = None
        """What attempts at one item have in common, where it is told."""
        self.failed = False
        self.closed = False
        self.flushes = 0

    def close(self, reward: float | None) -> Rollout:
        """Return the frozen record; nothing can be added after."""
        self.closed = True
        return Rollout(self.split, self.source or UNKNOWN, reward, self.failed, self.group)


class RolloutBook:
    """The executed rollouts that wait for a reward.

    Args:
        record: Takes the record of each rollout that closes.
        look_around: Brings in executions of other processes, before a reward is taken for one without an execution.
    """

    def __init__(self, record: Callable[[Rollout], None], look_around: Callable[[], object] = lambda: None) -> None:
        self._record = record
        self._look_around = look_around
        self._lock = threading.RLock()  # looking around adds executions
        self._waiting: defaultdict[int | None, list[OpenRollout]] = defaultdict(list)
        self._executed: set[tuple[Split, int | None]] = set()
        self._told_late = False

    def executed(self, rollout: OpenRollout, *, failed: bool) -> None:
        """Note that the executor is done with `rollout`."""
        rollout.failed = failed
        if rollout.closed:  # an executor that computes the reward itself
            return
        with self._lock:
            self._waiting[rollout.problem].append(rollout)
            self._executed.add((rollout.split, rollout.problem))

    def rewarded(self, wanted: OpenRollout, last: OpenRollout | None, reward: float | None) -> None:
        """Close the rollout that `reward` belongs to.

        Args:
            wanted: What the reward function was told: split, source, problem.
            last: The rollout that this context executed last.
            reward: `None` when the reward function raised or returned nothing that is a number.
        """
        with self._lock:
            rollout = self._match(wanted, last)
            if rollout is None:
                self._look_around()
                rollout = self._match(wanted, last)
            if rollout is None:
                if self._is_repeat(wanted, last):
                    return
                rollout = wanted
            elif reward is None:
                return  # it may be computed again; if not, the flush closes it
            else:
                self._forget(rollout)
            rollout.source = rollout.source or wanted.source
            record = rollout.close(reward)
        self._record(record)

    def waiting(self, key: tuple[int, int]) -> OpenRollout | None:
        """Return the rollout with this key, if it waits for its reward."""
        with self._lock:
            return next((rollout for rollout in self._all_waiting() if rollout.key == key), None)

    def close(self, split: Split, phase: Phase | None) -> None:
        """Close, without a reward, what was executed in `phase` (`None`: in any) and not rewarded since."""
        with self._lock:
            gone = [r for r in self._all_waiting() if r.split == split and self._is_over(r, phase)]
            for rollout in gone:
                self._forget(rollout)
            self._executed = {key for key in self._executed if key[0] != split}
            records = [rollout.close(None) for rollout in gone]
        for record in records:
            self._record(record)

    def _match(self, wanted: OpenRollout, last: OpenRollout | None) -> OpenRollout | None:
        """Find the rollout of a reward: of this context; of this problem; of this context under another wording."""
        open_last = None if last is None or last.closed or not _compatible(wanted, last) else last
        if open_last is not None and _same_problem(wanted, open_last):
            return open_last
        waiting = [rollout for rollout in self._candidates(wanted) if _compatible(wanted, rollout)]
        if waiting:
            return min(waiting, key=lambda rollout: rollout.failed)
        return open_last if open_last is not None and open_last.phase is wanted.phase else None

    def _candidates(self, wanted: OpenRollout) -> Iterable[OpenRollout]:
        if wanted.problem is None:
            return self._all_waiting()
        return self._waiting.get(wanted.problem) or self._waiting.get(None) or ()

    def _is_repeat(self, wanted: OpenRollout, last: OpenRollout | None) -> bool:
        """Tell a second reward for a rollout (or one that comes too late) from the reward of a new rollout."""
        if (wanted.split, wanted.problem) in self._executed:
            return True
        too_late = last is not None and last.closed and _compatible(wanted, last) and _same_problem(wanted, last)
        if too_late and not self._told_late:
            self._told_late = True
            log.warning("a reward came after its training step was over: that rollout counts as wrong")
        return too_late

    def _is_over(self, rollout: OpenRollout, phase: Phase | None) -> bool:
        rollout.flushes += 1
        return phase is None or rollout.phase is phase or rollout.flushes > PATIENCE

    def _all_waiting(self) -> Iterable[OpenRollout]:
        return [rollout for rollouts in self._waiting.values() for rollout in rollouts]

    def _forget(self, rollout: OpenRollout) -> None:
        waiting = self._waiting.get(rollout.problem, [])
        if rollout in waiting:
            waiting.remove(rollout)
            if not waiting:
                del self._waiting[rollout.problem]


def _same_problem(wanted: OpenRollout, rollout: OpenRollout) -> bool:
    return wanted.problem is None or rollout.problem is None or wanted.problem == rollout.problem


def _compatible(wanted: OpenRollout, rollout: OpenRollout) -> bool:
    """Tell whether nothing speaks against the reward being this rollout's: neither split nor source."""
    sources = {clean_source(source) for source in (wanted.source, rollout.source) if source is not None}
    return wanted.split == rollout.split and len(sources) <= 1
