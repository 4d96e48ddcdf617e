"""The one owner of mutable state: it takes events, and at the end of each step makes the payload."""

from __future__ import annotations

import itertools
import time
from functools import partial
from typing import TYPE_CHECKING, Any

from llm_telemetry.collectors import keys
from llm_telemetry.events import SPLITS, STEP_KEY, Event, Payload, Rollout, Split
from llm_telemetry.guard import Failures, attempt, guarded, log, owned
from llm_telemetry.judging.comparisons import Comparisons
from llm_telemetry.judging.contradictions import Contradictions
from llm_telemetry.judging.readers import reader_of
from llm_telemetry.notices import Notices
from llm_telemetry.session.counts import Counts
from llm_telemetry.session.delivery import Delivery
from llm_telemetry.session.folders import fresh_folder
from llm_telemetry.session.inbox import BATCH, Inbox
from llm_telemetry.session.items import SourceIndex
from llm_telemetry.session.matching import RolloutBook
from llm_telemetry.session.outbox import Outbox
from llm_telemetry.session.reader import SpoolReader
from llm_telemetry.session.roles import KnownParts
from llm_telemetry.session.rollouts import Phase
from llm_telemetry.session.spool import ForwardedRollouts, SpoolWriter
from llm_telemetry.session.theirs import complete
from llm_telemetry.stopping import Stopping

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from llm_telemetry.settings.config import Config

AGAIN = (
    "step %d begins, but this run had reached step %d before: it goes on from an older checkpoint. What was spent on "
    "the steps that are done again stays in the totals of the run."
)
_numbers = itertools.count(1)


