"""What was told of a rollout in pieces, put together: its calls, what came of its evaluations, its reward.

Calls and evaluations come before the rollout that they were made for is closed, in any order, from any process; they
name it by one of its keys. What is kept lasts until the end of the rollout's window.
"""

from __future__ import annotations

from collections import Counter
from itertools import chain
from operator import attrgetter, itemgetter
from typing import TYPE_CHECKING, NamedTuple

from llm_telemetry.collectors.spend import Spend
from llm_telemetry.events import FAILED, SPLITS, VERDICTS
from llm_telemetry.notices import Notices

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from llm_telemetry.collectors.pricing import PriceTable
    from llm_telemetry.events import Call, Evaluation, Id, Outcome, Rollout, Split

MOST = 65_536
"""Openings of rollouts, and rollouts of a window, that are kept."""
PATIENCE = 3
"""Payloads of its split that what belongs to a rollout waits for its close."""
_UNKNOWN = 0, 0
_WITHOUT = frozenset(FAILED)
_ALONE: dict[Outcome, tuple[Outcome, ...]] = {one: (one,) for one in (*VERDICTS, *FAILED, "undecided")}
FULL = (
    "more than %d rollouts are open, or in one step: what is told of groups, of accuracy's bounds and of the cost by "
    "rollout leaves the others out"
)


class _Account(Spend):
    """What is known of one opening of a rollout: what its calls took, and more."""

    __slots__ = ("age", "came_to", "outcomes", "rule", "split")

    def __init__(self, split: Split) -> None:
        super().__init__()
        self.split = split
        self.age = 0
        self.outcomes: dict[str, tuple[Id, Outcome]] = {}
        """By judge, the latest, and the evaluation that it is of: one that was undecided for a while comes late."""
        self.came_to: tuple[Outcome, ...] = ()
        """The same in the order of the evaluations."""
        self.rule: bool | None = None

    def take(self, judge: str, key: Id, outcome: Outcome) -> None:
        """Take an outcome, unless a later one of this judge is known."""
        before = self.outcomes.get(judge)
        if before is None or key >= before[0]:
            self.outcomes[judge] = key, outcome
            self.came_to = _ALONE[outcome] if len(self.outcomes) == 1 else _together([self])


def _together(accounts: Iterable[_Account]) -> tuple[Outcome, ...]:
    """Return what the judges came to, one each, in the order of the evaluations."""
    told = sorted((key, judge, outcome) for one in accounts for judge, (key, outcome) in one.outcomes.items())
    outcomes: dict[str, Outcome] = {judge: outcome for _, judge, outcome in told}
    return tuple(outcomes.values())


class Settled(NamedTuple):
    """The rollouts of a window at its end: columns, each as long as there are rollouts.

    An object for each rollout would cost more than all that is done with them.
    """

    sources: Sequence[str] = ()
    groups: Sequence[str | int | None] = ()
    rewards: Sequence[float | None] = ()
    failed: Sequence[bool] = ()
    parts: Sequence[tuple[tuple[str, float | None], ...]] = ()
    """These are of the records, see `Rollout`."""
    correct: Sequence[bool | None] = ()
    """Whether its reward is enough; `None` where that is not known."""
    outcomes: Sequence[tuple[Outcome, ...]] = ()
    """What its judges came to, one each."""
    rules: Sequence[bool | None] = ()
    """Whether its answer is right by the user's rule; `None` where that is not known."""
    keys: Sequence[tuple[Id, ...]] = ()
    """By which its calls name it, each an opening of it."""
    accounts: Mapping[Id, Spend] = {}
    """What the calls took that were made in an opening."""

    def have_stand_in(self) -> list[bool] | None:
        """Tell of each whether a judge has failed, so that the reward stands in; `None` where none has."""
        stood_in = {outcomes for outcomes in set(self.outcomes) if not _WITHOUT.isdisjoint(outcomes)}
        return [outcomes in stood_in for outcomes in self.outcomes] if stood_in else None

    def spent_by(self, rows: Iterable[int]) -> Iterator[Spend]:
        """Yield what the own calls of some of them took."""
        return filter(None, map(self.accounts.get, chain.from_iterable(map(self.keys.__getitem__, rows))))


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

    def add_call(self, call: Call, rollout: Id) -> None:
        """Take a call of executor or judge that was made for one rollout."""
        account = self._accounts.get(rollout) or self._open(rollout, call.split)
        account.add(call, self._prices)

    def add_evaluation(self, evaluation: Evaluation) -> None:
        """Take an evaluation whose outcome is final."""
        rollout, split = evaluation.rollout, evaluation.split
        if rollout is not None:
            account = self._accounts.get(rollout) or self._open(rollout, split)
            account.take(evaluation.judge, evaluation.key or _UNKNOWN, evaluation.outcome)
            if (judged := evaluation.judged) is not None and judged.rule is not None:
                account.rule = judged.rule
        elif evaluation.outcome not in VERDICTS:
            self._strays[split][evaluation.source] += 1

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

    def settled(self, split: Split) -> Settled:
        """Return the rollouts of the window."""
        if not self._closed[split]:
            return Settled()
        rollouts, correct = zip(*self._closed[split], strict=True)
        _, sources, rewards, failed, groups, parts, _, keys, *_ = zip(*rollouts, strict=True)
        account_of = self._accounts.get
        outcomes: list[tuple[Outcome, ...]] = []
        rules: list[bool | None] = []
        for openings in keys:  # what is done here is done for each rollout
            came_to: tuple[Outcome, ...] = ()
            rule = None
            for key in openings:
                account = account_of(key)
                if account is not None and account.came_to:
                    came_to = _together(filter(None, map(account_of, openings))) if came_to else account.came_to
                    rule = account.rule if rule is None else rule
            outcomes.append(came_to)
            rules.append(rule)
        return Settled(sources, groups, rewards, failed, parts, correct, outcomes, rules, keys, self._accounts)

    def strays(self, split: Split) -> Counter[str]:
        """Return how many evaluations of the window have no verdict and no rollout that is known, by source."""
        return self._strays[split]

    def begin(self, split: Split) -> None:
        """Begin a new window."""
        rollouts = map(itemgetter(0), self._closed[split])
        for key in chain.from_iterable(map(attrgetter("keys"), rollouts)):
            self._accounts.pop(key, None)
        for key, account in list(self._accounts.items()):
            account.age += account.split == split
            if account.age > PATIENCE:
                del self._accounts[key]
        self._closed[split] = []
        self._strays[split].clear()
