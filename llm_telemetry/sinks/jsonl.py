"""The record of truth: one line a payload, appended before anything else is tried."""

from __future__ import annotations

import json
import os
import platform
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from llm_telemetry.events import Payload

FILE_NAME = "llm_telemetry.jsonl"
"""The file's name in a W&B run's folder."""


class RunPlace(Protocol):
    """What the sink has to know of its run."""

    @property
    def run_id(self) -> str | None:
        """The W&B run that payloads belong to, `None` without one."""

    def path(self) -> Path:
        """Return the file."""


class JsonlSink:
    """Appends payloads to a file that is made at the first of them.

    A line is in the kernel's hands when `write` returns: it survives the death of the process.

    Args:
        place: Says which file (asked once, at the first payload, when the W&B run is known), and which run.
        watched: What is watched, and how: goes into the first line of a new file, see `read_watched`.
    """

    def __init__(self, place: RunPlace, watched: Mapping[str, Any] | None = None) -> None:
        self._place = place
        self._watched = watched
        self._file: int | None = None
        self._torn = False
        self.path: Path | None = None
        """The file, once there is one."""

    def write(self, payload: Payload) -> None:
        """Append one line: whose it is, step, split, time (seconds since the epoch), payload, state, evidence if any.

        The first line of a file says what is watched, too.

        Raises:
            OSError: The folder cannot be written, or the disk is full.
        """
        if self._file is None:
            self._file = self._open()
        line = json.dumps(self._told(payload), default=float)
        self._append(self._file, ("\n" * self._torn + line + "\n").encode())
        self._watched = None

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
        evidence = [captured._asdict() for captured in payload.evidence]
        more = {"evidence": evidence, "watched": self._watched}
        return {**told, **{name: value for name, value in more.items() if value}}

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _append(self, file: int, line: bytes) -> None:
        """Write the whole line; one that a full disk cuts off must not swallow the next, which begins afresh."""
        self._torn = True
        while line:
            line = line[os.write(file, line) :]
        self._torn = False

    def _open(self) -> int:
        path = self.path or self._place.path()
        path.parent.mkdir(parents=True, exist_ok=True)
        file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
        self.path = path
        if os.fstat(file).st_size:
            self._watched = None
        return file


def read_watched(path: Path) -> dict[str, Any]:
    """Return what the first line of a JSONL tells of the watched trainer; nothing where it is of an older version.

    `version`, `trainer`, `adapter`, `parts` (each with `kind`, `owner`, `name`, `label`), `missing`, `settings`.
    """
    first = next(read_lines(path), {})
    watched = first.get("watched")
    return watched if isinstance(watched, dict) else {}


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """Yield the lines of a JSONL that a sink has written; what a crash has cut off is left out."""
    with path.open(encoding="utf-8", errors="replace") as file:
        for text in file:
            try:
                line = json.loads(text)
            except ValueError:
                continue
            if isinstance(line, dict) and isinstance(line.get("payload"), dict):
                yield line
