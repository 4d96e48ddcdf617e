"""The judge's health: verdicts, parse failures, API failures."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from llm_telemetry.aggregates import Sums, ratio
from llm_telemetry.collectors.base import drop_unknown
from llm_telemetry.eval_stats import COUNTERS, inner_contradictions
from llm_telemetry.events import SPLITS, Evaluation, Outcome, Split
from llm_telemetry.sources import SourceNames
from llm_telemetry.tables import print_table

log = logging.getLogger("llm_telemetry")

_PREFIX: Mapping[Split, str] = {"train": "judge", "val": "val/judge"}


@dataclass(slots=True)
class OutcomeSums(Sums):
    """Outcomes of evaluations; the first five fields are named like the `Outcome`s and add up to all evaluations."""

    correct: int = 0
    incorrect: int = 0
    score: int = 0
    parse_failure: int = 0
    api_failure: int = 0
    disagreed: int = 0
    scaled: int = 0
    """Graded verdicts whose scale is known: a grade of 7 on an unknown one has no share in the mean."""
    score_sum: float = 0.0

    @property
    def calls(self) -> int:
        """All evaluations."""
        return self.correct + self.incorrect + self.score + self.parse_failure + self.api_failure


class JudgeMetricsCollector:
    """Counts evaluations by outcome, source and split; usable alone.

    Args:
        names: Shared between collectors that must agree on the names of sources; by default its own.
    """

    def __init__(self, names: SourceNames | None = None) -> None:
        self._names = names or SourceNames()
        self._windows: dict[Split, defaultdict[str, OutcomeSums]] = {
            split: defaultdict(OutcomeSums) for split in SPLITS
        }
        self._run: dict[Split, int] = dict.fromkeys(SPLITS, 0)

    def add_result(
        self,
        source: str,
        outcome: Outcome,
        *,
        score: float | None = None,
        disagreed: bool = False,
        split: Split = "train",
    ) -> None:
        """Count one evaluation.

        Args:
            source: The dataset of the item that was judged.
            outcome: What came of it.
            score: The normalised score, 0 to 1, of a graded verdict.
            disagreed: The judge's text says one thing, the judge function returned another.
            split: `train` or `val`.

        Raises:
            ValueError: There is no such outcome.
        """
        if outcome not in _OUTCOMES:
            raise ValueError(f"outcome must be one of {', '.join(_OUTCOMES)}, not {outcome!r}")
        sums = self._windows[split][self._names(source)]
        setattr(sums, outcome, getattr(sums, outcome) + 1)
        sums.disagreed += disagreed
        if outcome == "score" and score is not None:
            sums.scaled += 1
            sums.score_sum += score
        self._run[split] += 1

    def add_evaluation(self, evaluation: Evaluation) -> None:
        """Count a closed evaluation."""
        self.add_result(
            evaluation.source,
            evaluation.outcome,
            score=evaluation.score,
            disagreed=evaluation.disagreed,
            split=evaluation.split,
        )

    def get_wandb_logs(self, split: Split = "train") -> dict[str, float]:
        """Return the keys `judge/…` (or `val/judge/…`) since the last `collect`; rates are 0 to 1."""
        prefix = _PREFIX[split]
        overall = OutcomeSums()
        logs: dict[str, float | None] = {}
        for source, sums in sorted(self._windows[split].items()):
            overall = overall.merge(sums)
            described = _describe(sums)
            logs |= {f"{prefix}/{source}/{key}": described[key] for key in _BY_SOURCE}
        if overall.calls:
            logs |= {f"{prefix}/{key}": value for key, value in _describe(overall).items()}
        if self._run[split]:
            logs[f"{prefix}/total_calls"] = self._run[split]
        return drop_unknown(logs)

    def collect(self, split: Split) -> dict[str, float]:
        """Return the logs and begin a new window."""
        logs = self.get_wandb_logs(split)
        self._windows[split].clear()
        return logs

    def state(self) -> dict[Split, int]:
        """Return the evaluations of the run by split, for `restore` in another process."""
        return dict(self._run)

    def restore(self, state: Mapping[Split, int]) -> None:
        """Add the evaluations of a run that this one goes on with."""
        for split, evaluations in state.items():
            self._run[split] += evaluations

    def update_from_reward_computer(self, reward_computer: Any) -> list[str]:
        """Take over the counters of a trainer that keeps `eval_stats`, for people who have only those.

        The counters are cumulative: this replaces what was counted in the training window.

        Args:
            reward_computer: An object with a mapping `eval_stats`, or that mapping itself.

        Returns:
            A sentence for every contradiction between the counters; each is logged as a warning too.

        Raises:
            TypeError: There is no such mapping, or a counter in it is no whole number.
        """
        stats = _eval_stats(reward_computer)
        right, parse, api = (
            stats["correct_predictions"],
            stats["llm_judge_parse_failures"],
            stats["llm_judge_api_failures"],
        )
        success = stats["llm_judge_success"]
        contradictions = inner_contradictions(stats)
        for contradiction in contradictions:
            log.warning("eval_stats: %s", contradiction)
        correct = min(right, success)
        self._windows["train"].clear()
        self._windows["train"][self._names("unknown")] = OutcomeSums(
            correct=correct, incorrect=success - correct, parse_failure=parse, api_failure=api
        )
        self._run["train"] = success + parse + api
        return contradictions

    def print_summary(self, split: Split = "train") -> None:
        """Print a line per source: evaluations and what came of them."""
        rows = [
            (source, *(str(getattr(sums, field)) for field in _OUTCOMES))
            for source, sums in sorted(self._windows[split].items())
        ]
        print_table(("judge", *(outcome.replace("_", " ") for outcome in _OUTCOMES)), rows)


_OUTCOMES: tuple[Outcome, ...] = ("correct", "incorrect", "score", "parse_failure", "api_failure")
_BY_SOURCE = ("success_rate", "parse_failure_rate", "api_failure_rate", "correct_ratio", "calls")


def _describe(sums: OutcomeSums) -> dict[str, float | None]:
    """Return the numbers of one source, or of all."""
    return {
        "success_rate": ratio(sums.correct + sums.incorrect + sums.score, sums.calls),
        "parse_failure_rate": ratio(sums.parse_failure, sums.calls),
        "api_failure_rate": ratio(sums.api_failure, sums.calls),
        "correct_ratio": ratio(sums.correct, sums.correct + sums.incorrect),
        "avg_score": ratio(sums.score_sum, sums.scaled),
        "correct_count": sums.correct,
        "incorrect_count": sums.incorrect,
        "calls": sums.calls,
        "disagreements": sums.disagreed,
    }


def _eval_stats(reward_computer: Any) -> dict[str, int]:
    stats = reward_computer if isinstance(reward_computer, Mapping) else getattr(reward_computer, "eval_stats", None)
    if not isinstance(stats, Mapping):
        raise TypeError(
            f"{type(reward_computer).__name__} has no mapping `eval_stats`; give the reward computer or its counters"
        )
    counters = {name: stats.get(name, 0) for name in COUNTERS}
    for name, value in counters.items():
        if isinstance(value, bool) or not isinstance(value, int) or value < 0:
            raise TypeError(f"eval_stats[{name!r}] must be a whole number of at least 0, not {value!r}")
    return counters
