"""What a run will have cost at its end, where it is known how many steps it will have."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence


class Projection:
    """Takes what a run has cost after each step; the steps to come are taken to cost what those so far have cost."""

    def __init__(self) -> None:
        self._first: Sequence[Any] = ()
        """The first step that was seen, and what the run had cost after it: what it cost by itself is not known."""

    def begin(self, step: int, spent: float | None) -> None:
        """Take what the run has cost after a training step, in USD; only the first counts."""
        if not self._first and spent is not None:
            self._first = step, spent

    def at_end(self, step: int, steps: int | None, spent: float | None) -> float | None:
        """Return what the run will have cost; `None` where that is not known, as after the first step.

        Args:
            step: The latest training step.
            steps: How many there will be; where the first was 0, the last is one less.
            spent: What the run has cost so far, in USD.
        """
        if not self._first or steps is None or spent is None:
            return None
        first, before = self._first
        last = steps - (first == 0)
        return spent + (spent - before) / (step - first) * (last - step) if first < step <= last else None

    def state(self) -> Sequence[Any]:
        """Return what `restore` needs in another process."""
        return self._first

    def restore(self, state: Sequence[Any]) -> None:
        """Go on with a run that a former process has begun."""
        self._first = state or self._first
