"""The owner's end of the folder for other processes: it takes what has come since the last time.

Each writer has a file of its own, and a line is known by its place in it: what was read once is never read again, so
a file that is sent twice, or late, changes nothing.
"""

from __future__ import annotations

import json
import os
import time
from threading import Lock
from typing import TYPE_CHECKING

from llm_telemetry.collectors.keys import UNCLOSED_WRITERS
from llm_telemetry.guard import log
from llm_telemetry.session.copies import rest_of
from llm_telemetry.session.folders import is_private, open_own, remove_folder
from llm_telemetry.session.foreign import ForeignError, event_in
from llm_telemetry.session.spool import LAST, RESTING
from llm_telemetry.session.writers import Writer

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Mapping
    from pathlib import Path

    from llm_telemetry.events import Event, Split
    from llm_telemetry.session.foreign import Executed, Rewarded

DIED = (
    "%s has ended without a word: what it has told is counted; at most the event that was under way is lost, and "
    "what it would have done since"
)
UNCLOSED = (
    "%d processes of other machines have told something, and not that they are done: they were killed, or are at work. "
    "What they have told is counted; see telemetry/unclosed_writers in docs/ray.md"
)

_decode = json.JSONDecoder().raw_decode


class SpoolReader:
    """Reads what other processes write.

    Args:
        folder: Where they do.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.heard: set[tuple[str, int]] = set()
        """The machines and ids of the processes that have told something, or that they are there."""
        self.bereaved: Callable[[], Collection[str] | None] = tuple
        """Returns the files of writers of which somebody else knows that they have died."""
        self.texts = 0
        """So many times something new was read."""
        self.unclosed = 0
        """So many have ended, or had not by the end, without saying that they are done, where that is asked of them."""
        self._offsets: dict[str, int] = {}
        self._closed: set[str] = set()
        self._gone: set[str] = set()
        self._told = False
        self._reading = Lock()

    def facts(self) -> Mapping[str, int]:
        """Return what a payload has to tell of the writers."""
        return {UNCLOSED_WRITERS.name: self.unclosed} if self.unclosed else {}

    def take(self, split: Split) -> Iterator[Event | Executed | Rewarded]:
        """Yield what is told in each whole line that is new; a line that cannot be is left out.

        The file of a process that has ended is gone when it has been read.

        Args:
            split: Of the owner's phase, for who does not know it: a worker of a pool was forked in some earlier one.
        """
        writers = self._writers()
        ended = {name for name, writer in writers if name in self._closed or not writer.may_write()}
        ended.update(self.bereaved() or ())
        self.heard.update((writer.machine, writer.pid) for _, writer in writers)
        for name, writer in writers:  # after asking who is alive: what somebody wrote last is read
            yield from self._take_from(name, split)
            if name in ended:
                self._end(name, writer)

    def look(self, split: Split) -> Iterator[Event | Executed | Rewarded]:
        """Yield what is new, as `take`; in the midst of it nobody is asked whether he has ended."""
        for name, _ in self._writers():
            yield from self._take_from(name, split)

    def _take_from(self, name: str, split: Split) -> Iterator[Event | Executed | Rewarded]:
        for line in self._read(name):
            event = self._read_line(line, split)
            if event is not None:
                yield event

    def _read_line(self, line: bytes, split: Split) -> Event | Executed | Rewarded | None:
        try:
            (kind, told), end = _decode(text := str(line, "utf-8"))
            if end == len(text):
                return event_in(kind, told, split)
            raise ForeignError("there is more in a line than an event")
        except (ValueError, TypeError, RecursionError) as error:
            if line and not self._told:
                self._told = True
                log.warning("what a child process has told cannot be, and is left out: %s", error)
            return None

    def wait_for_ranks(self, seconds: float = 1.0) -> None:
        """Give ranks, and processes of other machines, a moment to say that they are done."""
        until = time.monotonic() + seconds
        while (late := [writer for name, writer in self._writers() if self._may_tell(name, writer)]) and (
            time.monotonic() < until
        ):
            time.sleep(0.02)
        if missing := sum(not writer.is_here for writer in late):
            self.unclosed += missing
            log.warning(UNCLOSED, missing)

    def _may_tell(self, name: str, writer: Writer) -> bool:
        if not writer.tells_its_end or not writer.may_write():
            return False
        with os.fdopen(open_own(self.folder / name, os.O_RDONLY), "rb") as file:
            file.seek(max(0, os.fstat(file.fileno()).st_size - max(len(LAST), len(RESTING)) - 1))
            return not file.read().strip().endswith((LAST, RESTING))

    def remove(self) -> None:
        """Remove the folder with all that has been taken."""
        remove_folder(self.folder)

    def _writers(self) -> list[tuple[str, Writer]]:
        """Return the names of the files, and whose they are."""
        if not is_private(self.folder):
            return []
        with os.scandir(self.folder) as entries:
            names = sorted(entry.name for entry in entries if entry.name not in self._gone)
        return [(name, writer) for name in names if (writer := Writer.of(name))]

    def _end(self, name: str, writer: Writer) -> None:
        if writer.tells_its_end and name not in self._closed:
            self.unclosed += 1
            log.warning(DIED, writer)
        if not writer.is_here:
            self._gone.add(name)  # what is sent once more makes it anew
        self._closed.discard(name)
        self._drop(name)

    def _drop(self, name: str) -> None:
        self._offsets.pop(name, None)
        (self.folder / name).unlink(missing_ok=True)

    def _read(self, name: str) -> list[bytes]:
        """Return the whole lines of a file that are new."""
        with self._reading:  # threads of the trainer may look for executions at the same time
            at = self._offsets.get(name, 0)
            text = rest_of(f"{self.folder}/{name}", at)
            if not (whole := text[: text.rfind(b"\n") + 1]):  # the last line may still be on its way
                return []
            self._offsets[name] = at + len(whole)
            self.texts += 1
        lines = whole.splitlines()
        if lines[-1] == LAST:
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
