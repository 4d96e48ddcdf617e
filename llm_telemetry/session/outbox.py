"""Payloads on their way to the sinks."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any

from llm_telemetry.alarm.alarm import tell
from llm_telemetry.guard import guarded
from llm_telemetry.session.turn import Turn

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llm_telemetry.events import Alert, Payload


class Outbox:
    """Gives payloads to the sinks: in order, one thread at a time, and no other thread waits for it.

    Args:
        sinks: Where payloads go, in this order.
    """

    def __init__(self, sinks: Sequence[Any]) -> None:
        self._sinks = list(sinks)
        self._waiting: deque[tuple[Payload, Alert | None]] = deque()
        self._turn = Turn()

    def put(self, payload: Payload, alert: Alert | None) -> None:
        """Have a payload written, and an alert told after it: at once, or by the thread that is writing."""
        self._waiting.append((payload, alert))
        while self._waiting and self._turn.take(wait=False):
            try:
                while self._waiting:
                    self._write(*self._waiting.popleft())
            finally:
                self._turn.give()

    def _write(self, payload: Payload, alert: Alert | None) -> None:
        for sink in self._sinks:
            _write(sink, payload)
        if alert is not None:
            tell(alert, self._sinks)

    def close(self) -> None:
        """Close the sinks."""
        for sink in self._sinks:
            _close(sink)


@guarded
def _write(sink: Any, payload: Payload) -> None:
    sink.write(payload)


@guarded
def _close(sink: Any) -> None:
    sink.close()
