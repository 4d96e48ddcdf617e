"""Which reward belongs to which execution: rollouts from the end of their execution to their close.

A reward tells its rollout by the problem, by objects that the executor was given or has returned, or by being computed
in the task that has executed it (`shelf.Likeness`). Where nothing tells, and the rollouts that wait are of more than
one source, the reward is unmatched: a guess would put it into the wrong dataset. A trainer that has no executor opens
its rollouts at the reward.
"""

from __future__ import annotations

import threading
from collections import defaultdict
from typing import TYPE_CHECKING

from llm_telemetry.events import UnmatchedReward
from llm_telemetry.notices import Notices
from llm_telemetry.session.repeats import Answers
from llm_telemetry.session.shelf import Shelf, fits, may_be_same

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from llm_telemetry.events import Event, Rollout, Split
    from llm_telemetry.session.rollouts import OpenRollout, Phase

PATIENCE = 3
"""Flushes that a rollout from outside every step (an asynchronous producer's) waits for its reward."""

A_STEP_LATE = (
    "rewards come a step later than the rollouts: a rollout counts in the payload of the step in which it is rewarded"
)
LATE = "a reward came after its training step was over: that rollout is unscored"
UNMATCHED = (
    "a reward could not be given to a rollout: nothing that its function is told (the problem, the "
    "item, its source, what the executor has returned) says which of those that wait. It counts in "
    "dataset/unmatched_rewards and in no accuracy; give the function one of these"
)
UNREWARDED = (
    "%d of %d rollouts of this step have got no reward: they count in dataset/{source}/unscored and in "
    "no accuracy. If they are wrong, let the executor say so (success=False), or raise; or say it of all that get "
    "none: unrewarded_is_wrong=True"
)
NOT_CALLED = (
    "not one of the first %d rollouts has got a reward: the function that is watched for rewards was not called. They "
    "count in dataset/{source}/unscored and in no accuracy; print the handle to see which function it is, and name the "
    'one that rewards them: reward="…"'
)
CONTRADICTORY = "a rollout was given two rewards that differ: which one counts is not known, so it is unscored"


