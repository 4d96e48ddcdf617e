"""The judge's health: verdicts, parse failures, API failures."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from llm_telemetry.collectors import keys
from llm_telemetry.collectors.aggregates import Sums, merge_all, ratio
from llm_telemetry.collectors.eval_stats import contradictions, counters_of
from llm_telemetry.collectors.naming import Key, name_all, name_by_source
from llm_telemetry.events import API_FAILURES, PARSE_FAILURES, SPLITS, Evaluation, Outcome, Split
from llm_telemetry.guard import log
from llm_telemetry.sources import SourceNames
from llm_telemetry.tables import print_table

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(slots=True)
class OutcomeSums(Sums):
    """Outcomes of evaluations; the first six fields are named like the `Outcome`s and add up to all evaluations."""

    correct: int = 0
    incorrect: int = 0
    score: int = 0
    parse_failure: int = 0
    api_failure: int = 0
    undecided: int = 0
    disagreed: int = 0
    scaled: int = 0
    """Graded verdicts whose scale is known: a grade of 7 on an unknown one has no share in the mean."""
    score_sum: float = 0.0
    asked: int = 0
    """Evaluations that made a call at all."""
    attempts: int = 0
    """LLM calls."""
    votes: int = 0
    """Evaluations decided by several samples."""
    agreement_sum: float = 0.0
    pairs: int = 0
    """Comparisons that were asked in both orders."""
    flips: int = 0

    def add(self, evaluation: Evaluation) -> None:
        """Count one evaluation."""
        setattr(self, evaluation.outcome, getattr(self, evaluation.outcome) + 1)
        self.disagreed += evaluation.disagreed
        if evaluation.outcome == "score" and evaluation.score is not None:
            self.scaled += 1
            self.score_sum += evaluation.score
        self.asked += evaluation.attempts > 0
        self.attempts += evaluation.attempts
        if evaluation.agreement is not None:
            self.votes += 1
            self.agreement_sum += evaluation.agreement
        if evaluation.flipped is not None:
            self.pairs += 1
            self.flips += evaluation.flipped

    @property
    def calls(self) -> int:
        """All evaluations."""
        return self.decided + self.undecided

    @property
    def decided(self) -> int:
        """Those of which it is known what came of them."""
        return self.verdicts + self.parse_failure + self.api_failure

    @property
    def verdicts(self) -> int:
        """Evaluations that say something of the item."""
        return self.binary + self.score

    @property
    def binary(self) -> int:
        """Those that say yes or no."""
        return self.correct + self.incorrect


@dataclass(slots=True)
class Window:
    """Evaluations since the last flush."""

    sums: defaultdict[tuple[str, str], OutcomeSums] = field(default_factory=lambda: defaultdict(OutcomeSums))
    """By source and judge."""
    failures: Counter[str] = field(default_factory=Counter)

    def by(self, what: int) -> dict[str, OutcomeSums]:
        """Return the sums by source (0) or by judge (1); to be read, and not to be added to."""
        found: dict[str, OutcomeSums] = {}
        for names, sums in self.sums.items():
            name = names[what]
            found[name] = found[name].merge(sums) if name in found else sums
        return found


class JudgeMetricsCollector:
    """Counts evaluations by outcome, source and split; usable alone.

    Args:
        names: Shared between collectors that must agree on the names of sources; by default its own.
    """

    def __init__(self, names: SourceNames | None = None) -> None:
        self._names = names or SourceNames()
        self._windows: dict[Split, Window] = {split: Window() for split in SPLITS}
        self._run: dict[Split, int] = dict.fromkeys(SPLITS, 0)
        self._judges: set[str] = set()

    def expect(self, judges: Iterable[str]) -> None:
        """Know the judges' names beforehand; more than one have keys of their own."""
        self._judges.update(judge for judge in judges if judge)

    def add_result(  # noqa: PLR0913 - one argument a fact, all but two optional
        self,
        source: str,
        outcome: Outcome,
        *,
        score: float | None = None,
        disagreed: bool = False,
        split: Split = "train",
        judge: str = "",
        failure: str | None = None,
        attempts: int = 0,
        agreement: float | None = None,
        flipped: bool | None = None,
    ) -> None:
        """Count one evaluation.

        Args:
            source: The dataset of the item that was judged.
            outcome: What came of it.
            score: The normalised score, 0 to 1, of a graded verdict.
            disagreed: The judge's text says one thing, the judge function returned another.
            split: `train` or `val`.
            judge: The judge's name, where there are several.
            failure: Why there is no verdict; one of `events.API_FAILURES` or `events.PARSE_FAILURES`.
            attempts: LLM calls that it took.
            agreement: Share of a vote's samples, 0 to 1, on the majority's side.
            flipped: Asked in both orders, the judge contradicted itself.

        Raises:
            ValueError: There is no such outcome, or no such failure.
        """
        _check(outcome, failure)
        self.add_evaluation(
            Evaluation(split, source, outcome, score, disagreed, judge, failure, attempts, agreement, flipped)
        )

    def add_evaluation(self, evaluation: Evaluation) -> None:
        """Count a closed evaluation."""
        window, judge = self._windows[evaluation.split], evaluation.judge
        window.sums[self._names(evaluation.source), judge].add(evaluation)
        if judge:
            self._judges.add(judge)
        if evaluation.failure is not None:
            window.failures[evaluation.failure] += 1
        self._run[evaluation.split] += 1

    def get_wandb_logs(self, split: Split = "train") -> dict[str, float]:
        """Return the keys `judge/…` (or `val/judge/…`) since the last `collect`; rates are 0 to 1."""
        window = self._windows[split]
        if not window.sums:
            return name_all({keys.TOTAL_EVALUATIONS: self._run[split] or None}, split)
        by_source = window.by(0)
        logs = name_by_source({source: _brief(sums) for source, sums in by_source.items()}, split)
        overall = merge_all(OutcomeSums, by_source)
        if len(self._judges) > 1:
            for judge, sums in sorted(window.by(1).items()):
                if judge:  # a dataset of the same name keeps its own
                    name = f"{judge}_judge" if judge in by_source or judge == "failures" else judge
                    logs |= name_all(_brief(sums), split, name)
        if overall.calls:
            logs |= name_all(_describe(overall), split)
            logs |= {keys.FAILURES.of(split, failure=kind): n for kind, n in sorted(window.failures.items())}
        return logs | name_all({keys.TOTAL_EVALUATIONS: self._run[split] or None}, split)

    def begin(self, split: Split) -> None:
        """Begin a new window."""
        self._windows[split] = Window()

    def collect(self, split: Split) -> dict[str, float]:
        """Return the logs and begin a new window."""
        logs = self.get_wandb_logs(split)
        self.begin(split)
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
        counters = counters_of(reward_computer)
        _, success, parse, api, right, _ = counters
        told = contradictions(counters)
        for contradiction in told:
            log.warning("eval_stats: %s", contradiction)
        correct = min(right, success)
        window = self._windows["train"] = Window()
        window.sums[self._names("unknown"), ""] = OutcomeSums(
            correct=correct, incorrect=success - correct, parse_failure=parse, api_failure=api
        )
        self._run["train"] = success + parse + api
        return told

    def print_summary(self, split: Split = "train") -> None:
        """Print a line per source: evaluations and what came of them."""
        rows = [
            (source, *(str(getattr(sums, field)) for field in _OUTCOMES))
            for source, sums in sorted(self._windows[split].by(0).items())
        ]
        print_table(("judge", *(outcome.replace("_", " ") for outcome in _OUTCOMES)), rows)


