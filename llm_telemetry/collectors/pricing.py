"""What tokens cost: a user's own prices first, else genai-prices; unknown is `None`, never 0.

Tokens are summed per model and priced once a flush. That is exact, because a price is linear in its tokens for as
long as the prompt stays within one tier: the tier is part of the sum's key. The rates themselves are read off
`genai_prices.calc_price`, which stays the only one to know how a provider bills.
"""

from __future__ import annotations

import functools
import time
from bisect import bisect_left
from collections.abc import Mapping, Sequence
from decimal import Context, Decimal, localcontext
from typing import Any, NamedTuple

from llm_telemetry.settings.config import InstrumentError

EXACT = Context(prec=40, traps=[])
"""For all arithmetic with USD: the trainer's own decimal context is neither used nor touched."""
PRICE_KEYS = ("input", "cached", "cache_write", "output")
PER = Decimal(1_000_000)
SMALLEST_TIER = 16_384
"""Tokens. No provider's long-prompt surcharge begins below this, so shorter prompts need no look-up; a test
holds this against the table of genai-prices, whose smallest tier begins at 32,000."""
_SECONDS = 60
"""That a rate of genai-prices is kept."""


class Rate(NamedTuple):
    """USD per token, and USD per request."""

    input: Decimal
    cached: Decimal
    output: Decimal
    cache_write: Decimal
    request: Decimal = Decimal(0)

    def cost(self, calls: int, prompt: int, cached: int, completion: int, cache_write: int = 0) -> Decimal:
        """Return USD for `calls` requests with these tokens in all; `cached`, `cache_write` are parts of `prompt`."""
        fresh = max(prompt - cached - cache_write, 0)
        prompts = self.input * fresh + self.cached * cached + self.cache_write * cache_write
        return self.request * calls + prompts + self.output * completion


def own_rates(prices: Mapping[str, Mapping[str, Any]] | None) -> dict[str, Rate]:
    """Check a user's `prices`: model name → `{"input": USD, "output": USD, …}` per million tokens.

    `cached` and `cache_write` may be missing: these tokens then cost what other prompt tokens cost.

    Raises:
        InstrumentError: A key is unknown or missing, or a price is no number of at least 0.
    """
    rates = {}
    if not isinstance(prices, Mapping | None):
        raise InstrumentError(f"prices must be a mapping from model names to prices, not {prices!r}")
    for model, table in (prices or {}).items():
        if not isinstance(model, str):
            raise InstrumentError(f"prices: a model is named by a string, not by {model!r}")
        if not isinstance(table, Mapping):
            raise InstrumentError(
                f'prices[{model!r}] must be a mapping such as {{"input": 0.1, "output": 0.4}} '
                f"(USD per million tokens), not {table!r}"
            )
        unknown = sorted(set(table) - set(PRICE_KEYS))
        missing = sorted({"input", "output"} - set(table))
        if unknown or missing:
            raise InstrumentError(
                f"prices[{model!r}]: unknown keys {unknown}, missing keys {missing}; "
                f"give input, output and, if they differ from input, cached and cache_write (USD per million tokens)"
            )
        usd = {key: EXACT.divide(_usd(model, key, value), PER) for key, value in table.items()}
        fresh = usd["input"]
        rates[model] = Rate(fresh, usd.get("cached", fresh), usd["output"], usd.get("cache_write", fresh))
    return rates


def _usd(model: str, key: str, value: Any) -> Decimal:
    price = EXACT.create_decimal(str(value))  # what is no number becomes NaN here
    if isinstance(value, bool) or not price.is_finite() or price < 0:
        raise InstrumentError(
            f"prices[{model!r}][{key!r}] must be a number of at least 0 (USD per million tokens), not {value!r}"
        )
    return price


class PriceTable:
    """Rates by model name; `own` prices win over genai-prices."""

    def __init__(self, own: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        """Check and keep the user's `own` prices; see `own_rates`."""
        self._own = own_rates(own)

    def tier(self, models: Sequence[str | None], prompt: int) -> int:
        """Return the price tier, 0 being the cheapest, that a prompt of this many tokens falls into."""
        if prompt <= SMALLEST_TIER or any(model in self._own for model in models):
            return 0
        known = (starts for model in models if model and (starts := _tier_starts(model)) is not None)
        return bisect_left(next(known, ()), prompt)

    def rate(self, models: Sequence[str | None], tier: int = 0) -> Rate | None:
        """Return the rate of the first of `models` that has a price, your own prices before all others, else `None`."""
        own = next((self._own[model] for model in models if model in self._own), None)
        if own is not None:
            return own
        for model in models:
            if model and (starts := _tier_starts(model)) is not None:
                return _probe(model, starts[tier - 1] + 1 if tier else 1, int(time.time()) // _SECONDS)
        return None


@functools.lru_cache(maxsize=4096)
def _provider(model: str) -> str | None:
    """Return the provider to ask genai-prices for: none (its own guess) or openai, whose SDK made the call.

    Raises:
        LookupError: Neither knows the model.
    """
    try:
        _calculate(model, None, 1)
    except LookupError:
        if "/" in model:  # a path or a hub's name: some server's own model, whatever its last part is called
            raise
        _calculate(model, "openai", 1)
        return "openai"
    return None


def _calculate(model: str, provider: str | None, prompt: int, **parts: int) -> Any:
    from genai_prices import Usage, calc_price  # noqa: PLC0415 - 0.3 s to import: only once a price is needed

    usage = Usage(input_tokens=prompt, **parts)
    with localcontext(EXACT):
        return calc_price(usage, model, provider_id=provider)


@functools.lru_cache(maxsize=4096)
def _tier_starts(model: str) -> tuple[int, ...] | None:
    """Return the prompt lengths beyond which the model costs more, or `None` for an unknown model."""
    try:
        calculation = _calculate(model, _provider(model), 1)
    except LookupError:
        return None
    tiers = (getattr(price, "tiers", ()) for price in vars(calculation.model_price).values())
    return tuple(sorted({tier.start for priced in tiers for tier in priced}))


@functools.lru_cache(maxsize=4096)
def _probe(model: str, prompt: int, _minute: int) -> Rate:
    """Read the rates for prompts of this many tokens off five calculations: differences of a linear function.

    Half a millisecond, and so once a minute: prices that depend on the time of day change with a whole minute.
    """
    usd = functools.partial(_usd_for, model, _provider(model))
    request = usd(0)
    fresh = usd(prompt)
    return Rate(
        input=(fresh - request) / prompt,
        cached=(usd(prompt, cache_read_tokens=prompt) - request) / prompt,
        output=(usd(prompt, output_tokens=prompt) - fresh) / prompt,
        # older releases of genai-prices give the writes away where a model has no price of its own for them
        cache_write=((usd(prompt, cache_write_tokens=prompt) - request) or (fresh - request)) / prompt,
        request=request,
    )


def _usd_for(model: str, provider: str | None, prompt: int, **parts: int) -> Decimal:
    return Decimal(_calculate(model, provider, prompt, **parts).total_price)
