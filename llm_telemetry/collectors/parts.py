"""Rewards by the functions that they are made of."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import dataclass

from llm_telemetry.collectors import keys
from llm_telemetry.collectors.aggregates import Sums, add_up, ratio
from llm_telemetry.collectors.naming import Key, name_all
from llm_telemetry.events import SPLITS, Rollout, Split
from llm_telemetry.sources import SourceNames, clean_source


@dataclass(slots=True)
class PartSums(Sums):
    """What one reward function gave to the rollouts of one source."""

    asked: int = 0
    given: int = 0
    none: int = 0
    """Rollouts of which it has nothing to say."""
    reward_sum: float = 0.0


class RewardPartsCollector:
    """Counts what each reward function gave, by source and split, where rollouts tell it.

    Args:
        names: Shared between collectors that must agree on the names of sources.
    """

    def __init__(self, names: SourceNames) -> None:
        self._names = names
        self._functions = SourceNames()
        self._windows: dict[Split, defaultdict[tuple[str, str], PartSums]] = {
            split: defaultdict(PartSums) for split in SPLITS
        }

    def add_rollout(self, rollout: Rollout) -> None:
        """Count the parts of its reward."""
        for function, reward in rollout.parts:
            sums = self._windows[rollout.split][self._functions(clean_source(function)), self._names(rollout.source)]
            sums.asked += 1
            if reward is not None and math.isfinite(reward):
                sums.given += 1
                sums.reward_sum += reward
            else:
                sums.none += 1

    def get_wandb_logs(self, split: Split = "train") -> dict[str, float]:
        """Return `reward/{function}/…`, over all sources and of each, since the last `begin`."""
        overall: defaultdict[str, list[PartSums]] = defaultdict(list)
        logs: dict[str, float] = {}
        for (function, source), sums in sorted(self._windows[split].items()):
            overall[function].append(sums)
            logs |= name_all(_describe(sums), split, source, function=function)
        for function, parts in overall.items():
            logs |= name_all(_describe(add_up(PartSums, parts)), split, function=function)
        return logs

    def begin(self, split: Split) -> None:
        """Begin a new window."""
        self._windows[split].clear()


def _describe(sums: PartSums) -> dict[Key, float | None]:
    return {
        keys.PART_MEAN: ratio(sums.reward_sum, sums.given),
        keys.PART_NONE_SHARE: ratio(sums.none, sums.asked),
    }
