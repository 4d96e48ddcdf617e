"""What a collector is, and how it takes USD."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llm_telemetry.events import Call, Evaluation, Rollout, Split


@runtime_checkable
class Collector(Protocol):
    """What `instrument(trainer, collectors=[…])` takes: it sees every event, and adds keys to every payload.

    Both methods run under the session's lock, so a collector needs none of its own; they must be quick.
    """

    def add(self, event: Call | Evaluation | Rollout) -> None:
        """Take one event; `event.split` says whether it belongs to training or to validation."""

    def collect(self, split: Split) -> Mapping[str, float]:
        """Return keys and numbers for the payload of `split`, and begin a new window for it."""


def to_usd(cost: float | Decimal) -> Decimal:
    """Return USD as they were written: 0.1 is a tenth, not its binary neighbour."""
    return cost if isinstance(cost, Decimal) else Decimal(str(cost))
