"""Tokens of calls that are not priced yet, by what they cost: whoever adds them up, prices them once."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal, localcontext
from types import MappingProxyType
from typing import TYPE_CHECKING, Any, TypeAlias

from llm_telemetry.collectors.aggregates import Sums
from llm_telemetry.collectors.pricing import EXACT, PriceTable, service_of
from llm_telemetry.events import Usage

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from llm_telemetry.collectors.pricing import Rate
    from llm_telemetry.events import Call

_NO_USAGE = Usage()
_NO_TOKENS: Mapping[Any, Any] = MappingProxyType({})
_MOST_CALLS = 32
"""That are kept before they are added up."""


Bucket: TypeAlias = "tuple[str | None, str | None, int, str | None]"
"""What decides what tokens cost: the models in response and request, `tier_of`, the service tier that is told."""


def tier_of(call: Call, prompt: int, prices: PriceTable) -> int:
    """Return the price tier that the length of a call's prompt falls into."""
    return prices.tier((call.model, call.requested_model), prompt, service_of(call.service_tier))


@dataclass(slots=True)
class Tokens(Sums):
    """Tokens of some calls."""

    calls: int = 0
    prompt: int = 0
    cached: int = 0
    cache_write: int = 0
    completion: int = 0

    def add(self, prompt: int, cached: int | None, cache_write: int | None, completion: int) -> None:
        """Add those of one call; `cached` and `cache_write` are parts of `prompt`."""
        self.calls += 1
        self.prompt += prompt
        self.completion += completion
        if cached:
            self.cached += cached
        if cache_write:
            self.cache_write += cache_write

    def cost(self, rate: Rate) -> Decimal:
        """Return their USD."""
        return rate.cost(self.calls, self.prompt, self.cached, self.completion, self.cache_write)


class Spend:
    """What some calls took. They are added up when their cost is asked for, which for most it never is, or are many."""

    __slots__ = ("calls", "tokens", "unmetered")

    def __init__(self) -> None:
        self.calls: list[Call] = []
        """Those that are not added up yet."""
        self.tokens: Mapping[Bucket, Tokens] = _NO_TOKENS
        self.unmetered = 0
        """Calls that succeeded without telling their tokens."""

    def add(self, call: Call, prices: PriceTable) -> None:
        """Add one call."""
        self.calls.append(call)
        if len(self.calls) > _MOST_CALLS:
            self._add_up(prices)

    def _add_up(self, prices: PriceTable) -> None:
        self.tokens = tokens = defaultdict(Tokens, self.tokens)
        for call in self.calls:
            prompt, completion, cached, _, cache_write = call.usage or _NO_USAGE
            if prompt is None or completion is None:
                self.unmetered += call.error is None
            else:
                bucket = call.model, call.requested_model, tier_of(call, prompt, prices), call.service_tier
                tokens[bucket].add(prompt, cached, cache_write, completion)
        self.calls = []

    def usd(self, prices: PriceTable) -> Decimal | None:
        """Return the USD that are known; `None` where calls were made and of not one of them the cost is known."""
        if self.calls:
            self._add_up(prices)
        if not self.tokens and not self.unmetered:
            return Decimal(0)
        rates = [
            (tokens, prices.rate(models, tier, service_of(service)) or prices.rate(models, tier))
            for (*models, tier, service), tokens in self.tokens.items()
        ]
        known = [(tokens, rate) for tokens, rate in rates if rate is not None]
        if not known and (rates or self.unmetered):
            return None
        with localcontext(EXACT):
            return sum((tokens.cost(rate) for tokens, rate in known), Decimal(0))


def merged(parts: Iterable[Spend]) -> Spend:
    """Return what all of them took."""
    total = Spend()
    total.tokens = added = defaultdict[Bucket, Tokens](Tokens)
    for part in parts:
        total.calls += part.calls
        total.unmetered += part.unmetered
        for key, tokens in part.tokens.items():
            added[key] = added[key].merge(tokens)
    return total
