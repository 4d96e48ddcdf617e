"""Accuracy, rewards and cost by dataset."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias

from llm_telemetry.collectors import keys
from llm_telemetry.collectors.aggregates import Sums, merge_all, ratio
from llm_telemetry.collectors.naming import Key, name_all, name_by_source
from llm_telemetry.events import SPLITS, Padded, Rollout, Split, UnmatchedReward
from llm_telemetry.guard import guarded
from llm_telemetry.notices import Notices
from llm_telemetry.sources import SourceNames
from llm_telemetry.tables import print_table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from decimal import Decimal

DEFAULT_THRESHOLD = 0.9
Threshold: TypeAlias = "float | Callable[[float], bool]"
_OTHER_SCALE = 3.0
"""A reward of this size is not of a scale from 0 to 1, not even with a bonus."""
_ROUNDING = 1e-12
TOO_LOW = (
    "rewards from %g to %g were seen, and %g is enough to be correct: if they are on a scale of their "
    "own, say from where on a rollout is correct (threshold=…)"
)
TOO_HIGH = (
    "rewards from %g to %g were seen, and none can reach threshold=%g: accuracy is 0 for that reason; "
    "give the threshold on the rewards' own scale"
)


@dataclass(slots=True)
class SourceSums(Sums):
    """What happened to the rollouts of one source."""

    count: int = 0
    unscored: int = 0
    """Neither right nor wrong, as far as is known."""
    correct: int = 0
    failed: int = 0
    rewarded: int = 0
    reward_sum: float = 0.0
    reward_squares: float = 0.0
    costed: int = 0
    cost: float = 0.0
    """USD."""

    @property
    def scored(self) -> int:
        """What is known to be right or wrong."""
        return self.count - self.unscored


class DatasetMetricsCollector:
    """Counts rollouts by source and split; usable alone.

    Args:
        threshold: A rollout is correct when its correctness (in training: its reward) is at least this, or when
            this function says so of it.
        names: Shared between collectors that must agree on the names of sources; by default its own.
        decisive: Of rewards that are made of several, the function whose part decides; by default their sum does.
    """

    def __init__(
        self,
        threshold: Threshold = DEFAULT_THRESHOLD,
        names: SourceNames | None = None,
        decisive: str | None = None,
    ) -> None:
        self.threshold = threshold
        self._decisive = decisive
        self._tell = Notices()
        self._unmatched: Counter[Split] = Counter()
        self._padded: Counter[Split] = Counter()
        self._seen = math.inf, -math.inf
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
    ) -> bool | None:
        """Count one rollout, and return whether it is correct; `None` where nothing is known to judge by.

        Args:
            source: The dataset it comes from.
            correctness: A bool, or a number to hold against the threshold. Without one (`None`, NaN) a failed rollout
                is wrong, and any other is unscored: it is in no accuracy.
            reward: The reward, if one was computed.
            cost: USD, if known.
            failed: The executor raised, timed out, or said it did not succeed.
            split: `train` or `val`.
        """
        correct = self.is_correct(correctness)
        sums = self._count(source, correct, reward, split, failed=failed)
        if cost is not None:
            sums.cost += float(cost)
            sums.costed += 1
        return correct

    def _count(
        self, source: str, correct: bool | None, reward: float | None, split: Split, *, failed: bool
    ) -> SourceSums:
        sums = self._windows[split][self._names(source)]
        sums.count += 1
        if failed:
            sums.failed += 1
        if correct:
            sums.correct += 1
        elif correct is None and not failed:
            sums.unscored += 1
        if reward is not None and math.isfinite(reward):
            sums.rewarded += 1
            sums.reward_sum += reward
            sums.reward_squares += reward * reward
            lowest, highest = self._seen
            if not lowest <= reward <= highest:
                self._seen = min(lowest, reward), max(highest, reward)
        return sums

    def is_correct(self, correctness: float | None) -> bool | None:
        """Tell whether a rollout is correct; `None` where nothing is known to judge by."""
        if correctness is None or not math.isfinite(correctness):
            return None
        if callable(self.threshold):
            verdict = guarded(self.threshold)(correctness)
            return None if verdict is None else bool(verdict)
        return bool(correctness >= self.threshold)  # numpy's own is not `True`

    def add_unmatched(self, reward: UnmatchedReward) -> None:
        """Count a reward of which it is not known whose it is."""
        self._unmatched[reward.split] += 1

    def add_padded(self, padded: Padded) -> None:
        """Count rollouts that are copies."""
        self._padded[padded.split] += padded.rows

    def add_rollout(self, rollout: Rollout) -> bool | None:
        """Count a closed rollout, and return whether it is correct; a threshold that is a function was asked before."""
        split, source, reward, failed, *_ = rollout
        correct = rollout.correct if callable(self.threshold) else self.is_right(rollout)
        self._count(source, correct, reward, split, failed=failed)
        return correct

    def is_right(self, rollout: Rollout) -> bool | None:
        """Tell by its reward, or the decisive part of it, whether a rollout is correct; `None`: nobody knows."""
        if rollout.wrong:
            return False
        return self.is_correct(rollout.reward if self._decisive is None else dict(rollout.parts).get(self._decisive))

    def get_wandb_logs(self, split: Split = "train", costs: Mapping[str, float] | None = None) -> dict[str, float]:
        """Return `dataset/{source}/…` (or `val/{source}/…`) and the overall keys since the last `collect`.

        Args:
            split: `train` or `val`.
            costs: USD that were spent on the rollouts and counted elsewhere, by the source's name in keys.
        """
        spent = {source: SourceSums(costed=1, cost=usd) for source, usd in (costs or {}).items()}
        window = {
            source: sums.merge(spent[source]) if source in spent else sums
            for source, sums in self._windows[split].items()
            if sums.count
        }
        logs = name_by_source({source: _describe(sums) for source, sums in window.items()}, split)
        overall = merge_all(SourceSums, window)
        logs |= name_all(_describe(overall), split) if overall.count else {}
        if overall.count or self._unmatched[split]:
            logs |= name_all({keys.UNMATCHED_REWARDS: self._unmatched[split]}, split)
        if self._padded[split]:
            logs |= name_all({keys.PADDED: self._padded[split]}, split)
        return logs

    def begin(self, split: Split) -> None:
        """Begin a new window."""
        self._tell_scale()
        self._windows[split].clear()
        del self._unmatched[split], self._padded[split]

    def collect(self, split: Split) -> dict[str, float]:
        """Return the logs and begin a new window."""
        logs = self.get_wandb_logs(split)
        self.begin(split)
        return logs

    def _tell_scale(self) -> None:
        """Say so, once, when the threshold and the rewards seen so far are not of one scale."""
        lowest, highest = self._seen
        if callable(self.threshold) or highest < lowest:
            return
        if highest >= _OTHER_SCALE > 1 >= self.threshold:
            self._tell(TOO_LOW, lowest, highest, self.threshold)
        elif highest <= 1 < self.threshold:
            self._tell(TOO_HIGH, lowest, highest, self.threshold)

    def print_summary(self, split: Split = "train") -> None:
        """Print a line per source: right of total, percent."""
        rows = [
            (source, f"{s.correct}/{s.scored}", _percent(s))
            for source, s in sorted(self._windows[split].items())
            if s.count
        ]
        print_table(("dataset", "right", "accuracy"), rows)


def _describe(sums: SourceSums) -> dict[Key, float | None]:
    """Return the numbers of one source, or of all."""
    return {
        keys.ACCURACY: ratio(sums.correct, sums.scored, 100),
        keys.COUNT: sums.count,
        keys.FAILED: sums.failed,
        keys.UNSCORED: sums.unscored,
        keys.AVG_REWARD: ratio(sums.reward_sum, sums.rewarded),
        keys.REWARD_STD: _deviation(sums),
        keys.AVG_COST: ratio(sums.cost, sums.count) if sums.costed else None,
    }


def _deviation(sums: SourceSums) -> float | None:
    """Return the standard deviation of the rewards; of equal ones it is 0, whatever rounding makes of it."""
    mean, square = ratio(sums.reward_sum, sums.rewarded), ratio(sums.reward_squares, sums.rewarded)
    if mean is None or square is None or not math.isfinite(square):
        return None
    variance = square - mean * mean
    return math.sqrt(variance) if variance > _ROUNDING * square else 0.0


def _percent(sums: SourceSums) -> str:
    accuracy = ratio(sums.correct, sums.scored, 100)
    return "unknown" if accuracy is None else f"{accuracy:.1f} %"
