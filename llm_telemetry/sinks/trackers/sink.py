"""The sink of all trackers but W&B: those that the user named, and those that the trainer itself reports to."""

from __future__ import annotations

from collections import deque
from functools import partial
from typing import TYPE_CHECKING, Any

from llm_telemetry.guard import attempt
from llm_telemetry.notices import Notices
from llm_telemetry.objects import stored_in
from llm_telemetry.settings.trackers import is_writer
from llm_telemetry.sinks import sharing
from llm_telemetry.sinks.trackers.runs import TRACKERS, Tracker, TrackerRun
from llm_telemetry.sinks.wandb.rows import numbers

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from llm_telemetry.events import Payload

LARGEST_WAIT = 256
"""Payloads that wait for a tracker's run to begin."""
BEGUN = "no run of %s was in progress at step %d: payloads go to one of our own, see docs/trackers.md"
ENDED = "the run of %s has ended, and step %d has come after it: payloads are in the JSONL alone by now"
NO_RUN = "%d payloads are not in %s, which had no run: they are in the JSONL alone. See docs/trackers.md"
REFUSED = (
    "%s ignores steps that are not above the last: numbers of step %d, and of others up to %d, are in the JSONL alone"
)


class TrackerSink:
    """Writes payloads to the run of one tracker that is in progress, one value for a key and step.

    Args:
        name: The tracker's.
        find: Returns its run in progress, `None` without one.
        folder: Says where to begin a run of our own where none is in progress; `None` where that is not wanted.
        prefix: What our keys begin with where another trainer of this process has written to the run before.
    """

    def __init__(
        self, name: str, find: Callable[[], Any], folder: Callable[[], Path] | None = None, prefix: str = "trainer"
    ) -> None:
        self._name = name
        self._tracker: Tracker = TRACKERS[name]
        self._find = find
        self._folder = folder
        self._prefix = prefix
        self._found: Any = None
        self._run: TrackerRun | None = None
        self._waiting: deque[Payload] = deque(maxlen=LARGEST_WAIT)
        self._missed = 0
        self._steps: dict[str, int] = {}
        self._say = Notices()

    def write(self, payload: Payload) -> None:
        """Add the numbers of `payload`; one that comes before the first run waits for it."""
        self._look()
        if self._run is None and self._folder is not None and self._tracker.begin is not None:
            folder, self._folder = self._folder, None  # tried once: a server that is not there would hold up each step
            self._run = attempt(self._tracker.begin, folder())
            if self._run is not None:
                self._say(BEGUN, self._name, payload.step)
        if self._run is not None and not self._run.is_open:
            self._say(ENDED, self._name, payload.step)
            return
        self._missed += len(self._waiting) == LARGEST_WAIT
        self._waiting.append(payload)
        self._send()

    def _look(self) -> None:
        """Go over to the run in progress, if that is another one than before."""
        found = attempt(self._find)
        if found is not None and found is not self._found:
            self._end()
            self._found = found
            self._run = attempt(self._tracker.open, found)
            self._steps.clear()

    def _send(self) -> None:
        while self._run is not None and self._waiting:
            payload = self._waiting.popleft()
            prefix = sharing.prefix_in(self._found, self, self._prefix) if self._found is not None else ""
            values = {prefix + key: value for key, value in numbers(payload.values).items()}
            taken = {key: value for key, value in values.items() if self._takes(key, payload.step)}
            self._steps |= dict.fromkeys(taken, payload.step)
            attempt(self._run.add, taken, payload.step, payload.time)

    def _takes(self, key: str, step: int) -> bool:
        """Tell whether a key has no value at this step yet: totals of the run are in the payloads of both splits."""
        last = self._steps.get(key)
        if last is None or not self._tracker.keeps_first:
            return last != step
        if step < last:
            self._say(REFUSED, self._name, step, last)
        return step > last

    def _end(self) -> None:
        if self._run is not None:
            attempt(self._run.close)
        self._run = None
        sharing.leave(self)

    def close(self) -> None:
        """Write what waits, if there is a run by now; a run of our own ends."""
        self._look()
        self._send()
        if missed := self._missed + len(self._waiting):
            self._say(NO_RUN, missed, self._name)
        self._waiting.clear()
        self._end()


class Trackers:
    """All trackers of one watched trainer.

    Args:
        given: What the setting `sinks` holds: names, TensorBoard's writers, and other sinks, which are left alone.
        trainer: Returns the trainer, while there is one.
        folder: Says where event files of our own go.
        prefix: As for `TrackerSink`.
    """

    def __init__(
        self, given: Iterable[Any], trainer: Callable[[], Any], folder: Callable[[], Path], prefix: str
    ) -> None:
        self._trainer = trainer
        self._prefix = prefix
        self._by_name: dict[str, TrackerSink] = {}
        self._writers: list[TrackerSink] = []
        for one in given:
            if isinstance(one, str):
                self._add(one, folder)
            elif is_writer(one):
                self._writers.append(TrackerSink("tensorboard", partial(_itself, one), prefix=prefix))

    def _add(self, name: str, folder: Callable[[], Path] | None = None) -> None:
        self._by_name[name] = TrackerSink(name, lambda: self._run_of(TRACKERS[name]), folder, self._prefix)

    def _run_of(self, tracker: Tracker) -> Any:
        trainer = self._trainer()
        return tracker.find(trainer, _callback(trainer, tracker))

    @property
    def _sinks(self) -> list[TrackerSink]:
        return [*self._by_name.values(), *self._writers]

    def write(self, payload: Payload) -> None:
        """Give `payload` to each tracker; the trainer may have got another callback since the last."""
        kinds = {cls.__name__ for callback in _callbacks(self._trainer()) for cls in type(callback).__mro__}
        for name, tracker in TRACKERS.items():
            if tracker.callback in kinds and name not in self._by_name:
                self._add(name)
        for sink in self._sinks:
            sink.write(payload)

    def close(self) -> None:
        """Write what waits."""
        for sink in self._sinks:
            sink.close()


def is_tracker(given: Any) -> bool:
    """Tell what of the setting `sinks` is a tracker's: a name, or TensorBoard's writer."""
    return isinstance(given, str) or is_writer(given)


def _itself(writer: Any) -> Any:
    return writer


def _callbacks(trainer: Any) -> Sequence[Any]:
    handler: Mapping[str, Any] = stored_in(stored_in(trainer).get("callback_handler"))
    callbacks: Sequence[Any] = handler.get("callbacks", ())
    return callbacks


def _callback(trainer: Any, tracker: Tracker) -> Any:
    """Return the callback by which a trainer of transformers writes to a tracker: what `args.report_to` has become."""
    for callback in _callbacks(trainer):
        if any(cls.__name__ == tracker.callback for cls in type(callback).__mro__):
            return callback
    return None
