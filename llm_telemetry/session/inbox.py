"""Events between the thread that has seen them and the sums: appended at once, booked many at a time."""

from __future__ import annotations

from collections import deque
from itertools import groupby, islice
from operator import attrgetter
from typing import TYPE_CHECKING, Any

from llm_telemetry.guard import guarded, owned
from llm_telemetry.session.turn import Turn

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from llm_telemetry.events import Event, Split
    from llm_telemetry.guard import Failures

BATCH = 256
"""So many events wait before they are booked: together, as code and data are warm after the first."""
MOST = 16 * BATCH
"""From so many on, whoever appends waits for the thread that books: it has one share of the interpreter among many."""
PAUSE = 0.05
"""Seconds of that at most, for who appends may hold anything that the other one wants: it may be a finaliser."""
_split_of = attrgetter("split")


class Inbox:
    """What is seen and not booked yet.

    Events come from any thread, also from a finaliser in the middle of another; whoever gets the turn books them, and
    nothing is booked twice or half. While another thread has the turn, to book or to make a payload, more may wait than
    a batch, and with `MOST` of them each that comes is a pause for who appends it. No code of the user's runs in the
    turn.

    Args:
        failures: Where those of the listeners are counted.
        then: Is called, out of the turn, when a batch is booked.
    """

    def __init__(self, failures: Failures, then: Callable[[], object]) -> None:
        self.failures = failures
        self._then = then
        self.listeners: Mapping[type, Callable[[Iterator[Any]], object]] = {}
        """Kind of event → what takes those of it that have come one after the other."""
        self.waiting: deque[Event] = deque()
        self.turn = Turn()
        """Of the one thread that books, or reads the sums."""
        self.dirty: set[Split] = set()
        """Splits of which something was booked since their last payload."""

    @owned
    def relieve(self) -> None:
        """Book what waits, or leave it to the thread that books; of too much, only after a pause."""
        self.empty(wait=len(self.waiting) >= MOST, most=PAUSE)
        self._then()

    def empty(self, *, wait: bool = True, most: float = -1) -> None:
        """Book what waits, where the turn can be taken so (see `Turn.take`)."""
        if self.turn.take(wait=wait, most=most):
            try:
                self.book()
            finally:
                self.turn.give()

    @owned
    def book(self) -> None:
        """Book what waits now, in the turn: not what comes meanwhile, of which there may be no end."""
        if not (count := len(self.waiting)):
            return
        self.dirty.update(map(_split_of, islice(self.waiting.copy(), count)))  # a copy: threads append meanwhile
        events: Iterator[Event] = islice(iter(self.waiting.popleft, None), count)
        for _ in range(count):  # a failure is of one event; the others are booked after it
            if self._book_all(events):
                break

    @guarded
    def _book_all(self, events: Iterator[Event]) -> bool:
        """Book what is left of these, each only then taken from what waits; `True` when none is left."""
        for kind, alike in groupby(events, type):
            self.listeners[kind](alike)
        return True
