"""USD: by role for the run, by source and split for the window."""

from __future__ import annotations

import functools
from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal, localcontext
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

from llm_telemetry.collectors import keys
from llm_telemetry.collectors.aggregates import Sums, add_up
from llm_telemetry.collectors.base import to_usd
from llm_telemetry.collectors.naming import Key, name_all
from llm_telemetry.collectors.pricing import EXACT, SMALLEST_TIER, PriceTable, service_of
from llm_telemetry.collectors.spend import Tokens, tier_of
from llm_telemetry.events import ITEM_ROLES, ROLES, SPLITS, Call, Role, Rollout, Split, Usage
from llm_telemetry.guard import attempt
from llm_telemetry.notices import Notices
from llm_telemetry.sources import SourceNames
from llm_telemetry.tables import format_usd, print_table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

P = ParamSpec("P")
R = TypeVar("R")
_NO_USAGE = Usage()


STANDARD = (
    "calls of the service tier %r of %s are priced at the standard tier, as no other price is known: give it, per "
    'million tokens, as prices={"MODEL": {"input": …, "output": …, "TIER": {"input": …, "output": …}}}'
)
_MOST_NAMES = 20
"""Of models without a price: a policy may have a new name at every checkpoint."""


@dataclass(slots=True)
class RoleSums(Sums):
    """What the calls of one role cost; `unmetered` succeeded without telling their tokens.

    Of the priced ones `standard` are of a service tier whose price is not known: they have that of the standard tier.
    """

    calls: int = 0
    priced: int = 0
    unpriced: int = 0
    unmetered: int = 0
    standard: int = 0
    usd: Decimal = Decimal(0)

    @property
    def known(self) -> Decimal | None:
        """USD, or `None` when calls were made and the cost of not one of them is known."""
        return self.usd if self.priced or not (self.unpriced or self.unmetered) else None


def exactly(method: Callable[P, R]) -> Callable[P, R]:
    """Let `method` do its arithmetic in a decimal context of our own."""

    @functools.wraps(method)
    def call(*args: P.args, **kwargs: P.kwargs) -> R:
        with localcontext(EXACT):
            return method(*args, **kwargs)

    return call


