"""The rider of one W&B run: rows of ours travel in the rows that the trainer itself is closing."""

from __future__ import annotations

import atexit
import logging
import os
import threading
from contextlib import ExitStack
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from llm_telemetry.guard import guarded
from llm_telemetry.sinks.wandb import access, rows
from llm_telemetry.sinks.wandb.backlog import Backlog
from llm_telemetry.sinks.wandb.keys import Keys

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from llm_telemetry.sinks.wandb.rows import Call, Row

log = logging.getLogger("llm_telemetry")

DROPPED = (
    "W&B drops a row of your trainer: it logged step=%d, but W&B is at step %d and only goes forward "
    "(%d such rows so far; the count goes on in telemetry/trainer_rows_dropped). To keep them, log without "
    "step=, or give every call of one training step the same step=, or give the metrics a step key of their "
    "own with run.define_metric(name, step_metric=...). rescue_rows=True keeps them under rescued/. "
    "See docs/wandb.md."
)


@dataclass
class Tally:
    """What went missing, over all the runs of one sink."""

    dropped: int = 0
    """Rows of the trainer that W&B threw away."""
    missed: int = 0
    """Rows of ours that no run has got."""


class Passage(NamedTuple):
    """A trainer's call on its way, and its fate: alone, with rows of ours before it, or dropped by W&B."""

    call: Call
    fate: Literal["alone", "ridden", "ahead", "dropped"]
    """`ahead`: our rows moved the counter, as far as this very call is about to move it."""


