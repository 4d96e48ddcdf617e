"""Child processes: each writes what it sees to a file of its own, and the owner of the run takes it from there.

A forked child finds itself in the child (`Session.become_child`), a spawned one by the variable that its parent has
set, a rank of torchrun by torchrun's own variables. A line is written when something happens, in one system call: a
child that is killed loses at most the event under way. Nothing is counted by the child itself.
"""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any

from llm_telemetry.guard import log
from llm_telemetry.session.folders import is_private, make_private, open_own, remove_folder
from llm_telemetry.session.foreign import KINDS, Executed, Rewarded, ToldRollout, event_in
from llm_telemetry.session.rollouts import OpenRollout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from llm_telemetry.events import Event, Split
    from llm_telemetry.session.matching import RolloutBook
    from llm_telemetry.session.rollouts import Phase

_NAMES = {event: kind for kind, event in KINDS.items()}
_ENDING = ".jsonl"
_RANK = "-rank"
_CLOSED = "closed"
_LAST = json.dumps([_CLOSED, {}]).encode()
"""What a rank of a training tells last."""
DIED = (
    "rank %s has ended without a word: what it has told is counted; at most the event that was under way is lost, and "
    "what it would have done since"
)


class SpoolWriter:
    """The child's end: one file a process.

    Args:
        folder: The owner's folder; made when the first event comes.
        rank: Of a process that takes part in a training of several: it says when it is done.
    """

    def __init__(self, folder: Path, rank: str = "") -> None:
        self.folder = folder
        self._rank = rank
        self._file: int | None = None
        self._torn = False

    def open(self) -> int:
        """Make the file, by which the owner knows that this process is heard.

        Raises:
            OSError: The folder is not private, or cannot be written.
        """
        if self._file is None:
            make_private(self.folder)
            rank = self._rank and f"{_RANK}{self._rank}"
            path = self.folder / f"{os.getpid()}-{os.urandom(4).hex()}{rank}{_ENDING}"
            self._file = open_own(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL)
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

    def close(self) -> None:
        """Say that nothing more will come, if that is asked of this process."""
        if self._rank and self._file is not None:
            self.write(_CLOSED, {})

    def record(self, event: Event) -> None:
        """Append an event."""
        self.write(_NAMES[type(event)], event._asdict())


class ForwardedRollouts:
    """Stands in for the `RolloutBook` in a child: the owner matches rewards to executions, for all processes."""

    def __init__(self, writer: SpoolWriter) -> None:
        self._writer = writer

    def begun(self, rollouts: object) -> None:
        """Tell it when they are executed."""

    def forget(self, rollouts: object) -> None:
        """Have told nothing of them."""

    def executed(self, rollout: OpenRollout, *, failed: bool) -> None:
        """Tell the owner that the executor is done with `rollout`."""
        self._writer.write("executed", {"rollout": _told(rollout), "failed": failed})

    def rewarded(self, wanted: OpenRollout, last: OpenRollout | None, reward: float | None) -> None:
        """Tell the owner of a reward."""
        self._writer.write("rewarded", {"wanted": _told(wanted), "last": last and _told(last), "reward": reward})

    def expected(self, wanted: OpenRollout, last: OpenRollout | None) -> OpenRollout | None:
        """Return the rollout of this task, if it is of the same problem; of others only the owner knows."""
        return last if last is not None and last.problem == wanted.problem is not None else None

    def close(self, split: object, phase: object) -> None:
        """Leave it to the owner."""

    def settle(self, split: object) -> None:
        """Leave it to the owner."""


def _told(rollout: OpenRollout) -> dict[str, Any]:
    return {"key": rollout.key, "source": rollout.source, "problem": rollout.problem, "group": rollout.group}