class Session:
    """What is known about one watched trainer.

    Events come from any thread, and no thread waits for another one but to flush, or to read what is counted.

    Args:
        config: The settings.
        sinks: Where payloads go, in this order.
        facts: Numbers about telemetry itself for every payload, from those who know them.
    """

    def __init__(
        self, config: Config, sinks: Sequence[Any] = (), facts: Callable[[], Mapping[str, float]] | None = None
    ) -> None:
        self.number = next(_numbers)  # by which it is told apart, also from sessions that are gone
        self.config = config
        self._facts = facts
        self.sources = SourceIndex(config.source)
        self.counts = Counts(config)
        self.tell = Notices()
        self.contradictions = Contradictions(config.threshold)
        self.children = SpoolReader(fresh_folder())
        self.failures = Failures(strict=config.strict)
        self._inbox = Inbox(self.failures, self.counts.theirs.hear)
        book = RolloutBook(self.record, self._hear_children, self.tell, self._inbox.waiting.copy)
        self.rollouts: RolloutBook | ForwardedRollouts = book
        self._delivery = Delivery(book, self.record, self.open_one)
        self.reader = reader_of(config)
        self._outbox = Outbox(sinks)
        self.before_phase: list[Callable[[], object]] = []
        self.before_flush: list[Callable[[], object]] = []
        self.trains: bool | None = True
        """Whether there is any training; `None` until there is, where it is not known beforehand."""
        self.step = 0
        self.latest: dict[Split, Payload] = {}
        self.reached: int | None = None
        """The step that a former process of this run has reached; `None` where there was none."""
        self._inbox.listeners = self.counts.listeners(book.answers.given)
        self._phases: list[Phase] = []
        self._interrupted: dict[Split, Phase] = {}
        self._former_errors = 0
        self.stopping = Stopping(config)
        self.comparisons = Comparisons()
        self.parts = KnownParts()
        self._asks_user = callable(config.threshold)  # in no lock of ours: not where rollouts are counted
        self._forward: SpoolWriter | None = None
        self.closed = False

    def record(self, event: Event) -> None:
        """Take one event; from any thread, at any time."""
        if self._forward is not None:
            self._forward.record(event)
            return
        if self._asks_user and isinstance(event, Rollout):
            event = self._decided(event)
        waiting = self._inbox.waiting
        waiting.append(event)
        if len(waiting) >= BATCH:
            self._inbox.relieve()

    @owned
    def _decided(self, rollout: Rollout) -> Rollout:
        return rollout._replace(correct=self.counts.dataset.is_right(rollout))

    def counted(self) -> Counts:
        """Return what is counted, all that waits booked; in the middle of counting, what there is."""
        self._inbox.empty()
        return self.counts

    @property
    def is_child(self) -> bool:
        """Whether another process is the owner of what is seen here."""
        return self._forward is not None

    def become_child(self) -> SpoolWriter:
        """Count nothing in a forked child: the parent, or who the parent itself tells, is the owner."""
        self.forward_to(writer := SpoolWriter(self._forward.folder if self._forward else self.children.folder))
        return writer

    def forward_to(self, writer: SpoolWriter) -> None:
        """Count nothing here from now on: tell the owner, in another process, what is seen."""
        # a fork may have caught the turn taken, by a thread that is not here
        self._inbox = Inbox(self.failures, self.counts.theirs.hear)
        self._forward = writer
        self.rollouts = ForwardedRollouts(writer)
        self._outbox = Outbox(())
        self.before_phase.clear()

    @owned
    @guarded
    def _hear_children(self, ending: Phase | None = None) -> None:
        """Take in what other processes have seen; `ending` is the phase that is about to be flushed."""
        if isinstance(self.rollouts, RolloutBook):
            self._delivery.make(self.children, ending or self.phase)

    def _hear_the_last(self) -> None:
        if self._delivery.finish(self.children, self.phase):
            self._inbox.dirty.add("train")  # there is something to tell, whatever else there is

    @property
    def phase(self) -> Phase | None:
        """The innermost open step or validation."""
        return self._phases[-1] if self._phases else None

    def open_one(self, split: Split) -> Phase | None:
        """Return the latest training step or validation that is under way."""
        return next((phase for phase in reversed(self._phases) if phase.split == split), None)

    def is_open(self, phase: Phase | None) -> bool:
        """Tell whether this step or validation is under way."""
        return phase in self._phases

    @owned
    def open_phase(self, split: Split, step: int | None) -> Phase:
        """Begin a training step or a validation; without a number it is the next, or the current, step."""
        hear = [self._hear_children] if split == "val" else []  # what others have seen so far is no part of it
        for prepare in (*self.before_phase, *hear):
            prepare()
        if step is None:
            step = self.step + 1 if split == "train" else self._phases[-1].step if self._phases else self.step
        phase = self._interrupted.get(split)
        if phase is not None and phase.step != step:
            self.flush(phase)
            phase = None
        phase = phase or self._delivery.begin(split, step)
        self._phases.append(phase)
        if self._forward is not None:
            self._forward.knows_split = True
        if split == "train":
            self.trains = True
            if self.reached is not None and step <= self.reached:
                log.warning(AGAIN, step, self.reached)
                self.reached = None
        return phase

    def close_phase(self, phase: Phase, error: BaseException | None) -> None:
        """End it, and flush; after an exception the window stays open, for the trainer may try the step again."""
        if phase not in self._phases:
            return
        self._phases.remove(phase)
        if error is not None:
            self._interrupted[phase.split] = phase
            return
        if phase.split == "train":
            self.step = phase.step
        self.flush(phase)

    def end_window(self, step: int) -> None:
        """Make the payload of what has happened since the last one, where steps have no function of their own."""
        if not self._phases and not self.is_child:
            self.step = step
            self.trains = self.trains is not False
            self.flush(Phase("train", step), manual=True, everything=True)

    @owned
    @guarded
    def flush(self, phase: Phase, *, manual: bool = False, everything: bool = False) -> Payload | None:
        """Make the payload of what happened since the last flush of this split, give it to the sinks, and return it.

        There is none for a validation, or in between, when nothing was seen.

        Args:
            phase: The step or validation that has ended.
            manual: It has not ended; rollouts may still get their reward.
            everything: Close the rollouts of all other phases too: nobody will reward them any more.
        """
        if self.closed or self._forward is not None:
            return None
        self._hear_children(phase)
        self._interrupted.pop(phase.split, None)
        self.check_hooks()
        self.counted()  # calls belong to the window that their rollouts are closed with
        if everything or not manual:
            self.rollouts.close(phase.split, None if everything else phase)
        else:
            self.rollouts.settle(phase.split)
        if self._inbox.turn.is_mine or self.counts.theirs.turn.is_mine:
            return None  # this thread is in the middle of counting: what there is stays for the next flush
        with self.counts.theirs.turn.held():  # one after the other: none overtakes while the user's collectors work
            payload = self._make_payload(phase, manual=manual)
        if payload is not None:
            self.latest[payload.split] = payload
            self._outbox.send()
            self.stopping.look(payload)
        return payload

    def _make_payload(self, phase: Phase, *, manual: bool) -> Payload | None:
        """Put what there is to tell into the outbox, and return it; what comes meanwhile is of the next window."""
        with self._inbox.turn.held():
            self._inbox.book()
            if phase.split not in self._inbox.dirty and (manual or phase.split == "val"):
                return None
            payload = self._count(phase)
            alerts, unheard = self.counts.check(payload), self.counts.theirs.waiting()
            self.counts.begin(phase.split)
            self._inbox.dirty.discard(phase.split)
        values: dict[str, float] = {}
        try:
            self.counts.theirs.collect_into(values, phase.split, unheard)
        finally:  # also where they are interrupted: what is counted is told
            payload = complete(payload, values, self._errors())
            self._outbox.add(payload, alerts)
        return payload

    def _count(self, phase: Phase) -> Payload:
        """Return what is counted; no window ends here, so that nothing is lost where this fails."""
        self.counts.settle(phase.split)
        split: Split = phase.split if self.trains or phase.split == "val" else "eval"
        counted = self.counts.collect(phase, split)
        evidence = tuple(one._replace(split=split) for one in self.counts.evidence.kept(phase.split, phase.step))
        own = {STEP_KEY: phase.step, keys.TELEMETRY_ERRORS.name: 0}
        values = {**counted, **own, **self.children.facts(), **(self._facts() if self._facts is not None else {})}
        return Payload(phase.step, split, values, {}, time.time(), self.state(), evidence, self.counts.steps)

    def state(self) -> dict[str, Any]:
        """Return the counts of the run and the step reached, for `restore` in another process."""
        heard = attempt(self.children.mark) or {}
        return {"step": self.step, "errors": self._errors(), **heard, **self.counts.state()}

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on with the counts of a former process of the same run."""
        with self._inbox.turn.held() as mine:
            if mine:
                self.counts.restore(state)
                self._former_errors = state["errors"]
                self.step = self.reached = state["step"]
                self.children.go_on(state.get("heard"))

    def _errors(self) -> int:
        return self._former_errors + self.failures.total()

    def flush_rest(self, *, everything: bool = False) -> None:
        """Flush what no step's end has flushed: an open or interrupted step, and what happened after the last one.

        Args:
            everything: No reward is to be expected any more: close all rollouts.
        """
        for split in SPLITS:
            open_phase = next((phase for phase in self._phases if phase.split == split), None)
            phase = open_phase or self._interrupted.get(split) or Phase(split, self.step)
            self.flush(phase, manual=True, everything=everything or open_phase is None)

    @owned
    def check_hooks(self) -> None:
        """Put back what somebody has removed."""
        for prepare in self.before_flush:
            prepare()

    @owned
    def close(self) -> None:
        """Flush the rest and close the sinks; in a child only go silent."""
        if self.closed:
            return
        rest = partial(self.flush_rest, everything=True)
        own = (self._hear_the_last, rest, self._outbox.close, self.children.remove)
        for end in own if self._forward is None else (self._forward.close,):
            attempt(end)
        self.closed = True
