"""The lock of what is counted, which nobody waits for in vain."""

from __future__ import annotations

import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator


class Turn:
    """A lock that its own thread does not wait for.

    A signal handler or a finaliser may run in the middle of a thread's work under the lock, and want it again: a plain
    lock would wait for ever, and a re-entrant one would let half-done additions be seen.
    """

    __slots__ = ("_holder", "_lock")

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._holder: int | None = None

    @property
    def is_mine(self) -> bool:
        """Whether this thread has it."""
        return self._holder == threading.get_ident()

    def take(self, *, wait: bool, most: float = -1) -> bool:
        """Take the lock; `False` when this thread has it already, or another one has and there is no waiting.

        Args:
            wait: Wait for another thread that has it.
            most: Seconds that are waited at most; by default as long as it takes.
        """
        me = threading.get_ident()
        if self._holder == me or not self._lock.acquire(wait, most if wait else -1):
            return False
        self._holder = me
        return True

    @contextmanager
    def held(self) -> Iterator[bool]:
        """Hold the lock for a block, which is told whether it has it; not so when this thread had it already."""
        taken = self.take(wait=True)
        try:
            yield taken
        finally:
            if taken:
                self.give()

    def give(self) -> None:
        """Give the lock back."""
        self._holder = None
        self._lock.release()
