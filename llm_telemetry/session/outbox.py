"""The way out of a session: each payload to each sink, once, in the order in which they were made."""

from __future__ import annotations

import threading
from collections import deque
from typing import TYPE_CHECKING

from llm_telemetry.guard import attempt

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from llm_telemetry.events import Payload
    from llm_telemetry.sinks.base import Sink


class Outbox:
    """Keeps payloads until every sink has been given them.

    Args:
        sinks: Where payloads go, in this order; one that fails is told, and keeps nobody else from its payload.
    """

    def __init__(self, sinks: Sequence[Sink]) -> None:
        self._sinks = sinks
        self._unsent: deque[tuple[Payload, Iterator[Sink]]] = deque()
        self._sending = threading.Lock()

    def add(self, payload: Payload) -> None:
        """Take a payload; it goes out with the next `send`."""
        self._unsent.append((payload, iter(self._sinks)))

    def send(self) -> None:
        """Give the sinks what they have not been given; after an interruption the next call goes on where it was.

        A call in the middle of another, by a thread, a signal's handler or a sink, leaves it to that one.
        """
        while self._unsent and self._sending.acquire(blocking=False):
            try:
                payload, sinks = self._unsent[0]
                for sink in sinks:
                    attempt(sink.write, payload)
                self._unsent.popleft()
            finally:
                self._sending.release()

    def close(self) -> None:
        """Send the rest, and close the sinks."""
        self.send()
        for sink in self._sinks:
            attempt(sink.close)
