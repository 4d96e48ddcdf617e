"""What a run of each tracker looks like, and the one table of them.

None is imported here: `find` looks at what the program has imported, and only `begin` imports what was asked for by
name. Times are seconds since the epoch.
"""

from __future__ import annotations

import contextvars
import importlib
import os
import posixpath
import re
import sys
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol
from urllib.parse import urlsplit

from llm_telemetry.notices import Notices
from llm_telemetry.objects import stored_in
from llm_telemetry.settings.trackers import is_writer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

PROJECT = "llm_telemetry"
"""The Trackio project, or MLflow experiment, of a run that we begin."""
LARGEST_BATCH = 1_000
"""Metrics that MLflow takes at once."""
LONGEST_WAIT = 10.0
"""Seconds that MLflow has at the end to store what is under way."""
_MLFLOW_NAME = re.compile(r"[\w./ :-]{1,250}")
REFUSED_NAME = (
    "MLflow takes no metric of the name %r, and of others like it: they are in the JSONL alone, see docs/trackers.md"
)


class TrackerRun(Protocol):
    """A run that takes numbers."""

    @property
    def is_open(self) -> bool:
        """Whether it still takes numbers."""

    def add(self, values: Mapping[str, float], step: int, time: float) -> None:
        """Add numbers at a step; be quick, for the trainer waits."""

    def close(self) -> None:
        """Store what is under way; end the run if it is our own."""


class TensorboardRun:
    """TensorBoard's writer of event files, torch's or tensorboardX's."""

    is_open = True  # one that was closed begins another file

    def __init__(self, writer: Any, *, own: bool = False) -> None:
        self._writer = writer
        self._own = own

    def add(self, values: Mapping[str, float], step: int, time: float) -> None:
        """Add numbers, in single precision as TensorBoard keeps them."""
        for key, value in values.items():
            self._writer.add_scalar(key, value, step, time)

    def close(self) -> None:
        """Have all written; the trainer closes its writer itself."""
        (self._writer.close if self._own else self._writer.flush)()


class _Events:
    """An event file without torch."""

    def __init__(self, folder: Path) -> None:
        self._records = importlib.import_module("tensorboard.compat.proto.event_pb2")
        self._summaries = importlib.import_module("tensorboard.compat.proto.summary_pb2")
        files = importlib.import_module("tensorboard.summary.writer.event_file_writer")
        self._file = files.EventFileWriter(str(folder))
        self.close = self._file.close

    def add_scalar(self, key: str, value: float, step: int, time: float) -> None:
        number = self._summaries.Summary.Value(tag=key, simple_value=value)
        summary = self._summaries.Summary(value=[number])
        self._file.add_event(self._records.Event(wall_time=time, step=step, summary=summary))


def _find_writer(trainer: Any, callback: Any) -> Any:
    """Return the writer of transformers' callback, or one that the trainer holds."""
    writer = stored_in(callback).get("tb_writer")
    return writer or next(filter(is_writer, stored_in(trainer).values()), None)


def _begin_tensorboard(folder: Path) -> TrackerRun:
    return TensorboardRun(_Events(folder), own=True)


class TrackioRun:
    """A run of Trackio, which takes numbers after its end too; a thread of its own stores them."""

    is_open = True

    def __init__(self, run: Any, *, own: bool = False) -> None:
        self._run = run
        self._own = own

    def add(self, values: Mapping[str, float], step: int, time: float) -> None:  # noqa: ARG002 - it takes its own time
        """Add a row."""
        with _unmoved(self._run, "_next_step"):
            self._run.log(dict(values), step=step)

    def close(self) -> None:
        """End a run of our own."""
        if self._own:
            self._run.finish()


def _find_trackio(_trainer: Any, _callback: Any) -> Any:
    current = getattr(sys.modules.get("trackio.context_vars"), "current_run", None)
    return None if current is None else current.get()


def _begin_trackio(_folder: Path) -> TrackerRun:
    """Begin a run that is nobody's current one: the program's own `init` and `log` go as they would without us."""
    begin = importlib.import_module("trackio").init
    return TrackioRun(contextvars.copy_context().run(begin, project=PROJECT, embed=False), own=True)


class SwanlabRun:
    """The one run of SwanLab that a process may have."""

    def __init__(self, run: Any) -> None:
        self._run = run

    @property
    def is_open(self) -> bool:
        """Whether it is not finished."""
        return bool(getattr(self._run, "alive", True))

    def add(self, values: Mapping[str, float], step: int, time: float) -> None:  # noqa: ARG002 - it takes its own time
        """Add numbers."""
        with _unmoved(getattr(self._run, "_ctx", None), "_global_step"):
            self._run.log(dict(values), step=step)

    def close(self) -> None:
        """Leave it to the program."""


def _find_swanlab(_trainer: Any, _callback: Any) -> Any:
    module: Any = sys.modules.get("swanlab")
    has_run = getattr(module, "has_run", lambda: module is not None)
    return module.get_run() if has_run() else None


