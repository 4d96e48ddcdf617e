"""What becomes of a trainer's call of `log`, and what is counted of those that W&B throws away."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from llm_telemetry.sinks.wandb.rows import Call, Row

DROPPED = (
    "W&B drops a row of your trainer: it logged step=%d, but W&B is at step %d and only goes forward "
    "(%d such rows so far; the count goes on in telemetry/trainer_rows_dropped). To keep them, log without "
    "step=, or give every call of one training step the same step=, or give the metrics a step key of their "
    "own with run.define_metric(name, step_metric=...). rescue_rows=True keeps them under rescued/. "
    "See docs/wandb.md."
)


@dataclass
class Tally:
    """What went missing, over all the runs of one sink."""

    dropped: int = 0
    """Rows of the trainer that W&B threw away."""
    missed: int = 0
    """Rows of ours that no run has got."""


Fate = Literal["alone", "together", "ridden", "ahead", "dropped"]
"""What becomes of a trainer's call: it goes alone, or has a row of ours in it, or rows of ours before it, or W&B drops
it; `ahead` means that our rows moved the counter, as far as this very call is about to move it."""


class Passage(NamedTuple):
    """A trainer's call on its way."""

    call: Call
    fate: Fate
    row: Row | None = None
    """What of ours is in it."""
