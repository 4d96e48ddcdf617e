"""Payloads on their way to the sinks."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from llm_telemetry.alarm.alarm import tell
from llm_telemetry.guard import guarded
from llm_telemetry.session.turn import Turn

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from llm_telemetry.events import Alert, Payload


class Outbox:
    """Gives each payload to each sink once: in order, one thread at a time, and no other thread waits for it.

    Args:
        sinks: Where payloads go, in this order.
    """

    def __init__(self, sinks: Sequence[Any]) -> None:
        self._sinks = list(sinks)
        self._waiting: deque[tuple[Payload, Sequence[Alert], Iterator[Any]]] = deque()
        self._turn = Turn()

    def add(self, payload: Payload, alerts: Sequence[Alert]) -> None:
        """Take a payload, and what is to be told after it; they go out with the next `send`."""
        self._waiting.append((payload, alerts, iter(self._sinks)))

    def send(self) -> None:
        """Write what waits, or leave it to the thread that is writing; an interrupted one goes on where it was."""
        while self._waiting and self._turn.take(wait=False):
            try:
                while self._waiting:
                    self._write(*self._waiting[0])
                    self._waiting.popleft()
            finally:
                self._turn.give()

    def _write(self, payload: Payload, alerts: Sequence[Alert], sinks: Iterator[Any]) -> None:
        for sink in sinks:
            _write(sink, payload)
        for alert in alerts:
            tell(alert, self._sinks)

    def close(self) -> None:
        """Send the rest, and close the sinks."""
        self.send()
        for sink in self._sinks:
            _close(sink)


@guarded
def _write(sink: Any, payload: Payload) -> None:
    sink.write(payload)


@guarded
def _close(sink: Any) -> None:
    sink.close()