class SpoolReader:
    """The owner's end: takes what has come since the last time.

    Args:
        folder: Where the children write.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.heard: set[int] = set()
        """The ids of the processes that have told something, or that they are there."""
        self._offsets: dict[str, int] = {}
        self._closed: set[str] = set()
        self._told = False

    def take(self, split: Split) -> Iterator[Event | Executed | Rewarded]:
        """Yield what is told in each whole line that is new; a line that cannot be is left out.

        Args:
            split: Of the owner's phase. A child cannot know it: a worker of a pool was forked in some earlier one.
        """
        for line in self._new_lines():
            event = self._read_line(line, split)
            if event is not None:
                yield event

    def _read_line(self, line: bytes, split: Split) -> Event | Executed | Rewarded | None:
        try:
            kind, told = json.loads(line)
            return event_in(kind, told, split)
        except (ValueError, TypeError, RecursionError) as error:
            if line and not self._told:
                self._told = True
                log.warning("what a child process has told cannot be, and is left out: %s", error)
            return None

    def wait_for_ranks(self, seconds: float = 1.0) -> None:
        """Give the other ranks of a training a moment to say that they are done, or to be gone: they end together."""
        until = time.monotonic() + seconds
        while time.monotonic() < until and any(self._may_tell(*file) for file in self._files() if _RANK in file[0]):
            time.sleep(0.02)

    def _may_tell(self, name: str, size: int) -> bool:
        with os.fdopen(open_own(self.folder / name, os.O_RDONLY), "rb") as file:
            file.seek(max(0, size - len(_LAST) - 1))
            return file.read().strip() != _LAST and _is_alive(_writer_of(name))

    def remove(self) -> None:
        """Remove the folder with all that has been taken."""
        remove_folder(self.folder)

    def _files(self) -> list[tuple[str, int]]:
        """Return name and size of the children's files."""
        if not is_private(self.folder):
            return []
        with os.scandir(self.folder) as entries:
            ours = [entry for entry in entries if entry.name.endswith(_ENDING)]
            return sorted((entry.name, entry.stat(follow_symlinks=False).st_size) for entry in ours)

    def _new_lines(self) -> Iterator[bytes]:
        """Yield the lines that have come; the file of a process that has ended is gone when it has been read."""
        writers = {name: _writer_of(name) for name, _ in self._files()}
        ended = {name for name, pid in writers.items() if not _is_alive(pid)}
        self.heard.update(pid for pid in writers.values() if pid is not None)
        for name, size in self._files():  # after asking who is alive: what somebody wrote last is read
            if size > self._offsets.get(name, 0):
                yield from self._read(name)
            if name in ended:
                self._offsets.pop(name, None)
                if _RANK in name and name not in self._closed:
                    log.warning(DIED, name.removesuffix(_ENDING).rpartition(_RANK)[2])
                (self.folder / name).unlink(missing_ok=True)

    def _read(self, name: str) -> list[bytes]:
        offset = self._offsets.get(name, 0)
        try:
            with os.fdopen(open_own(self.folder / name, os.O_RDONLY), "rb") as file:
                file.seek(offset)
                text = file.read()
        except OSError as error:  # no file of ours
            log.debug("%s cannot be read: %s", name, error)
            return []
        whole = text[: text.rfind(b"\n") + 1]  # the last line may still be on its way
        self._offsets[name] = offset + len(whole)
        lines = whole.splitlines()
        if lines and lines[-1] == _LAST:
            self._closed.add(name)
            lines.pop()
        return lines


def _writer_of(name: str) -> int | None:
    """Return the id of the process that writes a file, `None` for a name that is not ours."""
    pid = name.partition("-")[0].partition(".")[0]
    return int(pid) if pid.isdecimal() else None


def _is_alive(pid: int | None) -> bool:
    """Tell whether a process may still write; one of which nothing is known may."""
    if pid is None or os.name != "posix":
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def deliver(children: SpoolReader, book: RolloutBook, record: Callable[[Any], None], phase: Phase | None) -> None:
    """Give to the owner what its children have seen.

    Args:
        children: Where it is.
        book: Takes executions and rewards, which may be of different processes.
        record: Takes events.
        phase: The step or validation that it belongs to; without one it is training.
    """
    for told in children.take(phase.split if phase else "train"):
        if isinstance(told, Executed):
            book.executed(_opened(told.rollout, phase), failed=told.failed)
        elif isinstance(told, Rewarded):
            last = told.last and book.waiting(told.last.key)
            book.rewarded(_opened(told.wanted, phase), last, told.reward)
        else:
            record(told)


def _opened(told: ToldRollout, phase: Phase | None) -> OpenRollout:
    """Open here a rollout that another process tells of."""
    split: Split = phase.split if phase else "train"
    return OpenRollout(split, phase, told.source, told.problem, key=told.key, group=told.group)
