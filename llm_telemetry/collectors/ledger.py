"""What was told of a rollout in pieces, put together: its calls, what came of its evaluations, its reward.

Calls and evaluations come before the rollout that they were made for is closed, in any order, from any process; they
name it by one of its keys. What is kept lasts until the end of the rollout's window.
"""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from llm_telemetry.collectors.spend import Spend, merged
from llm_telemetry.events import FAILED, SPLITS, VERDICTS
from llm_telemetry.notices import Notices

if TYPE_CHECKING:
    from llm_telemetry.collectors.pricing import PriceTable
    from llm_telemetry.events import Call, Evaluation, Id, Outcome, Rollout, Split

MOST = 65_536
"""Openings of rollouts, and rollouts of a window, that are kept."""
PATIENCE = 3
"""Payloads of its split that what belongs to a rollout waits for its close."""
_UNKNOWN = 0, 0
_NOTHING = Spend()
_WITHOUT = frozenset(FAILED)
FULL = (
    "more than %d rollouts are open, or in one step: what is told of groups, of accuracy's bounds and of the cost by "
    "rollout leaves the others out"
)


class _Account(Spend):
    """What is known of one opening of a rollout: what its calls took, and more."""

    __slots__ = ("age", "outcomes", "rule", "split")

    def __init__(self, split: Split) -> None:
        super().__init__()
        self.split = split
        self.age = 0
        self.outcomes: dict[str, tuple[Id, Outcome]] = {}
        """By judge, the latest, and the evaluation that it is of: one that was undecided for a while comes late."""
        self.rule: bool | None = None


class Settled(NamedTuple):
    """A rollout at the end of its window."""

    rollout: Rollout
    correct: bool | None
    """Whether its reward is enough; `None` where that is not known."""
    outcomes: tuple[Outcome, ...]
    """What its judges came to, one each."""
    spend: Spend
    """What its own calls took."""
    rule: bool | None = None
    """Whether its answer is right by the user's rule; `None` where that is not known."""

    @property
    def has_stand_in(self) -> bool:
        """Whether a judge has failed, so that the reward stands in for one that is not known."""
        return not _WITHOUT.isdisjoint(self.outcomes)


class Ledger:
    """Takes calls, evaluations and rollouts; gives the rollouts of a window with what belongs to them.

    Args:
        prices: Knows the tiers that prompts fall into.
    """

    def __init__(self, prices: PriceTable) -> None:
        self._prices = prices
        self._accounts: dict[Id, _Account] = {}
        self._closed: dict[Split, list[tuple[Rollout, bool | None]]] = {split: [] for split in SPLITS}
        self._strays: dict[Split, Counter[str]] = {split: Counter() for split in SPLITS}
        self._tell = Notices()

    def add_call(self, call: Call) -> None:
        """Take a call of executor or judge, if it was made for one rollout."""
        if call.rollout is not None and call.role in ("executor", "judge"):
            account = self._accounts.get(call.rollout) or self._open(call.rollout, call.split)
            account.add(call, self._prices)

    def add_evaluation(self, evaluation: Evaluation) -> None:
        """Take an evaluation whose outcome is final."""
        if evaluation.rollout is not None:
            account = self._accounts.get(evaluation.rollout) or self._open(evaluation.rollout, evaluation.split)
            key, before = evaluation.key or _UNKNOWN, account.outcomes.get(evaluation.judge)
            if before is None or key >= before[0]:
                account.outcomes[evaluation.judge] = key, evaluation.outcome
            if (judged := evaluation.judged) is not None and judged.rule is not None:
                account.rule = judged.rule
        elif evaluation.outcome not in VERDICTS:
            self._strays[evaluation.split][evaluation.source] += 1

    def _open(self, key: Id, split: Split) -> _Account:
        if len(self._accounts) >= MOST:
            del self._accounts[next(iter(self._accounts))]
            self._tell(FULL, MOST)
        account = self._accounts[key] = _Account(split)
        return account

    def add_rollout(self, rollout: Rollout, correct: bool | None) -> None:
        """Take a rollout that is closed, and whether it is correct."""
        closed = self._closed[rollout.split]
        if len(closed) < MOST:
            closed.append((rollout, correct))
        else:
            self._tell(FULL, MOST)

    def settled(self, split: Split) -> list[Settled]:
        """Return the rollouts of the window."""
        return [self._settle(rollout, correct) for rollout, correct in self._closed[split]]

    def _settle(self, rollout: Rollout, correct: bool | None) -> Settled:
        accounts = list(filter(None, map(self._accounts.get, rollout.keys)))
        if not accounts:
            return Settled(rollout, correct, (), _NOTHING)
        first = accounts[0]
        if len(accounts) == 1 and len(first.outcomes) == 1:  # as nearly all are
            ((_, outcome),) = first.outcomes.values()
            return Settled(rollout, correct, (outcome,), first, first.rule)
        told = sorted((key, judge, outcome) for one in accounts for judge, (key, outcome) in one.outcomes.items())
        outcomes: dict[str, Outcome] = {judge: outcome for _, judge, outcome in told}
        spend = first if len(accounts) == 1 else merged(accounts)
        rule = next((account.rule for account in accounts if account.rule is not None), None)
        return Settled(rollout, correct, tuple(outcomes.values()), spend, rule)

    def strays(self, split: Split) -> Counter[str]:
        """Return how many evaluations of the window have no verdict and no rollout that is known, by source."""
        return self._strays[split]

    def begin(self, split: Split) -> None:
        """Begin a new window."""
        for rollout, _ in self._closed[split]:
            for key in rollout.keys:
                self._accounts.pop(key, None)
        for key, account in list(self._accounts.items()):
            account.age += account.split == split
            if account.age > PATIENCE:
                del self._accounts[key]
        self._closed[split] = []
        self._strays[split].clear()