class Rider:
    """Watches one run's `log`, and writes our rows to it, never moving its counter ahead of the trainer."""

    def __init__(
        self, run: Any, tally: Tally, *, rescue: bool = False, before_end: Callable[[], object] = lambda: None
    ) -> None:
        self.run = run
        self._before_end = before_end
        self._tally = tally
        self._rescue = rescue
        self._pid = os.getpid()
        self._lock = threading.RLock()
        self._busy = False
        self._watching = True
        self._ended = False
        self._queue = Backlog()
        self._totals: dict[str, float] = {}
        self._asks = not access.is_shared(run)
        self._mirror = 0  # the counter as we saw it move; the run is asked where it matters
        self._last = -1  # the last row that holds one of ours
        self._write = getattr(run, "_log", None) or run.log
        self._define = getattr(run, "_define_metric", None) or run.define_metric
        self._keys = Keys(self._define)
        self._keys.learn_summary(run)
        self._counter()
        self._asks = self._asks and not access.counts_here(run)
        self._forget_end = self._await_end()
        self._unwatch = self._watch()

    @property
    def is_live(self) -> bool:
        """Whether the run takes rows from this process."""
        return os.getpid() == self._pid and access.is_live(self.run)

    def add(self, row: Row, totals: Mapping[str, float]) -> None:
        """Queue `row`, and show the `totals` at once in the run's summary."""
        with self._lock:
            self._totals.update(totals)
            self._tally.missed += self._queue.add(row)
            if self._ended:
                self._put_rest()
            self._show_totals()

    def close(self) -> None:
        """Stop watching; rows that would move the counter, were they written now, wait for the run's end."""
        with self._lock:
            if self._queue and self.is_live and self._counter() > self._last:
                self._send_oldest(self._mirror)
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
        name = args[0] if args else kwargs.get("name")
        if isinstance(name, str):
            self._keys.settle(name)
        return self._define(*args, **kwargs)

    def _observe_log(self, *args: Any, **kwargs: Any) -> Any:
        """Make the trainer's call, once and as it is, with what is ours before and after it."""
        if not self._watching or os.getpid() != self._pid:
            return self._write(*args, **kwargs)
        with ExitStack() as held:
            held.enter_context(self._lock)
            passage = self._before(args, kwargs)
            if passage is None or passage.fate != "ahead":
                held.close()  # no thread waits for another one's slow picture; an "ahead" call is quick
            result = self._write(*args, **kwargs)
            self._after(passage)
        return result

    @guarded
    def _before(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Passage | None:
        call = rows.read_call(*args, **kwargs)
        if call is None or self._busy:  # busy: a signal handler logs, in the middle of us
            return None
        if access.ignores_steps(self.run):
            call = call._replace(step=None)
        self._busy = True
        try:
            self._keys.learn(call.data)
            return Passage(call, self._fate(call))
        finally:
            self._busy = False

    @guarded
    def _after(self, passage: Passage | None) -> None:
        if passage is None:
            return
        with self._lock:
            self._mirror = rows.advance(self._mirror, passage.call)
            if passage.fate == "dropped" and self._rescue:
                self._tally.missed += self._queue.add(rows.rescued(passage.call))
            if passage.fate in {"ridden", "ahead"} and self._queue:
                self._show_totals()  # an older row has just put its older totals into the summary

    # Riding

    def _fate(self, call: Call) -> Literal["alone", "ridden", "ahead", "dropped"]:
        """Settle what becomes of `call`, and let rows ride before it."""
        if not self._concerns_us(call):
            return "alone"
        counter = self._counter()
        if call.step is not None and call.step < counter:
            return self._tell_dropped(call.step, counter) if call.data else "alone"
        if not self._queue or not self._ride(call, counter):
            return "alone"
        return "ahead" if self._mirror > counter else "ridden"

    def _concerns_us(self, call: Call) -> bool:
        """Tell, without asking the run, whether `call` seems late, or closes rows while rows of ours wait."""
        late = call.step is not None and call.step < self._mirror
        return late or (bool(self._queue) and rows.advance(self._mirror, call) > self._mirror)

    def _ride(self, call: Call, counter: int) -> bool:
        """Write queued rows into those that `call` closes; tell whether there were any."""
        end = rows.advance(counter, call)
        first = max(counter, self._last + 1)
        last = end - 1 if end <= counter + 1 or rows.harmless(call) else counter
        # The newest row waits for its own step's row, which this call opens.
        waits = end == call.step == self._queue.newest.step
        fitting = max(0, min(len(self._queue) - waits, last - first + 1))
        for place in rows.place(self._queue.steps(fitting), first, last):
            self._send_oldest(place)
        return fitting > 0

    def _send_oldest(self, place: int, *, commit: bool = False) -> bool:
        """Write the oldest row that waits at the step `place`; tell whether W&B has taken it."""
        taken = self._put(self._queue.pop(), place, commit=commit)
        self._tally.missed += not taken
        return bool(taken)

    @guarded
    def _put(self, row: Row, place: int, *, commit: bool = False) -> bool:
        """Write `row` at the step `place`, which is not below the counter."""
        if row.evidence:
            self._put_table(row, place)
        values = self._keys.ours(row.values)
        self._keys.define(values)
        self._write(values, step=None if place == self._mirror else place, commit=commit)
        self._last = place
        self._mirror = place + commit
        return True

    @guarded
    def _put_table(self, row: Row, place: int) -> None:
        """Write the row's evidence, by itself: the numbers arrive also where a table cannot be written."""
        for key, captured in self._keys.ours(rows.tables(row.evidence)).items():
            table = access.table(self.run, key, place, rows.COLUMNS, captured)
            self._write({key: table}, step=None if place == self._mirror else place, commit=False)
            self._last = self._mirror = place

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
        if self._queue and self.is_live and self._last >= self._counter():
            self._close_row()
        while self._queue and self.is_live:
            if not self._send_oldest(self._mirror, commit=True):
                break
        self._tally.missed += len(self._queue)
        self._queue.clear()

    @guarded
    def _close_row(self) -> None:
        """Close the open row, which holds one of ours since the trainer's call failed that was to close it."""
        self._write({}, step=None, commit=True)
        self._mirror += 1

    def _counter(self) -> int:
        """Return the run's counter: asked for (0.4 to 0.9 ms), or mirrored where the run cannot tell it."""
        asked = self._ask() if self._asks else None
        self._asks = asked is not None
        self._mirror = self._mirror if asked is None else asked
        return self._mirror

    @guarded
    def _ask(self) -> int:
        # `step` of a resumed run is 0 until its first row.
        return max(int(self.run.step), int(self.run.starting_step))

    def _tell_dropped(self, step: int, counter: int) -> Literal["dropped"]:
        self._tally.dropped += 1
        if self._tally.dropped == 1:
            log.warning(DROPPED, step, counter, self._tally.dropped)
        return "dropped"

    @guarded
    def _show_totals(self) -> None:
        if self._totals:
            self.run.summary.update(self._keys.ours(self._totals))
