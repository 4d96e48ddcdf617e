"""The owner's end of the folder for other processes: it takes what has come since the last time.

Each writer has a file of its own, and a line is known by its place in it: what was read once is never read again, so
a file that is sent twice, or late, changes nothing.
"""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any

from llm_telemetry.collectors.keys import UNCLOSED_WRITERS
from llm_telemetry.guard import log
from llm_telemetry.session.folders import is_private, open_own, remove_folder
from llm_telemetry.session.foreign import Executed, Rewarded, ToldRollout, event_in
from llm_telemetry.session.rollouts import OpenRollout
from llm_telemetry.session.spool import LAST, RESTING
from llm_telemetry.session.writers import Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from pathlib import Path

    from llm_telemetry.events import Event, Split
    from llm_telemetry.session.matching import RolloutBook
    from llm_telemetry.session.rollouts import Phase

DIED = (
    "%s has ended without a word: what it has told is counted; at most the event that was under way is lost, and "
    "what it would have done since"
)
UNCLOSED = (
    "%d processes of other machines have told something, and not that they are done: they were killed, or are at work. "
    "What they have told is counted; see telemetry/unclosed_writers in docs/ray.md"
)


class SpoolReader:
    """Reads what other processes write.

    Args:
        folder: Where they do.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.heard: set[tuple[str, int]] = set()
        """The machines and ids of the processes that have told something, or that they are there."""
        self.unclosed = 0
        """So many have ended, or had not by the end, without saying that they are done, where that is asked of them."""
        self._offsets: dict[str, int] = {}
        self._closed: set[str] = set()
        self._gone: set[str] = set()
        self._told = False

    def facts(self) -> Mapping[str, int]:
        """Return what a payload has to tell of the writers."""
        return {UNCLOSED_WRITERS.name: self.unclosed} if self.unclosed else {}

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
            kind, told = json.loads(str(line, "utf-8"))
            return event_in(kind, told, split)
        except (ValueError, TypeError, RecursionError) as error:
            if line and not self._told:
                self._told = True
                log.warning("what a child process has told cannot be, and is left out: %s", error)
            return None

    def wait_for_ranks(self, seconds: float = 1.0) -> int:
        """Give ranks, and processes of other machines, a moment to say that they are done; return how many have not."""
        until = time.monotonic() + seconds
        while (late := [writer for writer, size in self._files() if self._may_tell(writer, size)]) and (
            time.monotonic() < until
        ):
            time.sleep(0.02)
        if missing := sum(not writer.is_here for writer in late):
            self.unclosed += missing
            log.warning(UNCLOSED, missing)
        return missing

    def _may_tell(self, writer: Writer, size: int) -> bool:
        if not writer.tells_its_end or not writer.may_write():
            return False
        with os.fdopen(open_own(self.folder / writer.name, os.O_RDONLY), "rb") as file:
            file.seek(max(0, size - max(len(LAST), len(RESTING)) - 1))
            return not file.read().strip().endswith((LAST, RESTING))

    def remove(self) -> None:
        """Remove the folder with all that has been taken."""
        remove_folder(self.folder)

    def _files(self) -> list[tuple[Writer, int]]:
        """Return the writers and the sizes of their files."""
        if not is_private(self.folder):
            return []
        with os.scandir(self.folder) as entries:
            ours = [
                (writer, entry)
                for entry in entries
                if (writer := Writer.of(entry.name)) and writer.name not in self._gone
            ]
            return sorted((writer, entry.stat(follow_symlinks=False).st_size) for writer, entry in ours)

    def _new_lines(self) -> Iterator[bytes]:
        """Yield the lines that have come; the file of a process that has ended is gone when it has been read."""
        if not (writers := [writer for writer, _ in self._files()]):
            return
        ended = {writer for writer in writers if writer.name in self._closed or not writer.may_write()}
        self.heard.update((writer.machine, writer.pid) for writer in writers)
        for writer, size in self._files():  # after asking who is alive: what somebody wrote last is read
            if size > self._offsets.get(writer.name, 0):
                yield from self._read(writer.name)
            if writer in ended:
                self._end(writer)

    def _end(self, writer: Writer) -> None:
        if writer.tells_its_end and writer.name not in self._closed:
            self.unclosed += 1
            log.warning(DIED, writer)
        if not writer.is_here:
            self._gone.add(writer.name)  # what is sent once more makes it anew
        self._closed.discard(writer.name)
        self._drop(writer.name)

    def _drop(self, name: str) -> None:
        self._offsets.pop(name, None)
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
        if lines and lines[-1] == LAST:
            self._closed.add(name)
            lines.pop()
        return [line for line in lines if line != RESTING]

    # --- over the end of the owner

    def mark(self) -> Mapping[str, int]:
        """Note how far the lines are in the payload that is being made; returns what its state has to tell `go_on`.

        In a folder that nobody finds after this process there is nothing to note.
        """
        return {}

    def go_on(self, mark: int | None) -> None:
        """Read on where a former owner of the same folder was when it made the payload with this mark."""


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
