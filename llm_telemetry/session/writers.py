"""Who writes a file of the folder for other processes: the file's name tells it, and no two have the same."""

from __future__ import annotations

import os
import re
from typing import NamedTuple

from llm_telemetry.words import is_running, machine

_NAME = re.compile(r"(\d{1,9})-([0-9a-f]+)-([0-9a-f]+)(?:-rank(\w+))?\.jsonl")


class Writer(NamedTuple):
    """One process, from its first line to its last."""

    pid: int
    machine: str
    """See `words.machine`: on another one the process's id says nothing."""
    incarnation: str
    """Drawn by lot: ids of processes are used again."""
    rank: str = ""
    """Of a process that takes part in a training of several."""

    @classmethod
    def here(cls, rank: str = "") -> Writer:
        """Return a new one of this process."""
        return cls(os.getpid(), machine(), os.urandom(4).hex(), rank)

    @classmethod
    def of(cls, name: str) -> Writer | None:
        """Return who writes the file of this name; `None` for a name that is not ours."""
        found = _NAME.fullmatch(name)
        return None if found is None else cls(int(found[1]), found[2], found[3], found[4] or "")

    @property
    def name(self) -> str:
        """The name of its file."""
        rank = self.rank and f"-rank{self.rank}"
        return f"{self.pid}-{self.machine}-{self.incarnation}{rank}.jsonl"

    @property
    def is_here(self) -> bool:
        """Whether it is a process of this machine."""
        return self.machine == machine()

    @property
    def tells_its_end(self) -> bool:
        """Whether it says that it is done: a rank of a training, and who cannot be looked after from here."""
        return bool(self.rank) or not self.is_here

    def may_write(self) -> bool:
        """Tell whether it may still write; one of which nothing can be known may."""
        return not self.is_here or is_running(self.pid)

    def __str__(self) -> str:
        """Name it for people."""
        return f"rank {self.rank}" if self.rank else f"process {self.pid} of another machine"