class CostTracker:
    """Adds up what calls cost; usable alone.

    Calls are summed per model and priced when the sums are asked for: a price costs more to find than a call
    takes to count. `Decimal` until the payload.

    Args:
        prices: Finds the price of a model; by default genai-prices.
        names: Shared between collectors that must agree on the names of sources; by default its own.
    """

    def __init__(self, prices: PriceTable | None = None, names: SourceNames | None = None) -> None:
        self._prices = prices or PriceTable()
        self._names = names or SourceNames()
        self._tell = Notices()
        self._pending: defaultdict[tuple[tuple[Any, ...], int, str | None], Tokens] = defaultdict(Tokens)
        """By role, split, source and both models, as calls begin with them; price tier; service tier."""
        self._run: dict[Role, RoleSums] = {role: RoleSums() for role in ROLES}
        self._window: dict[Split, RoleSums] = {split: RoleSums() for split in SPLITS}
        self._by_source: dict[Split, defaultdict[str, Decimal]] = {split: defaultdict(Decimal) for split in SPLITS}
        self._samples = 0
        self.unpriced_models: set[str] = set()
        """Models that a call named and no price is known for; the first twenty."""

    def add_call(self, call: Call) -> None:
        """Count one call; its tokens wait for their price."""
        prompt, completion, cached, _, cache_write = call.usage or _NO_USAGE
        if prompt is None or completion is None:
            for sums in (self._run[call.role], self._window[call.split]):
                sums.calls += 1
                sums.unmetered += call.error is None
            return
        tier = 0 if prompt <= SMALLEST_TIER else tier_of(call, prompt, self._prices)
        self._pending[call[:5], tier, call.service_tier].add(prompt, cached, cache_write, completion)

    @exactly
    def add_cost(
        self,
        cost: float | Decimal | None,
        is_executor: bool,
        *,
        source: str = "unknown",
        split: Split = "train",
    ) -> None:
        """Count one call whose cost is known to the caller.

        Args:
            cost: USD, or `None` when it is unknown: the call then counts as unpriced.
            is_executor: The executor made it; else the judge did.
            source: The dataset it was made for.
            split: `train` or `val`.
        """
        self._book(split, "executor" if is_executor else "judge", source, 1, None if cost is None else to_usd(cost))

    def add_samples(self, count: int = 1) -> None:
        """Count rollouts: what `cost/avg_cost_per_sample` divides by."""
        self._samples += count

    def add_rollout(self, _rollout: Rollout) -> None:
        """Count a closed rollout."""
        self._samples += 1

    @exactly
    def get_wandb_logs(self, split: Split = "train") -> dict[str, float]:
        """Return the keys `cost/…`: USD of the run, and of the window of `split` since its last `collect`."""
        self._price_pending()
        total = add_up(RoleSums, self._run.values())
        average = total.known / self._samples if total.known is not None and self._samples else None
        values: dict[Key, float | None] = {
            keys.TOTAL_COST: _float(total.known),
            keys.EXECUTOR_COST: _float(self._run["executor"].known),
            keys.JUDGE_COST: _float(self._run["judge"].known),
            keys.STEP_COST: _float(self._window[split].known),
            keys.AVG_COST_PER_SAMPLE: _float(average),
            keys.TOTAL_SAMPLES: self._samples,
            keys.EXECUTOR_CALLS: self._run["executor"].calls,
            keys.JUDGE_CALLS: self._run["judge"].calls,
            keys.UNPRICED_CALLS: total.unpriced,
            keys.UNMETERED_CALLS: total.unmetered,
            keys.STANDARD_CALLS: total.standard or None,
        }
        return name_all(values, split)

    @exactly
    def of_rollouts(self, split: Split) -> Decimal | None:
        """Return the USD of executor and judge since the last `collect`; `None` where nothing is known."""
        self._price_pending()
        known = self._by_source[split].values()
        return sum(known, Decimal(0)) if known else None

    @exactly
    def by_source(self, split: Split) -> dict[str, float]:
        """Return the USD of executor and judge by name of the source since the last `collect`; what is known."""
        self._price_pending()
        return {name: float(usd) for name, usd in self._by_source[split].items()}

    def begin(self, split: Split) -> None:
        """Begin a new window for `split`."""
        self._window[split] = RoleSums()
        self._by_source[split].clear()

    def collect(self, split: Split) -> dict[str, float]:
        """Return the logs and begin a new window for `split`."""
        logs = self.get_wandb_logs(split)
        self.begin(split)
        return logs

    @exactly
    def state(self) -> dict[str, Any]:
        """Return the sums of the run, for `restore` in another process."""
        self._price_pending()
        roles = {role: sums.to_state() for role, sums in self._run.items() if sums.calls}
        return {"roles": roles, "samples": self._samples}

    @exactly
    def restore(self, state: Mapping[str, Any]) -> None:
        """Add the sums of a run that this one goes on with."""
        for role, sums in state["roles"].items():
            self._run[role] = self._run[role].merge(RoleSums.from_state(sums))
        self._samples += state["samples"]

    @exactly
    def print_summary(self) -> None:
        """Print a line per role: calls and USD of the run."""
        self._price_pending()
        rows = [
            (
                role,
                str(sums.calls),
                "unknown" if sums.known is None else format_usd(float(sums.known)),
                str(sums.unpriced),
            )
            for role, sums in self._run.items()
            if sums.calls
        ]
        print_table(("cost", "calls", "USD", "unpriced calls"), rows)

    def _price_pending(self) -> None:
        for key in list(self._pending):
            tokens = self._pending.pop(key)  # first: what fails behind this must not be booked once more
            role, split, source, *_ = key[0]
            usd = attempt(self._priced, *key, tokens)
            self._book(split, role, source, tokens.calls, usd)

    def _priced(self, alike: tuple[Any, ...], tier: int, told: str | None, tokens: Tokens) -> Decimal | None:
        """Return the USD of calls that are priced alike; `None` where no price is known."""
        role, split, _, requested, model = alike
        name, service = requested or model or "unknown", service_of(told)
        rate = self._prices.rate((model, requested), tier, service)
        if rate is None and service and (rate := self._prices.rate((model, requested), tier)) is not None:
            self._tell(STANDARD, service, name)
            for sums in (self._run[role], self._window[split]):
                sums.standard += tokens.calls
        if rate is None and len(self.unpriced_models) < _MOST_NAMES:
            self.unpriced_models.add(name)
        return None if rate is None else tokens.cost(rate)

    def _book(self, split: Split, role: Role, source: str, calls: int, usd: Decimal | None) -> None:
        for sums in (self._run[role], self._window[split]):
            sums.calls += calls
            if usd is None:
                sums.unpriced += calls
            else:
                sums.priced += calls
                sums.usd += usd
        if usd is not None and role in ITEM_ROLES:
            self._by_source[split][self._names(source)] += usd


def _float(usd: Decimal | None) -> float | None:
    return None if usd is None else float(usd)
