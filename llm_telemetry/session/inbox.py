"""Events between the thread that has seen them and the sums: appended at once, booked many at a time."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from llm_telemetry.guard import guarded, owned
from llm_telemetry.session.turn import Turn

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from llm_telemetry.events import Event, Split
    from llm_telemetry.guard import Failures

BATCH = 256
"""So many events wait at most before they are booked: together, as code and data are warm after the first."""


class Inbox:
    """What is seen and not booked yet.

    Events come from any thread, also from a finaliser in the middle of another; whoever gets the turn books them.
    Nobody waits, nothing is booked twice or half. No code of the user's runs in the turn but `threshold=`, and so it
    is held no longer than our own sums take: what comes meanwhile is booked by the next who appends.

    Args:
        failures: Where those of the listeners are counted.
    """

    def __init__(self, failures: Failures) -> None:
        self.failures = failures
        self.listeners: Mapping[type, Sequence[Callable[[Any], object]]] = {}
        """Kind of event → who takes it."""
        self.waiting: deque[Event] = deque()
        self.turn = Turn()
        """Of the one thread that books, or reads the sums."""
        self.dirty: set[Split] = set()
        """Splits of which something was booked since their last payload."""

    def empty(self, *, wait: bool) -> None:
        """Book what waits; if another thread has the turn, wait for it or leave it to that one."""
        if self.turn.take(wait=wait):
            try:
                self.book()
            finally:
                self.turn.give()

    @owned
    def book(self) -> None:
        """Book what waits, in the turn."""
        while self.waiting:
            self._book_one(self.waiting.popleft())

    @guarded
    def _book_one(self, event: Event) -> None:
        self.dirty.add(event.split)
        for add in self.listeners[type(event)]:
            add(event)
