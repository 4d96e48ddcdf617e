"""Child processes: each writes what it sees to a file of its own, and the owner of the run takes it from there.

A forked child finds itself in the child (`Session.become_child`), a spawned one by the variable that its parent has
set, a rank of torchrun by torchrun's own variables. A line is written when something happens, in one system call: a
child that is killed loses at most the event under way. Nothing is counted by the child itself.
"""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from llm_telemetry.session.folders import is_shared, make_private, open_own
from llm_telemetry.session.foreign import KINDS, told_of
from llm_telemetry.session.writers import Writer

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from llm_telemetry.events import Event
    from llm_telemetry.session.rollouts import OpenRollout

_NAMES = {event: kind for kind, event in KINDS.items()}
_CLOSED = "closed"
LAST = json.dumps([_CLOSED, {}]).encode()
"""What a process tells last, if that is asked of it."""
_RESTING = "resting"
RESTING = json.dumps([_RESTING, {}]).encode()
"""What a worker tells when nothing of its owner's is under way in it."""
_SYNCED = ("executed", "rewarded", _CLOSED)
"""What the owner may be waiting for: on a file server the lines are there when these have been written."""


class SpoolWriter:
    """The child's end: one file a process.

    Args:
        folder: The owner's folder; made when the first event comes.
        rank: Of a process that takes part in a training of several: it says when it is done.
        closes: Whether it says so in any case, as all do in a folder that machines share.
    """

    def __init__(self, folder: Path, rank: str = "", *, closes: bool = False) -> None:
        self.folder = folder
        self.knows_split = False
        """This process has had a step or a validation of its own, as a rank has: it knows what is training."""
        self.writer = Writer.here(rank)
        self._shared = is_shared(folder)
        self._closes = closes or self._shared or bool(rank)
        self._file: int | None = None
        self._torn = False

    def open(self) -> int:
        """Make the file, by which the owner knows that this process is heard.

        Raises:
            OSError: The folder is not private, or cannot be written.
        """
        if self._file is None:
            make_private(self.folder)
            self._file = open_own(self.folder / self.writer.name, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL)
        return self._file

    def write(self, kind: str, told: Mapping[str, Any]) -> None:
        """Append one line; one that a full disk has cut off does not swallow it.

        Raises:
            OSError: The folder is not private, or cannot be written.
        """
        file = self.open()
        line = ("\n" * self._torn + json.dumps([kind, told]) + "\n").encode()
        self._torn = True
        while line:
            line = line[os.write(file, line) :]
        self._torn = False
        if self._shared and kind in _SYNCED:
            os.fsync(file)

    def close(self) -> None:
        """Say that nothing more will come, if that is asked of this process; a forked child is another one."""
        if self._closes and self._file is not None and self.writer.pid == os.getpid():
            self.write(_CLOSED, {})

    def rest(self) -> None:
        """Say that nothing is under way here."""
        self.write(_RESTING, {})

    def withdraw(self) -> None:
        """Take back what was told: this process is an owner itself."""
        if self._file is not None:
            os.close(self._file)
            self._file = None
            (self.folder / self.writer.name).unlink(missing_ok=True)

    def record(self, event: Event) -> None:
        """Append an event."""
        self.write(_NAMES[type(event)], told_of(event, knows_split=self.knows_split))


class ForwardedRollouts:
    """Stands in for the `RolloutBook` in a child: the owner matches rewards to executions, for all processes."""

    def __init__(self, writer: SpoolWriter) -> None:
        self._writer = writer

    def has_executor(self, _split: object) -> bool:
        """Leave it to the owner, who is not told what else tells a rollout that a reward opens."""
        return True

    def begun(self, rollouts: object) -> None:
        """Tell it when they are executed."""

    def forget(self, rollouts: object) -> None:
        """Have told nothing of them."""

    def executed(self, rollout: OpenRollout, *, failed: bool) -> None:
        """Tell the owner that the executor is done with `rollout`."""
        self._writer.write("executed", {"rollout": self._told(rollout), "failed": failed})

    def rewarded(self, wanted: OpenRollout, last: OpenRollout | None, reward: float | None) -> None:
        """Tell the owner of a reward."""
        told = {"wanted": self._told(wanted), "last": last and self._told(last), "reward": reward}
        self._writer.write("rewarded", told)

    def expected(self, wanted: OpenRollout, last: OpenRollout | None) -> OpenRollout | None:
        """Return the rollout of this task, if it is of the same problem; of others only the owner knows."""
        return last if last is not None and last.problem == wanted.problem is not None else None

    def close(self, split: object, phase: object) -> None:
        """Leave it to the owner."""

    def settle(self, split: object) -> None:
        """Leave it to the owner."""

    def _told(self, rollout: OpenRollout) -> dict[str, Any]:
        own = {"split": rollout.split} if self._writer.knows_split else {}
        return {"key": rollout.key, "source": rollout.source, "problem": rollout.problem, "group": rollout.group, **own}
