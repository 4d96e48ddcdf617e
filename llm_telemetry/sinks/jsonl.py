"""The record of truth: one line a payload, appended before anything else is tried."""

from __future__ import annotations

import json
import os
import platform
import threading
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

from llm_telemetry.guard import log

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from llm_telemetry.events import Payload

FILE_NAME = "llm_telemetry.jsonl"
"""The file's name in a W&B run's folder."""
MOST_WAITING = 1_000
"""Lines that are kept in memory while they cannot be written."""
_encode = json.JSONEncoder(default=float, allow_nan=False).encode
_TAIL = 1 << 20
"""Bytes at the end of a file in which its last line is looked for first."""
LEFT = "%d lines could not be written to %s, and are lost with this process: is the disk full, or the folder gone?"


class RunPlace(Protocol):
    """What the sink has to know of its run."""

    @property
    def run_id(self) -> str | None:
        """The W&B run that payloads belong to, `None` without one."""

    def path(self) -> Path:
        """Return the file."""

    def sequence(self) -> int:
        """Return the highest number of a line that a former process of this run has written, 0 without one."""


class JsonlSink:
    """Appends payloads to a file that is made at the first of them.

    A line is in the kernel's hands when `write` returns: it survives the death of the process. One that cannot be
    written now (the disk is full, the folder is gone) is kept, and written before the next.

    Args:
        place: Says which file (asked once, at the first payload, when the W&B run is known), and which run.
        watched: What is watched, and how: goes into the first line of a new file, see `read_watched`.
    """

    def __init__(self, place: RunPlace, watched: Mapping[str, Any] | None = None) -> None:
        self._place = place
        self._watched = watched
        self._file: int | None = None
        self._inode: tuple[int, int] | None = None
        self._torn = False
        self._lock = threading.Lock()
        self._waiting: deque[str] = deque(maxlen=MOST_WAITING)
        self._sequence: int | None = None  # of the line that was written last; clocks go back, and this does not
        self.path: Path | None = None
        """The file, once there is one."""

    def write(self, payload: Payload) -> None:
        """Append one line: whose it is, step, split, time (seconds since the epoch), payload, state, evidence if any.

        Where it is known how many `steps` there will be, each line says so; the first says what is watched, too.
        Another thread, or a signal's handler, may come in the middle: who is writing already writes that line too.

        Raises:
            OSError: The folder cannot be written, or the disk is full; the line is kept.
            ValueError: There is a number in it that JSON cannot hold; the line is lost.
        """
        self._waiting.append(_encode(self._told(payload)))
        while self._waiting and self._lock.acquire(blocking=False):
            try:
                self._write_waiting()
            finally:
                self._lock.release()

    def _told(self, payload: Payload) -> dict[str, Any]:
        told = {
            "run": self._place.run_id,
            "process": [platform.node(), os.getpid()],
            "step": payload.step,
            "split": payload.split,
            "time": payload.time,
            "payload": dict(payload.values),
            "state": dict(payload.state),
        }
        if payload.steps is not None:
            told["steps"] = payload.steps
        if payload.evidence:
            told["evidence"] = [captured._asdict() for captured in payload.evidence]
        return told

    def close(self) -> None:
        """Write what still waits, and close the file.

        Raises:
            OSError: It cannot be written; then it is lost, and that is told.
        """
        try:
            self._write_waiting()
        finally:
            if self._waiting:
                log.warning(LEFT, len(self._waiting), self.path or "a JSONL file")
            self._close()

    def _close(self) -> None:
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _write_waiting(self) -> None:
        while self._waiting:
            file, is_empty = self._opened()
            sequence = (self._place.sequence() if self._sequence is None else self._sequence) + 1
            watched = f'"watched": {_encode(self._watched)}, ' if is_empty and self._watched else ""
            line = f'{{"sequence": {sequence}, {watched}{self._waiting[0][1:]}'
            if '"evidence": [' in line:
                _hide(file)
            self._append(file, ("\n" * self._torn + line + "\n").encode())
            self._sequence = sequence
            self._waiting.popleft()

    def _append(self, file: int, line: bytes) -> None:
        """Write the whole line; one that a full disk cuts off must not swallow the next, which begins afresh."""
        self._torn = True
        while line:
            try:
                line = line[os.write(file, line) :]
            except OSError:  # noqa: PERF203 - a loop of one round, as a rule
                if line != b"\n":
                    raise
                return  # whole but for its end, which the next one brings
        self._torn = False

    def _opened(self) -> tuple[int, bool]:
        """Return the file, and whether it is empty; made anew where somebody has removed or replaced it."""
        found = None
        if self._file is not None and self.path is not None:
            with suppress(FileNotFoundError):
                found = self.path.stat()
        if self._file is None or found is None or (found.st_dev, found.st_ino) != self._inode:
            self._close()
            self._file = self._open()
            found = os.fstat(self._file)
            self._inode = found.st_dev, found.st_ino
        return self._file, found.st_size == 0

    def _open(self) -> int:
        path = self.path or self._place.path()
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT, 0o644)
        self.path, self._torn = path, _ends_torn(file)
        return file


def _hide(file: int) -> None:
    """Let nobody but its owner read a file that holds a judge's words."""
    if hasattr(os, "fchmod") and os.fstat(file).st_mode & 0o077:
        with suppress(OSError):  # it is another's, who has left it open to us
            os.fchmod(file, 0o600)


def _ends_torn(file: int) -> bool:
    """Tell whether the last line of a file, which a former sink may have written, was cut off."""
    size = os.fstat(file).st_size
    return size > 0 and os.lseek(file, size - 1, os.SEEK_SET) >= 0 and os.read(file, 1) != b"\n"


def read_watched(path: Path) -> dict[str, Any]:
    """Return what the first line of a JSONL tells of the watched trainer; nothing where it is of an older version.

    `version`, `trainer`, `adapter`, `parts` (each with `kind`, `owner`, `name`, `label`), `missing`, `settings`.
    """
    first = next(read_lines(path), {})
    watched = first.get("watched")
    return watched if isinstance(watched, dict) else {}


def read_sequence(path: Path) -> int:
    """Return the number of the last whole line of a JSONL; 0 where it has none, as in those of older versions."""
    with path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        for start in (max(size - _TAIL, 0), 0):
            file.seek(start)
            for text in reversed(file.read().splitlines()):
                if (line := line_in(text)) is not None:
                    return int(line.get("sequence", 0))
    return 0


def line_in(text: str | bytes) -> dict[str, Any] | None:
    """Return a line that a sink has written; `None` for one that was cut off, or is somebody else's."""
    try:
        line = json.loads(text)
    except ValueError:  # cut off in a crash
        return None
    return line if isinstance(line, dict) and isinstance(line.get("payload"), dict) else None


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the lines of a JSONL that a sink has written; what a crash has cut off is left out."""
    with path.open(encoding="utf-8", errors="replace") as file:
        yield from filter(None, map(line_in, file))
