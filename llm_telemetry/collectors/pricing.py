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
_CONTEXT = ("service_tier", "processing")
"""What genai-prices calls the kinds of service tiers: `flex` and `priority`, and `batch`."""
_STANDARD = frozenset({"default", "standard", "auto", "on_demand"})


def service_of(tier: str | None) -> str:
    """Return the service tier that calls are priced by; empty for the standard one, whatever a provider calls it."""
    return "" if tier is None or tier in _STANDARD else tier


class Rate(NamedTuple):
    """USD per token, and USD per request."""

    input: Decimal
    cached: Decimal
    output: Decimal
    cache_write: Decimal
    request: Decimal = Decimal(0)
    services: Mapping[str, Rate] = {}
    """Of the other service tiers, by their names."""

    def cost(self, calls: int, prompt: int, cached: int, completion: int, cache_write: int = 0) -> Decimal:
        """Return USD for `calls` requests with these tokens in all; `cached`, `cache_write` are parts of `prompt`."""
        fresh = max(prompt - cached - cache_write, 0)
        prompts = self.input * fresh + self.cached * cached + self.cache_write * cache_write
        return self.request * calls + prompts + self.output * completion


def own_rates(prices: Mapping[str, Mapping[str, Any]] | None) -> dict[str, Rate]:
    """Check a user's `prices`: model name → `{"input": USD, "output": USD, …}` per million tokens.

    `cached` and `cache_write` may be missing: these tokens then cost what other prompt tokens cost. A service tier of
    another price has a table of its own in the model's, under its name: `"flex": {"input": USD, …}`.

    Raises:
        InstrumentError: A key is unknown or missing, or a price is no number of at least 0.
    """
    rates = {}
    if not isinstance(prices, Mapping | None):
        raise InstrumentError(f"prices must be a mapping from model names to prices, not {prices!r}")
    for model, table in (prices or {}).items():
        if not isinstance(model, str):
            raise InstrumentError(f"prices: a model is named by a string, not by {model!r}")
        where = f"prices[{model!r}]"
        if not isinstance(table, Mapping):
            raise InstrumentError(
                f'{where} must be a mapping such as {{"input": 0.1, "output": 0.4}} '
                f"(USD per million tokens), not {table!r}"
            )
        services = {name: inner for name, inner in table.items() if isinstance(inner, Mapping)}
        standard = _own_rate(where, {key: usd for key, usd in table.items() if key not in services})
        rates[model] = standard._replace(
            services={name: _own_rate(f"{where}[{name!r}]", inner) for name, inner in services.items()}
        )
    return rates


def _own_rate(where: str, table: Mapping[str, Any]) -> Rate:
    unknown = sorted(set(table) - set(PRICE_KEYS))
    missing = sorted({"input", "output"} - set(table))
    if unknown or missing:
        raise InstrumentError(
            f"{where}: unknown keys {unknown}, missing keys {missing}; "
            f"give input, output and, if they differ from input, cached and cache_write (USD per million tokens)"
        )
    usd = {key: EXACT.divide(_usd(where, key, value), PER) for key, value in table.items()}
    fresh = usd["input"]
    return Rate(fresh, usd.get("cached", fresh), usd["output"], usd.get("cache_write", fresh))


def _usd(where: str, key: str, value: Any) -> Decimal:
    price = EXACT.create_decimal(str(value))  # what is no number becomes NaN here
    if isinstance(value, bool) or not price.is_finite() or price < 0:
        raise InstrumentError(
            f"{where}[{key!r}] must be a number of at least 0 (USD per million tokens), not {value!r}"
        )
    return price


class PriceTable:
    """Rates by model name; `own` prices win over genai-prices."""

    def __init__(self, own: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        """Check and keep the user's `own` prices; see `own_rates`."""
        self._own = own_rates(own)

    def tier(self, models: Sequence[str | None], prompt: int, service: str = "") -> int:
        """Return the price tier, 0 being the cheapest, that a prompt of this many tokens falls into."""
        if prompt <= SMALLEST_TIER or any(model in self._own for model in models):
            return 0
        pairs = ((model, one) for one in dict.fromkeys((service, "")) for model in models if model)
        known = (starts for pair in pairs if (starts := _tier_starts(*pair)) is not None)
        return bisect_left(next(known, ()), prompt)

    def rate(self, models: Sequence[str | None], tier: int = 0, service: str = "") -> Rate | None:
        """Return the rate of the first of `models` that has a price, your own prices before all others, else `None`.

        Args:
            models: The model in the response, and the one in the request.
            tier: That of the prompt's length.
            service: The service tier, see `service_of`; one without a price of its own has no rate.
        """
        own = next((self._own[model] for model in models if model in self._own), None)
        if own is not None:
            return own.services.get(service) if service else own
        for model in models:
            if model and (starts := _tier_starts(model, service)) is not None:
                return _probe(model, service, starts[tier - 1] + 1 if tier else 1, int(time.time()) // _SECONDS)
        return None


@functools.lru_cache(maxsize=4096)
def _provider(model: str) -> str | None:
    """Return the provider to ask genai-prices for: none (its own guess) or openai, whose SDK made the call.

    Raises:
        LookupError: Neither knows the model.
    """
    try:
        _calculate(model, None, "", 1)
    except LookupError:
        if "/" in model:  # a path or a hub's name: some server's own model, whatever its last part is called
            raise
        _calculate(model, "openai", "", 1)
        return "openai"
    return None


def _calculate(model: str, provider: str | None, service: str, prompt: int, **parts: int) -> Any:
    from genai_prices import Usage, calc_price  # noqa: PLC0415 - 0.3 s to import: only once a price is needed

    usage = Usage(input_tokens=prompt, **parts)
    known = bool(service) and "price_context" in calc_price.__annotations__  # older releases know no service tiers
    context: dict[str, Any] = {"price_context": dict.fromkeys(_CONTEXT, service)} if known else {}
    with localcontext(EXACT):
        return calc_price(usage, model, provider_id=provider, **context)


@functools.lru_cache(maxsize=4096)
def _tier_starts(model: str, service: str) -> tuple[int, ...] | None:
    """Return the prompt lengths beyond which the model costs more; `None` where it, or the service, has no price."""
    try:
        provider = _provider(model)
        prices = _calculate(model, provider, service, 1).model_price
        if service and prices == _calculate(model, provider, "", 1).model_price:
            return None
    except LookupError:
        return None
    tiers = (getattr(price, "tiers", ()) for price in vars(prices).values())
    return tuple(sorted({tier.start for priced in tiers for tier in priced}))


@functools.lru_cache(maxsize=4096)
def _probe(model: str, service: str, prompt: int, _minute: int) -> Rate:
    """Read the rates for prompts of this many tokens off five calculations: differences of a linear function.

    Half a millisecond, and so once a minute: prices that depend on the time of day change with a whole minute.
    """
    usd = functools.partial(_usd_for, model, _provider(model), service)
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


def _usd_for(model: str, provider: str | None, service: str, prompt: int, **parts: int) -> Decimal:
    return Decimal(_calculate(model, provider, service, prompt, **parts).total_price)
