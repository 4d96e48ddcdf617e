"""The rider of one W&B run: rows of ours travel in the rows that the trainer itself opens and closes."""

from __future__ import annotations

import atexit
import os
import threading
from typing import TYPE_CHECKING, Any, Literal

from llm_telemetry.guard import guarded, log
from llm_telemetry.sinks.wandb import access, rows
from llm_telemetry.sinks.wandb.backlog import Backlog
from llm_telemetry.sinks.wandb.passage import DROPPED, Passage
from llm_telemetry.sinks.wandb.writer import OURS, RowWriter

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from llm_telemetry.sinks.wandb.passage import Fate, Tally
    from llm_telemetry.sinks.wandb.rows import Call, Row


_read_call = guarded(rows.read_call)


class Rider:
    """Watches one run's `log`, and writes our rows to it, never moving its counter ahead of the trainer."""

    def __init__(  # noqa: PLR0913 - what others do at its turns, by keyword
        self,
        run: Any,
        tally: Tally,
        *,
        rescue: bool = False,
        before_end: Callable[[], object] = lambda: None,
        before_row: Callable[[int], Callable[[], None] | None] = lambda _step: None,
        prefix: Callable[[], str] = str,
    ) -> None:
        self.run = run
        self._before_end = before_end
        self._before_row = before_row
        self._tally = tally
        self._rescue = rescue
        self._pid = os.getpid()
        self._lock = threading.RLock()
        self._busy = False
        self._watching = True
        self._ended = False
        self._queue = Backlog()
        self._totals: dict[str, float] = {}
        self._refused: Row | None = None  # what W&B did not take at the first attempt
        self._named: int | None = None  # the open row's step, where the trainer has given it
        self._calls: set[object] = set()  # the trainer's calls that are on their way, in all threads
        self._writer = RowWriter(run, prefix)
        self._forget_end = self._await_end()
        self._unwatch = self._watch()

    @property
    def is_live(self) -> bool:
        """Whether the run takes rows from this process."""
        return os.getpid() == self._pid and access.is_live(self.run)

    def add(self, row: Row, totals: Mapping[str, float]) -> None:
        """Queue `row`, write it where its own row is open, and show the `totals` at once in the run's summary."""
        with self._lock:
            self._totals.update(totals)
            self._tally.missed += self._queue.add(row)
            if self._ended:
                self._put_rest()
            elif not self._busy and not self._calls:
                self._fill()
            self._writer.show(self._totals)

    def close(self) -> None:
        """Stop watching; rows that would move the counter, were they written now, wait for the run's end."""
        with self._lock:
            if self._queue and self.is_live and self._writer.ask() == self._writer.first_free:
                self._send_oldest(self._writer.counter)
            if not self._queue or not self.is_live:
                self._forget_end()
            self._stop_watching()

    # Watching

    def _watch(self) -> list[Callable[[], None]]:
        """Override, on this one run, the methods through which all ways to log and to define a metric go."""
        log_name = "_log" if hasattr(self.run, "_log") else "log"
        metric_name = "_define_metric" if hasattr(self.run, "_define_metric") else "define_metric"
        return [
            access.override(self.run, log_name, self._observe_log),
            access.override(self.run, metric_name, self._observe_metric),
        ]

    def _stop_watching(self) -> None:
        self._watching = False
        while self._unwatch:
            self._unwatch.pop()()

    def _await_end(self) -> Callable[[], None]:
        """Have `_end` called when the run finishes, or else when the process does."""
        cancel = access.at_finish(self.run, self._end)
        # W&B's own exit handler was registered by `init`, before this one, and therefore comes after it.
        atexit.register(self._end)

        def forget() -> None:
            cancel()
            atexit.unregister(self._end)

        return forget

    def _observe_metric(self, *args: Any, **kwargs: Any) -> Any:
        """Make the trainer's call; the x-axis of that key is the trainer's from now on."""
        self._learn_axis(args[0] if args else kwargs.get("name"))
        return self._writer.define(*args, **kwargs)

    @guarded
    def _learn_axis(self, name: Any) -> None:
        if isinstance(name, str):
            self._writer.keys.settle(name)

    def _observe_log(self, *args: Any, **kwargs: Any) -> Any:
        """Make the trainer's call, once and as it is, with what is ours before and after it."""
        if not self._watching or os.getpid() != self._pid:
            return self._writer.log(*args, **kwargs)
        if OURS.get():  # a row of another rider's
            self._writer.follow(args, kwargs)
            return self._writer.log(*args, **kwargs)
        self._calls.add(this := object())
        try:
            call = _read_call(*args, **kwargs)
            and_then = None if call is None else self._tell_row(call)
            with self._lock:
                passage = None if call is None else self._before(call)
                is_quick = passage is not None and passage.fate in {"together", "ahead"}
                result = self._pass_on(passage, args, kwargs) if is_quick else None
            if not is_quick:  # no thread waits for another one's slow picture
                result = self._pass_on(passage, args, kwargs)
        finally:
            self._calls.discard(this)
        if and_then is not None:
            and_then()
        return result

    def _pass_on(self, passage: Passage | None, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
        """Make the trainer's call, with a row of ours in it if there is one that W&B takes."""
        row = None if passage is None else passage.row
        together = None if row is None else self._writer.put_into(row, args, kwargs)
        if row is not None:
            self._settle_row(row, taken=together is not None)
        result = self._writer.log(*args, **kwargs) if together is None else together[0]
        if passage is not None:
            self._after(passage)
        return result

    @guarded
    def _tell_row(self, call: Call) -> Callable[[], None] | None:
        """Say which row the trainer is about to fill, or to close; return what is to be done when that is done."""
        if self._busy or (call.step is None and call.commit is False):
            return None
        return self._before_row(self._writer.counter if call.step is None else call.step)

    @guarded
    def _before(self, call: Call) -> Passage | None:
        if self._busy:  # busy: a signal handler logs, in the middle of us
            return None
        if access.ignores_steps(self.run):
            call = call._replace(step=None)
        self._busy = True
        try:
            self._writer.keys.learn(call.data)
            fate = self._fate(call)
            return Passage(call, fate, self._queue.pop() if fate == "together" else None)
        finally:
            self._busy = False

    @guarded
    def _after(self, passage: Passage) -> None:
        call, fate, _ = passage
        with self._lock:
            counter = rows.advance(self._writer.counter, call)
            if counter == call.step or counter != self._writer.counter:
                self._named = call.step if call.step == counter else None
            self._writer.counter = counter
            if fate == "dropped" and self._rescue:
                self._tally.missed += self._queue.add(rows.rescued(call))
            filled = len(self._calls) == 1 and self._fill()
            if (fate in {"together", "ridden", "ahead"} and self._queue) or filled:
                self._writer.show(self._totals)  # an older row has just put its older totals into the summary

    def _fate(self, call: Call) -> Fate:
        """Settle what becomes of `call`, and let rows ride before it."""
        if not self._concerns_us(call):
            return "alone"
        if self._fits_into(call):
            return "together"
        counter = self._writer.ask()
        if call.step is not None and call.step < counter:
            return self._tell_dropped(call.step, counter) if call.data else "alone"
        if not self._queue or not self._ride(call, counter):
            return "alone"
        return "ahead" if self._writer.counter > counter else "ridden"

    def _concerns_us(self, call: Call) -> bool:
        """Tell, without asking the run, whether `call` seems late, or closes rows while rows of ours wait."""
        counter = self._writer.counter
        late = call.step is not None and call.step < counter
        return late or (bool(self._queue) and rows.advance(counter, call) > counter)

    def _fits_into(self, call: Call) -> bool:
        """Tell whether the oldest row may go in this very call: half the work of two, whatever the run's counter is."""
        alone = call.step is None and bool(self._queue) and self._writer.first_free == self._writer.counter
        return alone and not self._queue.oldest.evidence and rows.harmless(call)

    def _ride(self, call: Call, counter: int) -> bool:
        """Write queued rows into those that `call` closes; tell whether there were any."""
        waiting = len(self._queue)
        while self._queue and self._writer.may_join(self._queue.oldest):
            self._send_oldest(counter)
        end, first = rows.advance(counter, call), self._writer.first_free
        last = end - 1 if end <= counter + 1 or rows.harmless(call) else counter
        # The newest row waits for its own step's row, which this call opens.
        waits = bool(self._queue) and end == call.step == self._queue.newest.step
        fitting = max(0, min(len(self._queue) - waits, last - first + 1))
        for place in rows.place(self._queue.steps(fitting), first, last):
            self._send_oldest(place)
        return len(self._queue) < waiting

    def _fill(self) -> bool:
        """Write rows that wait into the open row, where that is theirs; tell whether there were any."""
        waiting = len(self._queue)
        while self._queue and self._is_open_for(self._queue.oldest) and self.is_live:
            seen = self._writer.counter
            if self._writer.ask() == seen:
                self._send_oldest(seen)
        return len(self._queue) < waiting

    def _is_open_for(self, row: Row) -> bool:
        """Tell whether the open row is that of the step of `row`: the trainer says so, or ours are in it."""
        counter = self._writer.counter
        if self._writer.first_free > counter:
            return self._writer.may_join(row)
        return row.step == counter == self._named

    def _send_oldest(self, place: int, *, commit: bool = False) -> bool:
        """Write the oldest row that waits at the step `place`; tell whether W&B has taken it."""
        row = self._queue.pop()
        taken = bool(self._writer.put(row, place, commit=commit))
        self._settle_row(row, taken=taken)
        return taken

    def _settle_row(self, row: Row, *, taken: bool) -> None:
        """Let a row wait again that W&B has not taken: once."""
        if taken or row is self._refused:
            self._tally.missed += not taken
        else:
            self._queue.put_back(row)
            self._refused = row

    @guarded
    def _end(self) -> None:
        """Write all that waits, each in a row of its own from the counter on; nobody logs after us."""
        if os.getpid() != self._pid:
            return
        self._before_end()
        with self._lock:
            self._ended = True
            self._put_rest()
            self._stop_watching()
            self._forget_end()

    def _put_rest(self) -> None:
        """Write the queue without steps: each row is the next one; what W&B does not take is missed."""
        if self._queue and self.is_live and self._writer.ask() < self._writer.first_free:
            if self._writer.may_join(self._queue.oldest):
                self._send_oldest(self._writer.counter)
            if self._queue:
                self._writer.close_row()
        refusals = 0
        while self._queue and self.is_live and refusals <= 1:
            refusals = 0 if self._send_oldest(self._writer.counter, commit=True) else refusals + 1
        self._tally.missed += len(self._queue)
        self._queue.clear()

    def _tell_dropped(self, step: int, counter: int) -> Literal["dropped"]:
        self._tally.dropped += 1
        if self._tally.dropped == 1:
            log.warning(DROPPED, step, counter, self._tally.dropped)
        return "dropped"
