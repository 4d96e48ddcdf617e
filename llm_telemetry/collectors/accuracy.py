"""What accuracy is worth: that of judged rollouts alone, and the bounds that failed evaluations leave open."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from llm_telemetry.collectors import keys
from llm_telemetry.collectors.aggregates import Sums, merge_all, ratio
from llm_telemetry.collectors.naming import Key, name_all, name_by_source
from llm_telemetry.events import VERDICTS

if TYPE_CHECKING:
    from collections.abc import Callable, Collection

    from llm_telemetry.collectors.ledger import Settled
    from llm_telemetry.events import Outcome, Split

_WITH_VERDICT = frozenset(VERDICTS)


@dataclass(slots=True)
class AccuracySums(Sums):
    """Rollouts by what is known of whether they are right."""

    sure: int = 0
    """Right or wrong, whatever any judge would have said: none has failed."""
    sure_correct: int = 0
    open: int = 0
    """Those of which a judge has no verdict; their reward stands in for one that is not known, or is missing."""
    judged: int = 0
    """Those of which each judge has a verdict."""
    judged_correct: int = 0
    evaluated: int = 0
    """Those that a judge was asked about."""

    @property
    def whole(self) -> int:
        """What the bounds are of."""
        return self.sure + self.open

    @property
    def highest(self) -> int:
        """Those that are right, or may be."""
        return self.sure_correct + self.open

    def add(self, count: int, outcomes: Collection[Outcome], correct: bool | None, *, failed: bool) -> None:
        """Add rollouts that are alike; open are those of which a judge has no verdict, unless they have failed."""
        is_decided = _WITH_VERDICT.issuperset(outcomes)
        self.evaluated += count * bool(outcomes)
        if not (is_decided or failed):
            self.open += count
        elif correct is not None or failed:
            right, judged = count * (correct is True), bool(outcomes) and is_decided
            self.sure += count
            self.sure_correct += right
            self.judged += count * judged
            self.judged_correct += right * judged


def describe(
    settled: Settled, strays: Collection[str], name_of: Callable[[str], str], split: Split
) -> dict[str, float]:
    """Return the keys of a window, over all sources and of each that a judge was asked about.

    Args:
        settled: Its rollouts.
        strays: Sources with evaluations without a verdict of which the rollout is not known: no bound holds there.
        name_of: Gives sources the names that they have in keys.
        split: `train` or `val`.
    """
    if not any(settled.outcomes):
        return {}
    window: defaultdict[str, AccuracySums] = defaultdict(AccuracySums)
    alike = Counter(zip(settled.sources, settled.outcomes, settled.correct, settled.failed, strict=True))
    for (source, outcomes, correct, failed), count in alike.items():
        window[name_of(source)].add(count, outcomes, correct, failed=failed)
    unbounded = {name_of(source) for source in strays}
    values = {source: _values(sums, is_bounded=source not in unbounded) for source, sums in window.items()}
    overall = _values(merge_all(AccuracySums, window), is_bounded=not unbounded)
    return name_by_source(values, split) | name_all(overall, split)


def _values(sums: AccuracySums, *, is_bounded: bool) -> dict[Key, float | None]:
    if not sums.evaluated:
        return {}
    values: dict[Key, float | None] = {keys.JUDGED_ACCURACY: ratio(sums.judged_correct, sums.judged, 100)}
    if is_bounded:
        values[keys.ACCURACY_LOW] = ratio(sums.sure_correct, sums.whole, 100)
        values[keys.ACCURACY_HIGH] = ratio(sums.highest, sums.whole, 100)
    return values
