"""The judge against a rule: where a reward function or the user's rule says yes or no, how often it says the same."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING

from llm_telemetry.collectors import keys
from llm_telemetry.collectors.aggregates import Sums, ratio
from llm_telemetry.collectors.naming import Key, name_all
from llm_telemetry.sources import SourceNames, clean_source

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from llm_telemetry.collectors.ledger import Settled
    from llm_telemetry.events import Outcome, Split


@dataclass(slots=True)
class RuleSums(Sums):
    """Rollouts of which both the rule and the judge say yes or no."""

    right: int = 0
    """By the rule."""
    wrong: int = 0
    true_positives: int = 0
    """Right by both."""
    false_positives: int = 0
    """Right by the judge alone."""

    @property
    def pairs(self) -> int:
        """All of them."""
        return self.right + self.wrong

    def add(self, *, rule: bool, judge: bool) -> None:
        """Add one rollout."""
        self.right += rule
        self.wrong += not rule
        self.true_positives += rule and judge
        self.false_positives += judge and not rule


class RuleNames:
    """The names of rules in keys, the same for the whole run.

    Args:
        rule: The user's; a reward function of the same name is taken for it.
    """

    def __init__(self, rule: Callable[..., object] | None = None) -> None:
        name = getattr(rule, "__name__", "rule")
        self._own = name if name.isidentifier() else "rule"
        self._names = SourceNames()

    def describe(self, settled: Settled, split: Split) -> dict[str, float]:
        """Return the keys of a window: for each rule and reward function that gave 0 or 1, and is no judge itself."""
        if set(settled.rules) == {None} and not any(settled.parts):
            return {}  # as nearly always
        window: defaultdict[str, RuleSums] = defaultdict(RuleSums)
        for outcomes, rule, parts in zip(settled.outcomes, settled.rules, settled.parts, strict=True):
            if not outcomes or (rule is None and not parts):
                continue  # there is nothing to hold against each other
            if (judge := verdict_of(outcomes)) is not None:
                for function, given in {self._own: rule, **dict(parts)}.items():
                    if given in (0, 1):
                        window[self._names(clean_source(function))].add(rule=given == 1, judge=judge)
        logs: dict[str, float] = {}
        for function, sums in sorted(window.items()):
            logs |= name_all(_describe(sums), split, function=function)
        return logs


def verdict_of(outcomes: Sequence[Outcome]) -> bool | None:
    """Return what the judges of a rollout say; `None` where they do not say yes or no, or not the same."""
    return outcomes[0] == "correct" if set(outcomes) in ({"correct"}, {"incorrect"}) else None


def _describe(sums: RuleSums) -> dict[Key, float | None]:
    sensitivity, fallout = ratio(sums.true_positives, sums.right), ratio(sums.false_positives, sums.wrong)
    return {
        keys.TRUE_POSITIVE_RATE: sensitivity,
        keys.FALSE_POSITIVE_RATE: fallout,
        keys.YOUDEN_J: None if sensitivity is None or fallout is None else sensitivity - fallout,
        keys.RULE_PAIRS: sums.pairs,
    }
