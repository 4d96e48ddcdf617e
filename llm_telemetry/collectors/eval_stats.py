"""A trainer's own counters of its judge, `eval_stats`, held against what was seen."""

from __future__ import annotations

import inspect
import logging
from collections import Counter
from typing import TYPE_CHECKING, Any
from weakref import WeakSet

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from llm_telemetry.events import Evaluation, Outcome, Split

log = logging.getLogger("llm_telemetry")

MISMATCH = "telemetry/eval_stats_mismatch"
"""Its key in the payload."""
DISAGREES = (
    "eval_stats of your reward computer and what was seen in step %d contradict each other: %s. Trust judge/… instead. "
    "This is told once; telemetry/eval_stats_mismatch goes on counting."
)

COUNTERS: Mapping[str, tuple[str, tuple[Outcome, ...]]] = {
    "total_evaluations": ("evaluations", ("correct", "incorrect", "score", "parse_failure", "api_failure")),
    "llm_judge_success": ("verdicts", ("correct", "incorrect", "score")),
    "llm_judge_parse_failures": ("parse failures", ("parse_failure",)),
    "llm_judge_api_failures": ("API failures", ("api_failure",)),
    "correct_predictions": ("correct predictions", ("correct",)),
    "incorrect_predictions": ("incorrect predictions", ("incorrect",)),
}
"""The counters, what they count in words, and the outcomes that this is for us."""
_TOLD = 3
"""Contradictions that are put into words."""
_BINARY = ("correct_predictions", "incorrect_predictions")
"""Where grades were given, the trainer's own threshold decides what these count."""


class EvalStatsCollector:
    """Compares, from payload to payload, the growth of `eval_stats` with the evaluations seen, both splits together.

    Nothing is compared where that would not be fair: while an evaluation is under way (what was counted waits for the
    next payload), and where child processes have evaluated, whose counters are not those of this one.
    """

    def __init__(self) -> None:
        self._owner: Callable[[], Any] = lambda: None
        self._before: Mapping[str, int] = {}
        self._now: Mapping[str, int] = {}
        self._seen: Counter[Outcome] = Counter()
        self._open: WeakSet[Any] = WeakSet()
        self._latest: object = None
        self._latest_at_look: object = None
        self._fair = False
        self._elsewhere = False
        self._told = False
        self._step = 0

    def watch(self, owner: Callable[[], Any]) -> None:
        """Begin with the counters as they are; `owner` gives the reward computer for as long as it lives."""
        self._owner = owner
        self._before = counters_of(owner())

    def begin_evaluation(self, span: object) -> None:
        """Note that the judge function was entered; from any thread, twice perhaps."""
        self._latest = object()  # no two are alike, whichever thread is the last to write
        self._open.add(span)

    def end_evaluation(self, span: object) -> None:
        """Note that it was left, and its evaluation recorded."""
        self._open.discard(span)

    def add_evaluation(self, evaluation: Evaluation) -> None:
        """Count an evaluation."""
        self._seen[evaluation.outcome] += 1

    def add_elsewhere(self) -> None:
        """Note that a child process has told of an evaluation."""
        self._elsewhere = True

    def look(self, step: int) -> None:
        """Read the counters, before what has happened until now is booked and collected."""
        self._step = step
        self._latest_at_look = self._latest
        self._fair = not self._open
        self._now = counters_of(self._owner())

    def collect(self, _: Split) -> dict[str, float]:
        """Return the number of contradictions since the last comparison; nothing where nothing can be compared."""
        if not self._fair or self._latest is not self._latest_at_look:
            return {}
        now, before, seen, elsewhere = self._now, self._before, self._seen, self._elsewhere
        self._before, self._seen, self._elsewhere = now, Counter(), False
        if not now or elsewhere:
            return {}
        found = min((contradictions(growth, seen) for growth in _growths(before, now)), key=len)
        if found and not self._told:
            self._told = True
            more = [f"and {len(found) - _TOLD} more"] if len(found) > _TOLD else []
            log.warning(DISAGREES, self._step, "; ".join([*found[:_TOLD], *more]))
        return {MISMATCH: len(found)}


def counters_of(reward_computer: object) -> dict[str, int]:
    """Return those of the `COUNTERS` that a reward computer keeps; none where it keeps something else.

    Nothing of the trainer's is run: neither a property, nor a mapping's own code.
    """
    stats = inspect.getattr_static(reward_computer, "eval_stats", None)
    if not issubclass(type(stats), dict):
        return {}
    counters: dict[str, Any] = {name: dict.get(stats, name) for name in COUNTERS if dict.__contains__(stats, name)}
    return counters if all(type(value) is int and value >= 0 for value in counters.values()) else {}


def _growths(before: Mapping[str, int], now: Mapping[str, int]) -> list[Mapping[str, int]]:
    """Return what the counters may have grown by: trainers reset them, at each step perhaps."""
    growth = {name: value - before.get(name, 0) for name, value in now.items()}
    return [now] if min(growth.values()) < 0 else [growth, now]


def contradictions(counted: Mapping[str, int], seen: Mapping[Outcome, int]) -> list[str]:
    """Say where counters differ from what was seen, and where they cannot all be true."""
    found = []
    for name, (what, outcomes) in COUNTERS.items():
        number = sum(seen.get(outcome, 0) for outcome in outcomes)
        if name in counted and counted[name] != number and not (name in _BINARY and seen.get("score")):
            found.append(f"it counted {counted[name]} {what}, {number} {'was' if number == 1 else 'were'} seen")
    return [*found, *inner_contradictions(counted)]


def inner_contradictions(stats: Mapping[str, int]) -> list[str]:
    """Say where the counters, as far as they are there, cannot all be true."""
    return [told for names, say in _RULES if stats.keys() >= set(names) for told in say(*(stats[n] for n in names))]


def _say_sum(total: int, success: int, parse: int, api: int) -> Sequence[str]:
    outcomes = success + parse + api
    told = f"{success} successes + {parse} parse failures + {api} API failures = {outcomes}"
    return () if outcomes == total else (f"{told}, but total_evaluations is {total}",)


def _say_predictions(total: int, correct: int, incorrect: int) -> Sequence[str]:
    told = f"{correct} correct + {incorrect} incorrect predictions = {correct + incorrect}"
    more = correct + incorrect > total
    return (f"{told}, more than the {total} evaluations: some are counted twice",) if more else ()


def _say_correct(success: int, correct: int) -> Sequence[str]:
    return (f"{correct} correct predictions, but only {success} verdicts",) if correct > success else ()


_TOTAL, _SUCCESS, _PARSE, _API, _CORRECT, _INCORRECT = COUNTERS
_RULES: tuple[tuple[tuple[str, ...], Callable[..., Sequence[str]]], ...] = (
    ((_TOTAL, _SUCCESS, _PARSE, _API), _say_sum),
    ((_TOTAL, _CORRECT, _INCORRECT), _say_predictions),
    ((_SUCCESS, _CORRECT), _say_correct),
)
"""Which counters must be there, and what is to be said of their numbers."""
