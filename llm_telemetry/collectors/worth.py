"""What was paid, and what for: per right answer, per group that teaches something, and for nothing."""

from __future__ import annotations

from decimal import Decimal
from itertools import compress, count
from typing import TYPE_CHECKING

from llm_telemetry.collectors import keys
from llm_telemetry.collectors.naming import name_all
from llm_telemetry.collectors.spend import Spend, merged
from llm_telemetry.events import FAILED, SPLITS

if TYPE_CHECKING:
    from llm_telemetry.collectors.groups import Groups
    from llm_telemetry.collectors.ledger import Settled
    from llm_telemetry.collectors.pricing import PriceTable
    from llm_telemetry.events import Call, Evaluation, Id, Split

MOST_OPEN = 65_536
"""Evaluations under way whose calls are kept."""


class _Window:
    """What was paid for nothing, or again, since the last flush."""

    def __init__(self) -> None:
        self.unattributed = Spend()
        self.again = Spend()
        self.failures: list[tuple[Spend, int]] = []
        """What evaluations without a verdict took, and how many evaluations it was taken by."""


class WorthCollector:
    """Adds up what calls took by what came of it.

    Args:
        prices: Finds the price of a model.
    """

    def __init__(self, prices: PriceTable) -> None:
        self._prices = prices
        self._windows = {split: _Window() for split in SPLITS}
        self._open: dict[Id, list[Call]] = {}
        """By evaluation, until it is known what came of it."""
        self._left: dict[Id, int] = {}
        """How many evaluations of a batch are still to come."""

    def add_call(self, call: Call, evaluation: Id) -> None:
        """Take a call that was made for an evaluation."""
        calls = self._open.get(evaluation)
        if calls is not None:
            calls.append(call)
            return
        if len(self._open) >= MOST_OPEN:
            del self._open[next(iter(self._open))]
        self._open[evaluation] = [call]

    def add_again(self, call: Call) -> None:
        """Take a call that asks the same again."""
        self._windows[call.split].again.add(call, self._prices)

    def add_unattributed(self, call: Call) -> None:
        """Take a call of executor or judge that was made for no single rollout."""
        self._windows[call.split].unattributed.add(call, self._prices)

    def add_evaluation(self, evaluation: Evaluation) -> None:
        """Take an evaluation whose outcome is final."""
        key, batch = evaluation.key, evaluation.batch
        if key is None:
            return
        left = 0 if batch == 1 else self._left.pop(key, batch) - 1
        calls = self._open.get(key, ()) if left > 0 else self._open.pop(key, ())
        if left > 0:
            self._left[key] = left
        if evaluation.outcome in FAILED and calls:
            spend = Spend()
            for call in calls:
                spend.add(call, self._prices)
            self._windows[evaluation.split].failures.append((spend, batch))

    def get_wandb_logs(
        self,
        split: Split,
        spent: Decimal | None,
        settled: Settled,
        groups: Groups,
    ) -> dict[str, float]:
        """Return the keys of a window.

        Args:
            split: `train` or `val`.
            spent: The USD of executor and judge in it; `None` where nothing is known.
            settled: Its rollouts.
            groups: Its groups.
        """
        window = self._windows[split]
        correct = settled.correct.count(True)
        informative = sum(sums.informative for sums in groups.by_source.values())
        wasted, failed = settled.spent_by(groups.flat), settled.spent_by(compress(count(), settled.failed))
        usd = {
            keys.PER_CORRECT_ROLLOUT: spent / correct if spent is not None and correct else None,
            keys.PER_INFORMATIVE_GROUP: spent / informative if spent is not None and informative else None,
            keys.IN_ZERO_VARIANCE_GROUPS: merged(wasted).usd(self._prices) if groups.by_source else None,
            keys.FAILED_ROLLOUTS_COST: merged(failed).usd(self._prices) if settled.sources else None,
            keys.JUDGE_FAILURES_COST: self._failures(window) if spent is not None else None,
            keys.RETRIES_COST: window.again.usd(self._prices) if spent is not None else None,
            keys.UNATTRIBUTED_COST: window.unattributed.usd(self._prices) if spent is not None else None,
        }
        return name_all({key: None if cost is None else float(cost) for key, cost in usd.items()}, split)

    def _failures(self, window: _Window) -> Decimal | None:
        """Return the USD of failed evaluations; a batch's calls are shared evenly by its evaluations."""
        alone = merged(spend for spend, batch in window.failures if batch == 1).usd(self._prices)
        shared = [(spend.usd(self._prices), batch) for spend, batch in window.failures if batch > 1]
        known = [usd / batch for usd, batch in shared if usd is not None]
        return alone if not known else sum(known, alone or Decimal(0))

    def begin(self, split: Split) -> None:
        """Begin a new window."""
        self._windows[split] = _Window()