class MlflowRun:
    """A run of MLflow, which takes numbers after its end too.

    One thread of ours stores them, one batch after the other. MLflow's own threads would store several at once, and
    its store of files then loses a batch: two threads that make the same folder fail with `FileExistsError`.
    """

    is_open = True

    def __init__(self, run: Any, *, own: bool = False) -> None:
        self._module = sys.modules["mlflow"]
        self._client = self._module.MlflowClient()
        self._id = run.info.run_id
        self._own = own
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="llm_telemetry")
        self._under_way: list[Future[Any]] = []
        self._files = urlsplit(self._client.tracking_uri).scheme in ("", "file")
        self._names: dict[str, bool] = {}
        self._folders: set[str] = set()
        self._say = Notices()

    def add(self, values: Mapping[str, float], step: int, time: float) -> None:
        """Hand over numbers, as many at once as MLflow takes.

        Raises:
            MlflowException: Numbers that were handed over before could not be stored.
        """
        metric = self._module.entities.Metric
        stamp = int(time * 1000)
        metrics = [metric(key, float(value), stamp, step) for key, value in values.items() if self._takes(key)]
        for first in range(0, len(metrics), LARGEST_BATCH):
            self._store(metrics[first : first + LARGEST_BATCH])
        done = [one for one in self._under_way if one.done()]
        self._under_way = [one for one in self._under_way if one not in done]
        for one in done:
            one.result()  # raises what went wrong

    def _store(self, batch: list[Any]) -> None:
        try:
            self._under_way.append(self._thread.submit(self._client.log_batch, self._id, metrics=batch))
        except RuntimeError:  # the interpreter ends, and its threads take nothing more
            self._client.log_batch(self._id, metrics=batch)

    def _takes(self, key: str) -> bool:
        """Tell names that MLflow takes; another would spoil the whole batch."""
        if key not in self._names:
            self._names[key] = self._is_name(key)
        if not self._names[key]:
            self._say(REFUSED_NAME, key)
        return self._names[key]

    def _is_name(self, key: str) -> bool:
        if not _MLFLOW_NAME.fullmatch(key) or posixpath.normpath(key) != key or key.startswith((".", "/")):
            return False
        above = {key[: slash.start()] for slash in re.finditer("/", key)}
        if self._files and (key in self._folders or any(self._names.get(name) for name in above)):
            return False  # a name is a file, and what stands before a slash a folder: it can only be one of them
        self._folders |= above
        return True

    def close(self) -> None:
        """Wait for what is under way; end a run of our own.

        Raises:
            MlflowException: It could not be stored.
            TimeoutError: It takes too long.
        """
        try:
            wait(self._under_way, LONGEST_WAIT)
            for one in self._under_way:
                one.result(0)
            if self._own:
                self._client.set_terminated(self._id)
        finally:
            self._thread.shutdown(wait=False, cancel_futures=True)


def _find_mlflow(_trainer: Any, _callback: Any) -> Any:
    active_run = getattr(sys.modules.get("mlflow"), "active_run", lambda: None)
    return active_run()


def _begin_mlflow(_folder: Path) -> TrackerRun:
    """Begin a run that is not the active one: the program's own `start_run` would raise beside that."""
    client = importlib.import_module("mlflow").MlflowClient()
    name = os.environ.get("MLFLOW_EXPERIMENT_NAME", PROJECT)
    known = client.get_experiment_by_name(name)
    experiment = client.create_experiment(name) if known is None else known.experiment_id
    return MlflowRun(client.create_run(experiment), own=True)


@contextmanager
def _unmoved(owner: Any, counter: str) -> Iterator[None]:
    """Leave a run's step where it is: the trainer's rows that are logged without one are counted by it."""
    before = getattr(owner, counter, None)
    try:
        yield
    finally:
        if before is not None:
            setattr(owner, counter, before)


class Tracker(NamedTuple):
    """What is known of one tracker."""

    find: Callable[[Any, Any], Any]
    """Returns its run in progress, given the trainer and its callback; `None` without one."""
    open: Callable[[Any], TrackerRun]
    """Makes of that what takes numbers."""
    begin: Callable[[Path], TrackerRun] | None
    """Begins a run beside the program's own; `None` where a process can only have one, which is the program's."""
    callback: str
    """The class by which transformers writes to it."""
    keeps_first: bool = False
    """Whether it ignores a step of a key that is not above the last."""


TRACKERS: Mapping[str, Tracker] = {
    "mlflow": Tracker(_find_mlflow, MlflowRun, _begin_mlflow, "MLflowCallback"),
    "swanlab": Tracker(_find_swanlab, SwanlabRun, None, "SwanLabCallback", keeps_first=True),
    "tensorboard": Tracker(_find_writer, TensorboardRun, _begin_tensorboard, "TensorBoardCallback"),
    "trackio": Tracker(_find_trackio, TrackioRun, _begin_trackio, "TrackioCallback"),
}
