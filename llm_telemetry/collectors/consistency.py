"""Whether a judge says the same of the same answer, and whether it accepts what answers nothing: from checksums."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from llm_telemetry.collectors import keys
from llm_telemetry.collectors.aggregates import Sums, ratio
from llm_telemetry.collectors.naming import Key, name_all

if TYPE_CHECKING:
    from llm_telemetry.events import Evaluation, Split

MOST = 65_536
"""Answers that are remembered, some 150 bytes each."""


@dataclass(slots=True)
class AnchorSums(Sums):
    """Verdicts of which something is known beforehand."""

    pairs: int = 0
    """Verdicts on an answer that the same judge has judged before."""
    inconsistent: int = 0
    """Those of them that differ from the verdict before."""
    degenerate: int = 0
    """Verdicts on answers that are none."""
    accepted: int = 0
    forgotten: int = 0


class ConsistencyCollector:
    """Remembers the latest verdict on each answer; which is forgotten first, is the one not asked about for longest.

    Args:
        most: How many answers it remembers.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._verdicts: dict[int, bool] = {}
        self._windows: defaultdict[Split, AnchorSums] = defaultdict(AnchorSums)

    def add_evaluation(self, evaluation: Evaluation) -> bool | None:
        """Take a final evaluation; return whether its verdict is the one before, `None` where there is none before."""
        judged, outcome = evaluation.judged, evaluation.outcome
        if judged is None or outcome not in ("correct", "incorrect"):
            return None
        sums, right = self._windows[evaluation.split], outcome == "correct"
        if judged.degenerate:
            sums.degenerate += 1
            sums.accepted += right
        if judged.pair is None:
            return None
        verdicts, answer = self._verdicts, hash((evaluation.judge, judged.pair))
        before = verdicts.pop(answer, None)
        verdicts[answer] = right  # to the young end
        if before is None:
            if len(verdicts) > self._most:
                del verdicts[next(iter(verdicts))]
                sums.forgotten += 1
            return None
        sums.pairs += 1
        sums.inconsistent += before != right
        return before == right

    def get_wandb_logs(self, split: Split = "train") -> dict[str, float]:
        """Return the keys since the last `begin`; none where nothing is known of what was judged."""
        sums = self._windows.get(split)
        return {} if sums is None else name_all(_describe(sums), split)

    def begin(self, split: Split) -> None:
        """Begin a new window; what is remembered stays."""
        self._windows.pop(split, None)


def _describe(sums: AnchorSums) -> dict[Key, float | None]:
    return {
        keys.INCONSISTENT_RATE: ratio(sums.inconsistent, sums.pairs),
        keys.REPEATED_PAIRS: sums.pairs or None,
        keys.DEGENERATE_ACCEPTED_RATE: ratio(sums.accepted, sums.degenerate),
        keys.DEGENERATE_SEEN: sums.degenerate or None,
        keys.FORGOTTEN_ANSWERS: sums.forgotten or None,
    }
