"""The user's collectors: they hear of what is counted, and are asked for their keys, outside of the session's lock."""

from __future__ import annotations

import math
from collections import deque
from typing import TYPE_CHECKING, Any

from llm_telemetry.collectors import keys
from llm_telemetry.guard import guarded
from llm_telemetry.session.turn import Turn

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from llm_telemetry.events import Event, Payload, Split


class UserCollectors:
    """Gives each event to the user's collectors once: in order, and one thread at a time.

    Nobody waits for them but a flush, whose payload has their keys.

    Args:
        collectors: The user's, in this order.
    """

    def __init__(self, collectors: Sequence[Any]) -> None:
        self._adds = tuple(guarded(collector.add) for collector in collectors)
        self._collects = tuple(_part_of(collector) for collector in collectors)
        self._waiting: deque[Event] = deque()
        self.listeners: tuple[Callable[[Event], object], ...] = (self._waiting.append,) if collectors else ()
        """What takes each event where it is counted."""
        self.turn = Turn()
        """Of the one thread that is in a collector, or makes a payload."""

    def waiting(self) -> int:
        """Return how many events they have not heard of yet."""
        return len(self._waiting)

    def hear(self) -> None:
        """Let them hear of what waits now, unless another thread sees to it, or this one is in a collector."""
        if self._waiting and self.turn.take(wait=False):
            try:
                self._hear(len(self._waiting))
            finally:
                self.turn.give()

    def _hear(self, events: int) -> None:
        for _ in range(events):
            event = self._waiting.popleft()
            for add in self._adds:
                add(event)

    def collect_into(self, values: dict[str, float], split: Split, events: int) -> None:
        """Add their keys to `values`; to be used in their turn.

        Args:
            values: What they have told so far, also where one of them is interrupted.
            split: Its window ends.
            events: So many of those that wait are in that window, or were counted before its end.
        """
        self._hear(events)
        for collect in self._collects:
            values.update(collect(split) or {})


def complete(payload: Payload, told: Mapping[str, float], errors: int) -> Payload:
    """Return the payload with what the user's collectors have told; a key of ours replaces theirs.

    Args:
        payload: What is counted.
        told: Their keys.
        errors: Failures up to now, theirs included.
    """
    values = {**told, **payload.values, keys.TELEMETRY_ERRORS.name: errors}
    return payload._replace(values=values, totals=keys.totals_in(values), state={**payload.state, "errors": errors})


def _part_of(collector: Any) -> Callable[[Split], dict[str, float] | None]:
    """Return what asks a user's collector for its keys; one that tells what cannot be told is left out, as a whole."""

    def collect(split: Split) -> dict[str, float]:
        told = collector.collect(split)
        return {_key(key): _number(value) for key, value in told.items() if _is_known(value)}

    collect.__qualname__ = f"{type(collector).__qualname__}.collect"  # its failures are told under its name
    return guarded(collect)


def _is_known(value: Any) -> bool:
    return isinstance(value, int | float) and value == value  # noqa: PLR0124 - NaN


def _key(key: Any) -> str:
    if not isinstance(key, str):
        raise TypeError(f"a key must be a text, not {key!r}")
    return key


def _number(value: float) -> float:
    if not math.isfinite(value):  # an OverflowError for whole numbers that no float can hold
        raise ValueError(f"JSON cannot hold {value}")
    return int(value) if isinstance(value, int) else float(value)