_OUTCOMES: tuple[Outcome, ...] = ("correct", "incorrect", "score", "parse_failure", "api_failure", "undecided")


def _check(outcome: str, failure: str | None) -> None:
    if outcome not in _OUTCOMES:
        raise ValueError(f"outcome must be one of {', '.join(_OUTCOMES)}, not {outcome!r}")
    kinds = (*API_FAILURES, *PARSE_FAILURES)
    if failure is not None and failure not in kinds:
        raise ValueError(f"failure must be one of {', '.join(kinds)}, not {failure!r}")


def _brief(sums: OutcomeSums) -> dict[Key, float | None]:
    """Return what is told of one source, or one judge: the keys that the catalogue has by source."""
    decided = sums.decided
    return {
        keys.SUCCESS_RATE: ratio(sums.verdicts, decided),
        keys.PARSE_FAILURE_RATE: ratio(sums.parse_failure, decided),
        keys.API_FAILURE_RATE: ratio(sums.api_failure, decided),
        keys.CORRECT_RATIO: ratio(sums.correct, sums.binary),
        keys.EVALUATIONS: decided + sums.undecided,
        keys.UNDECIDED: sums.undecided,
    }


def _describe(sums: OutcomeSums) -> dict[Key, float | None]:
    """Return the numbers of all sources."""
    return {
        **_brief(sums),
        keys.AVG_SCORE: ratio(sums.score_sum, sums.scaled),
        keys.CORRECT_COUNT: sums.correct,
        keys.INCORRECT_COUNT: sums.incorrect,
        keys.DISAGREEMENTS: sums.disagreed,
        keys.ATTEMPTS_AVG: ratio(sums.attempts, sums.asked),
        keys.AGREEMENT_RATE: ratio(sums.agreement_sum, sums.votes),
        keys.POSITION_FLIP_RATE: ratio(sums.flips, sums.pairs),
    }
