"""Accuracy, rewards and cost by dataset."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from llm_telemetry.collectors import keys
from llm_telemetry.collectors.aggregates import Sums, ratio
from llm_telemetry.collectors.naming import Key, name_all
from llm_telemetry.events import SPLITS, Rollout, Split
from llm_telemetry.sources import SourceNames
from llm_telemetry.tables import print_table

if TYPE_CHECKING:
    from collections.abc import Mapping
    from decimal import Decimal

DEFAULT_THRESHOLD = 0.9


@dataclass(slots=True)
class SourceSums(Sums):
    """What happened to the rollouts of one source."""

    count: int = 0
    correct: int = 0
    failed: int = 0
    rewarded: int = 0
    reward_sum: float = 0.0
    costed: int = 0
    cost: float = 0.0
    """USD."""


class DatasetMetricsCollector:
    """Counts rollouts by source and split; usable alone.

    Args:
        threshold: A rollout is correct when its correctness (in training: its reward) is at least this.
        names: Shared between collectors that must agree on the names of sources; by default its own.
    """

    def __init__(self, threshold: float = DEFAULT_THRESHOLD, names: SourceNames | None = None) -> None:
        self.threshold = threshold
        self._names = names or SourceNames()
        self._windows: dict[Split, defaultdict[str, SourceSums]] = {split: defaultdict(SourceSums) for split in SPLITS}

    def add_result(  # noqa: PLR0913 - one argument a fact, all but two optional
        self,
        source: str,
        correctness: float | None,
        reward: float | None = None,
        cost: float | Decimal | None = None,
        *,
        failed: bool = False,
        split: Split = "train",
    ) -> None:
        """Count one rollout.

        Args:
            source: The dataset it comes from.
            correctness: A bool, or a number to hold against the threshold; `None` counts as wrong.
            reward: The reward, if one was computed.
            cost: USD, if known.
            failed: The executor raised, timed out, or said it did not succeed.
            split: `train` or `val`.
        """
        sums = self._windows[split][self._names(source)]
        sums.count += 1
        sums.failed += failed
        sums.correct += correctness is not None and correctness >= self.threshold
        if reward is not None and math.isfinite(reward):
            sums.rewarded += 1
            sums.reward_sum += reward
        if cost is not None:
            sums.cost += float(cost)
            sums.costed += 1

    def add_rollout(self, rollout: Rollout) -> None:
        """Count a closed rollout; its reward decides whether it is correct."""
        self.add_result(rollout.source, rollout.reward, rollout.reward, failed=rollout.failed, split=rollout.split)

    def add_costs(self, split: Split, costs: Mapping[str, float]) -> None:
        """Add USD that were spent on rollouts counted elsewhere, by the source's name in keys."""
        for name, usd in costs.items():
            sums = self._windows[split][name]
            sums.cost += usd
            sums.costed += 1

    def get_wandb_logs(self, split: Split = "train") -> dict[str, float]:
        """Return `dataset/{source}/…` (or `val/{source}/…`) and the overall keys since the last `collect`."""
        window = {source: sums for source, sums in self._windows[split].items() if sums.count}
        logs: dict[str, float] = {}
        overall = SourceSums()
        for source, sums in sorted(window.items()):
            overall = overall.merge(sums)
            logs |= name_all(_describe(sums), split, source)
        return logs | name_all(_describe(overall), split) if overall.count else {}

    def collect(self, split: Split) -> dict[str, float]:
        """Return the logs and begin a new window."""
        logs = self.get_wandb_logs(split)
        self._windows[split].clear()
        return logs

    def print_summary(self, split: Split = "train") -> None:
        """Print a line per source: right of total, percent."""
        rows = [
            (source, f"{s.correct}/{s.count}", f"{100 * s.correct / s.count:.1f} %")
            for source, s in sorted(self._windows[split].items())
            if s.count
        ]
        print_table(("dataset", "right", "accuracy"), rows)


def _describe(sums: SourceSums) -> dict[Key, float | None]:
    """Return the numbers of one source, or of all."""
    return {
        keys.ACCURACY: ratio(sums.correct, sums.count, 100),
        keys.COUNT: sums.count,
        keys.FAILED: sums.failed,
        keys.AVG_REWARD: ratio(sums.reward_sum, sums.rewarded),
        keys.AVG_COST: ratio(sums.cost, sums.count) if sums.costed else None,
    }
