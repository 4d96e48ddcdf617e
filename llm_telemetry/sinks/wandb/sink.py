"""The W&B sink: payloads become rows of the trainer's own run. See docs/wandb.md."""

from __future__ import annotations

import os
import threading
from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any

from llm_telemetry.guard import guarded
from llm_telemetry.notices import Notices
from llm_telemetry.sinks import sharing
from llm_telemetry.sinks.wandb import access, rows
from llm_telemetry.sinks.wandb.backlog import LARGEST_EVIDENCE
from llm_telemetry.sinks.wandb.passage import Tally
from llm_telemetry.sinks.wandb.rider import Rider
from llm_telemetry.sinks.wandb.rows import Row

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from llm_telemetry.events import Alert, Payload

ENDED = (
    "the W&B run has ended, and step %d has come after it: payloads are in the JSONL alone by now. "
    "Finish the run after the last step and validation, or call telemetry.flush() before"
)
LARGEST_WAIT = 256
"""Payloads that wait for the first run to begin."""


class WandbSink:
    """Writes payloads to a W&B run, and leaves the rows of the trainer as they are without us.

    Args:
        run: The run to write to; `None` means `wandb.run`, whichever that is when a payload comes.
        rescue_rows: Keep the trainer's rows that W&B drops alive, under `rescued/` and `rescued/step`.
        writes: Whether payloads become rows; else somebody else brings them to the run, and it only hears alerts.
        before_end: Called when a run is about to end, while it still takes payloads.
        before_row: Called with its number when the trainer is about to fill or to close a row; what it returns is
            called when that is done, and may raise.
        name: What our keys begin with where another trainer of this process has written to the run before.

    """

    def __init__(  # noqa: PLR0913 - what others say and do, by keyword
        self,
        run: Any | None = None,
        *,
        rescue_rows: bool = False,
        writes: bool = True,
        before_end: Callable[[], object] = lambda: None,
        before_row: Callable[[int], Callable[[], None] | None] = lambda _step: None,
        name: str = "trainer",
    ) -> None:
        self._given = run
        self._before_end = before_end
        self._before_row = before_row
        self._rescue_rows = rescue_rows
        self._writes = writes
        self._name = name
        self._tally = Tally()
        self._say = Notices()
        self._closed = False
        self._start_over()

    def _start_over(self) -> None:
        """Forget runs and locks, which belong to another process if this one was forked."""
        self._pid = os.getpid()
        self._lock = threading.RLock()
        self._rider: Rider | None = None
        self._riders: list[Rider] = []  # of former runs too, as long as those go on
        self._waiting: deque[Payload] = deque(maxlen=LARGEST_WAIT)
        self._had_run = False

    @property
    def trainer_rows_dropped(self) -> int:
        """Rows of the trainer that W&B has thrown away so far, as far as we could see."""
        return self._tally.dropped

    @property
    def payloads_missed(self) -> int:
        """Payloads that no run has got: written after the run's end, or too many waiting."""
        return self._tally.missed

    @guarded
    def attach(self) -> None:
        """Watch the current run from now on; cheap when nothing has changed."""
        self._attached()

    @guarded
    def write(self, payload: Payload) -> None:
        """Queue `payload` for the current run, and show its totals in the run's summary.

        A payload that comes before the first run waits for it; one that comes after a run's end has no run.
        """
        rider = self._attached() if self._writes else None
        if rider is not None:
            _hand(payload, rider)
        elif self._writes and self._target() is None and not self._had_run:
            self._wait(payload)
        elif self._writes and self._had_run:
            self._tally.missed += 1
            self._say(ENDED, payload.step)

    def _wait(self, payload: Payload) -> None:
        """Keep `payload` for the first run; without its texts where too many of them wait already."""
        texts = sum(len(waiting.evidence) for waiting in self._waiting)
        self._waiting.append(payload if texts < LARGEST_EVIDENCE else payload._replace(evidence=()))

    @guarded
    def alert(self, alert: Alert) -> None:
        """Send an alert of the current run; it is in no row, and none is kept for a run that comes later.

        Like `log` it is handed to W&B's own process, and waits for no server.
        """
        rider = self._attached()
        if rider is not None:
            access.alert(rider.run, alert.title, alert.text)

    @guarded
    def close(self) -> None:
        """Stop watching; write what is left where the run's counter stays, the rest when the run ends."""
        self._closed = True
        if os.getpid() != self._pid:
            return
        with self._lock:
            for rider in self._riders:
                rider.close()
            sharing.leave(self)
            self._start_over()

    @property
    def run(self) -> Any | None:
        """The current run; `None` without one, for a disabled or finished one, and in another process."""
        run = self._target()
        return run if access.is_live(run) else None

    @guarded
    def run_dir(self) -> Path | None:
        """Return the folder of the current run; `None` where there is no `run`."""
        run = self.run
        return None if run is None else access.folder(run)

    def prefix(self) -> str:
        """Return what our keys begin with in the current run: nothing without one, and for who writes first."""
        run = self.run
        return "" if run is None else sharing.prefix_in(run, self, self._name)

    def _target(self) -> Any | None:
        return access.current_run() if self._given is None else self._given

    def _attached(self) -> Rider | None:
        """Return the rider of the current run, a new one for a new run; `None` without a run to write to."""
        if os.getpid() != self._pid:
            self._start_over()
        run, rider = self._target(), self._rider
        if rider is not None and rider.run is run and rider.is_live:
            return rider
        if self._closed or not access.is_live(run):
            return None
        with self._lock:
            return self._ride_on(run)

    def _ride_on(self, run: Any) -> Rider:
        """Return the rider of `run`; former runs keep theirs until they finish."""
        self._riders = [rider for rider in self._riders if rider.is_live]
        known = next((rider for rider in self._riders if rider.run is run), None)
        self._rider = known or Rider(
            run,
            self._tally,
            rescue=self._rescue_rows,
            before_end=self._before_end,
            before_row=self._before_row,
            prefix=partial(sharing.prefix_in, run, self, self._name),
        )
        if known is None:
            self._riders.append(self._rider)
        self._had_run = True
        while self._waiting:
            _hand(self._waiting.popleft(), self._rider)
        return self._rider


def _hand(payload: Payload, rider: Rider) -> None:
    row = Row(payload.step, rows.numbers(payload.values), list(payload.evidence))
    rider.add(row, rows.numbers(payload.totals))