class RolloutBook:
    """The rollouts that are executed and not closed yet.

    Args:
        record: Takes the record of each rollout that closes, and of each reward that is nobody's.
        look_around: Brings in executions of other processes, before a reward is taken for one without an execution.
        tell: Says something in the log, once.
        waiting: Returns the events that are recorded and not booked yet.
    """

    def __init__(
        self,
        record: Callable[[Rollout | UnmatchedReward], None],
        look_around: Callable[[], object] = lambda: None,
        tell: Notices | None = None,
        waiting: Callable[[], Iterable[Event]] = tuple,
    ) -> None:
        self._record = record
        self._look_around = look_around
        self._lock = threading.RLock()  # a signal handler may come in between, and execute or reward
        self._waiting = Shelf()
        self._rewarded = Shelf()
        self._executing: set[Split] = set()
        """Splits in which rollouts open at their execution, not at their reward."""
        self._left_over: set[Split] = set()
        """Splits in which a reward was nobody's since the last close."""
        self._rewarding: set[Split] = set()
        """Splits in which a reward was computed."""
        self._late: set[Split] = set()
        """Splits in which rewards come a step late."""
        self.expects_rewards = False
        """There is a reward function: where a first step does not call it, the next one may."""
        self.unrewarded_is_wrong = False
        """A rollout that gets no reward is wrong, where others have got one."""
        self._same_words = False
        """Whether executor and reward function are told the problem by the same text."""
        self._tell = tell or Notices()
        self.answers = Answers(self._tell, waiting)

    def has_executor(self, split: Split) -> bool:
        """Tell whether rollouts of this split open at their execution, and not at their reward."""
        return split in self._executing

    def begun(self, rollouts: Iterable[OpenRollout]) -> None:
        """Let rollouts of a batch have their rewards while the executor is at work on the rest."""
        with self._lock:
            for rollout in rollouts:
                self._executing.add(rollout.split)
                self._waiting.add(rollout)

    def forget(self, rollouts: Iterable[OpenRollout]) -> None:
        """Know nothing of rollouts that have come to something else."""
        with self._lock:
            for rollout in rollouts:
                self._waiting.remove(rollout)

    def executed(self, rollout: OpenRollout, *, failed: bool) -> None:
        """Note that the executor is done with `rollout`."""
        with self._lock:
            self._waiting.remove(rollout)
            rollout.failed = failed
            self._executing.add(rollout.split)
            if not rollout.closed and rollout not in self._rewarded:  # an executor may compute the reward itself
                self._waiting.add(rollout)
            before = rollout.previous
            if before is not None and before.failed and before in self._waiting and rollout.problem is not None:
                before.repeated |= before.problem == rollout.problem

    def rewarded(self, wanted: OpenRollout, last: OpenRollout | None, reward: float | None) -> None:
        """Give `reward` to the rollout that it belongs to.

        Args:
            wanted: What the reward function was told: split, source, problem, signs.
            last: The rollout that is being executed, or that this context executed last.
            reward: `None` when the reward function raised or returned nothing that is a number.
        """
        with self._lock:
            self._rewarding.add(wanted.split)
            found = self._find(wanted, last, sure=wanted.problem is not None)  # without one a look tells no more
            for rollout in found:
                self._give(rollout, wanted, reward)
        if found:
            return
        self._look_around()  # in no lock: what comes of it is recorded, and then a collector of the user's may run
        if not self._give_now(wanted, last, reward):
            self._tell(UNMATCHED)
            self._record(UnmatchedReward(wanted.split, reward))

    def _give_now(self, wanted: OpenRollout, last: OpenRollout | None, reward: float | None) -> bool:
        """Give `reward` to a rollout by all that is known now; tell whether there is one."""
        with self._lock:
            found = self._find(wanted, last)
            if not found and wanted.split not in self._executing:
                found = [self._opened_before(wanted) or self.answers.before(wanted) or wanted]
                if found == [wanted]:
                    self.answers.opened(wanted)
            for rollout in found:
                self._give(rollout, wanted, reward)
            if not found:
                self._left_over.add(wanted.split)
            return bool(found)

    def _give(self, rollout: OpenRollout, wanted: OpenRollout, reward: float | None) -> None:
        if rollout.closed:
            if rollout not in self._rewarded:
                self._tell(LATE)
            return
        if rollout.held:
            self._late.add(rollout.split)
            self._tell(A_STEP_LATE)
        self._same_words |= rollout is not wanted and wanted.problem is not None and rollout.problem == wanted.problem
        if not self._waiting.remove(rollout):
            self._rewarded.remove(rollout)
        rollout.source = rollout.source or wanted.source
        rollout.reward_signs = wanted.signs
        if wanted is not rollout:
            rollout.reward_keys = (*rollout.reward_keys, wanted.key)
        rollout.take(reward)
        if rollout.contradicted:
            self._tell(CONTRADICTORY)
        may_come = reward is None and rollout is not wanted and not rollout.contradicted and rollout.reward is None
        (self._waiting if may_come else self._rewarded).add(rollout)

    def waiting(self, key: tuple[int, int]) -> OpenRollout | None:
        """Return the rollout with this key, if it waits for its reward."""
        with self._lock:
            return self._waiting.get(key)

    def expected(self, wanted: OpenRollout, last: OpenRollout | None) -> OpenRollout | None:
        """Return the rollout that a reward will belong to, as far as that is known before it is computed."""
        with self._lock:
            found = self._find(wanted, last, guess=False)
        return found[0] if len(found) == 1 else None

    def settle(self, split: Split) -> None:
        """Record what has its reward; the rest may still get one."""
        with self._lock:
            records = [one.close() for one in self._rewarded if one.split == split and not one.closed]
        for record in records:
            self._record(record)

    def close(self, split: Split, phase: Phase | None) -> None:
        """Record what was executed in `phase` (`None`: in any), rewarded or not, and forget it."""
        if not (self._waiting or self._rewarded):  # nothing is executed here
            with self._lock:
                self._left_over.discard(split)
                self.answers.forget(split)
            return
        with self._lock:
            if split in self._left_over:  # there were more rewards than rollouts: which ones they are of was no matter
                for rollout in self._rewarded:
                    rollout.doubt(split)
                self._left_over.discard(split)
            hopes = split in self._late or self._may_be_late(split)
            waited = [one for one in self._waiting if one.split == split and self._is_over(one, phase, hopes=hopes)]
            again = _retries([*waited, *(one for one in self._rewarded if one.split == split)])
            left = [one for one in waited if one.key not in again]
            missing = [one for one in left if not one.failed and not one.tried]
            settled = [one for one in self._rewarded if one.split == split]
            for one in missing:
                one.wrong = self.unrewarded_is_wrong and split in self._rewarding
            if missing and settled and not self.unrewarded_is_wrong:
                self._tell(UNREWARDED, len(missing), len(left) + len(settled))
            if any(one.held for one in missing) and split not in self._rewarding:  # nor in the step they waited for
                self._tell(NOT_CALLED, len(missing))
            for one in waited:
                self._waiting.remove(one)
            for one in settled:
                self._rewarded.remove(one)
            records = [one.close() for one in settled if not one.closed]
            records += [record for one, record in [(one, one.close()) for one in waited] if one.key not in again]
            self.answers.forget(split)
        for record in records:
            self._record(record)

    def _find(
        self, wanted: OpenRollout, last: OpenRollout | None, *, guess: bool = True, sure: bool = False
    ) -> list[OpenRollout]:
        """Return the rollout of a reward; several, if it is a repeated reward of one of them; none if none fits.

        Args:
            wanted: What the reward function was told.
            last: As in `rewarded`.
            guess: The reward is given: where nothing tells, the rollout is marked.
            sure: None, either, where nothing tells.
        """
        if wanted is last:
            return [wanted]
        last = last if last is not None and fits(wanted, last) else None
        is_rewarded = last in self._rewarded
        if last is not None and not (is_rewarded or last.closed or last in self._waiting):
            self._executing.add(last.split)  # it is under way, which in the first step nothing else has told yet
            return [last]
        near = last if is_rewarded or (last is not None and self._is_alone(last)) else None
        fresh = self._waiting.like(wanted, near, other_words=not self._same_words)
        is_told = fresh is not None and fresh.likeness.problem  # what is like it by less does not come before it
        again = None
        if wanted.split in self._executing:
            again = self._rewarded.like(wanted, near, other_words=True, same_problem=is_told)
        if again is not None and again.is_sure(wanted, near) and (fresh is None or again.comes_before(fresh, wanted)):
            return again.rollouts
        found = fresh.one_for(wanted) if fresh is not None else []
        if fresh is None and not sure and (wanted.problem is None or not self._same_words):
            found = self._waiting.any_of(wanted)
        for rollout in found if guess and (fresh is None or fresh.is_weak(wanted)) else ():
            rollout.guessed = True
        if found or sure or fresh is not None:
            return found
        is_late = last is not None and last.closed and may_be_same(wanted, last)
        return [last] if last is not None and is_late and not any(fits(wanted, one) for one in self._waiting) else []

    def _opened_before(self, wanted: OpenRollout) -> OpenRollout | None:
        """Return the rollout that an earlier reward of the same answer has opened."""
        alike = self._rewarded.like(wanted, None, other_words=False) if wanted.answer else None
        same = (one for one in (alike.rollouts if alike else ()) if one.answer == wanted.answer)
        return next(same, None)

    def _is_alone(self, last: OpenRollout) -> bool:
        """Tell whether no other rollout of its task waits for a reward."""
        before = last.previous
        while before is not None and (before.failed or before not in self._waiting):
            before = before.previous
        last.previous = before
        return before is None

    def _may_be_late(self, split: Split) -> bool:
        """Tell whether the next step may reward what this one has not: as long as nothing was rewarded, and once."""
        self.expects_rewards &= not any(one.held for one in self._waiting)
        return self.expects_rewards and split == "train" and split not in self._rewarding

    def _is_over(self, rollout: OpenRollout, phase: Phase | None, *, hopes: bool) -> bool:
        rollout.flushes += 1
        if phase is None or rollout.held or rollout.flushes > PATIENCE:
            return True
        rollout.held = rollout.phase is phase and hopes and not (rollout.failed or rollout.tried)
        return rollout.phase is phase and not rollout.held


def _retries(rollouts: Iterable[OpenRollout]) -> set[tuple[int, int]]:
    """Return the keys of failed executions that were tried again, rather than samples of one problem.

    Both look alike in the task that makes them. They differ in number: the problems that nothing was repeated for tell
    how many samples each problem has.
    """
    problems: defaultdict[int | None, list[OpenRollout]] = defaultdict(list)
    for rollout in rollouts:
        problems[rollout.problem].append(rollout)
    samples = {len(group) for group in problems.values() if not any(one.repeated for one in group)}
    again = set()
    for group in problems.values():
        repeated = [one.key for one in group if one.repeated]
        if samples == {len(group) - len(repeated)}:
            again.update(repeated)
    return again
