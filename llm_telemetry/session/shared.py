"""A folder that the processes of several machines share, and that outlives the run's owner: it may be started again.

How far each file is in the payloads stands in a note beside them, for the latest payload and the one before it. The
payload tells its number, so whichever of the two reached the disk last, its successor reads on exactly there.
A run has a successor as soon as its first payload is on the disk.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from llm_telemetry.guard import log
from llm_telemetry.session.folders import read_note, write_note
from llm_telemetry.session.reader import SpoolReader
from llm_telemetry.session.writers import Writer
from llm_telemetry.words import machine

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

OWNER, OFFSETS = "owner.json", "offsets.json"
BUSY = (
    "the folder %s belongs to another run, process %d of this machine: what other processes tell there is that one's. "
    "A run needs a folder of its own"
)


class SharedReader(SpoolReader):
    """Reads a shared folder.

    Args:
        folder: Where processes write.
    """

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._marks = _marks(read_note(folder / OFFSETS))
        self._mark = max(self._marks, default=0)
        self._offsets.update(self._marks.get(self._mark, {}))
        self._read_to_end: list[str] = []
        self._spent: list[str] = []

    def _drop(self, name: str) -> None:
        """Keep a file that was read to its end until the payload with it is sure to be written."""
        self._gone.add(name)
        self._read_to_end.append(name)

    def mark(self) -> Mapping[str, int]:
        """Note how far the lines are in this payload, and in the one before it."""
        for name in self._spent:
            super()._drop(name)
        self._spent, self._read_to_end = self._read_to_end, []
        self._mark += 1
        self._marks = {self._mark: dict(self._offsets), self._mark - 1: self._marks.get(self._mark - 1, {})}
        write_note(self.folder / OFFSETS, self._marks)
        return {"heard": self._mark}

    def go_on(self, mark: int | None) -> None:
        """Read on where a former owner was."""
        if mark is not None and mark in self._marks:
            self._mark, self._offsets = mark, dict(self._marks[mark])
        elif self._marks:
            log.warning("%s does not know of the payload that this run goes on from: lines may be missing", self.folder)


def claim(folder: Path) -> bool:
    """Become the owner of a shared folder, unless a process of this machine is, and lives."""
    told = read_note(folder / OWNER)
    if isinstance(told, list) and [type(one) for one in told] == [str, int]:
        home, pid = told
        if pid != os.getpid() and home == machine() and Writer(pid, home, "").may_write():
            log.warning(BUSY, folder, pid)
            return False
    write_note(folder / OWNER, [machine(), os.getpid()])
    return True


def _marks(told: object) -> dict[int, dict[str, int]]:
    """Return what a note holds; of one that cannot be, nothing."""
    if not isinstance(told, dict):
        return {}
    rows = {int(mark): row for mark, row in told.items() if mark.isdecimal() and isinstance(row, dict)}
    return {mark: {name: at for name, at in row.items() if type(at) is int} for mark, row in rows.items()}
