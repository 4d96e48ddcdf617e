"""The first failed or contradictory evaluations of a step, and what they looked like; where that was asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llm_telemetry.events import SPLITS, CapturedEvaluation

if TYPE_CHECKING:
    from llm_telemetry.events import Evaluation, Split


class EvidenceCollector:
    """Keeps the evidence of the evaluations that arrive first in the window of each split.

    Args:
        most: How many it keeps of a window.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._windows: dict[Split, list[Evaluation]] = {split: [] for split in SPLITS}

    def has_room(self, split: Split) -> bool:
        """Tell whether the evidence of one more evaluation would be kept; without room it need not be made."""
        return len(self._windows[split]) < self._most

    def add_evaluation(self, evaluation: Evaluation) -> None:
        """Keep an evaluation that has evidence, as long as there is room."""
        if evaluation.evidence is not None and self.has_room(evaluation.split):
            self._windows[evaluation.split].append(evaluation)

    def kept(self, split: Split, step: int) -> tuple[CapturedEvaluation, ...]:
        """Return what was kept in the window of `split`, which ends with `step`."""
        return tuple(
            CapturedEvaluation(step, split, e.source, e.judge, e.outcome, e.failure, e.disagreed, *e.evidence)
            for e in self._windows[split]
            if e.evidence is not None
        )

    def begin(self, split: Split) -> None:
        """Begin a new window."""
        self._windows[split] = []
