"""Prices: token sums by model and tier cost to the cent what genai-prices says of each call by itself."""

import math
from decimal import Decimal
from types import SimpleNamespace

import genai_prices
import pytest
from genai_prices import Usage as PricedUsage
from genai_prices import calc_price
from genai_prices.data_snapshot import get_snapshot
from genai_prices.types import TieredPrices
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_telemetry.collectors import pricing
from llm_telemetry.collectors.cost import CostTracker
from llm_telemetry.collectors.pricing import SMALLEST_TIER, PriceTable, own_rates
from llm_telemetry.collectors.spend import Spend
from llm_telemetry.events import Call, Usage
from llm_telemetry.settings.config import InstrumentError

MODELS = ["gpt-4o-mini", "gpt-4.1-mini", "gpt-4o-2024-08-06", "o3-mini", "text-embedding-3-small"]
TIERED = ["gemini-2.5-pro", "claude-sonnet-4-5", "gemini-1.5-flash"]
SERVICES = {"": "", "default": "", "flex": "service_tier", "priority": "service_tier", "batch": "processing"}
"""As responses call them, and what genai-prices calls their kind; the standard one has none."""
EDGES = [SMALLEST_TIER, 32_000, 100_000, 128_000, 200_000, 256_000, 272_000]


def price_tables():
    """Every table of prices that genai-prices has."""
    for provider in get_snapshot().providers:
        for model in provider.models:
            for priced in model.prices if isinstance(model.prices, list) else [model.prices]:
                yield getattr(priced, "prices", priced)


def test_no_provider_s_long_prompts_begin_before_the_look_up_does():
    prices = [price for table in price_tables() for price in vars(table).values()]
    starts = [tier.start for price in prices if isinstance(price, TieredPrices) for tier in price.tiers]
    assert len(starts) > 20
    assert min(starts) >= SMALLEST_TIER


prompts = st.one_of(
    st.integers(0, 5_000),
    st.sampled_from([edge + by for edge in EDGES for by in (-1, 0, 1)]),
    st.integers(0, 1_000_000),
)


@st.composite
def usages(draw):
    prompt = draw(prompts)
    cached = draw(st.one_of(st.none(), st.integers(0, prompt)))
    return Usage(prompt, draw(st.integers(0, 100_000)), cached, None)


def call(model, usage, *, requested=None, source="gsm8k", **fields):
    return Call("executor", "train", source, requested or model, model, usage, None, 0, 0.1, **fields)


def genai(model, usage, **context):
    tokens = PricedUsage(input_tokens=usage.prompt, cache_read_tokens=usage.cached or 0, output_tokens=usage.completion)
    provider = "openai" if model.startswith("text-embedding") else None  # several providers serve it; ours is asked
    return calc_price(tokens, model, provider_id=provider, **context).total_price


@settings(deadline=None, max_examples=150)
@given(st.lists(st.tuples(st.sampled_from(MODELS + TIERED), usages()), max_size=12))
def test_the_cost_of_many_calls_is_the_sum_of_their_costs(calls):
    tracker = CostTracker()
    for model, usage in calls:
        tracker.add_call(call(model, usage))
    total = float(sum((genai(model, usage) for model, usage in calls), Decimal(0)))
    assert tracker.get_wandb_logs()["cost/total_cost"] == pytest.approx(total, rel=1e-12, abs=1e-18)


@pytest.mark.parametrize("model", TIERED)
@pytest.mark.parametrize("edge", EDGES)
def test_a_prompt_at_the_edge_of_a_tier_costs_what_genai_prices_says(model, edge):
    for prompt in (edge - 1, edge, edge + 1):
        tracker = CostTracker()
        tracker.add_call(call(model, Usage(prompt, 10, prompt // 3)))
        expected = float(genai(model, Usage(prompt, 10, prompt // 3)))
        assert tracker.get_wandb_logs()["cost/step_cost"] == pytest.approx(expected, rel=1e-12)


KNOWS_SERVICES = "price_context" in calc_price.__annotations__
"""Older releases of genai-prices know no service tiers."""


@pytest.mark.skipif(not KNOWS_SERVICES, reason="this release of genai-prices knows no service tiers")
@settings(deadline=None, max_examples=100)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(["gpt-4.1", "gpt-4.1-mini", "claude-sonnet-4-5"]), usages(), st.sampled_from([*SERVICES])
        )
    )
)
def test_calls_of_a_service_tier_cost_what_genai_prices_says_of_it(calls):
    tracker = CostTracker()
    for model, usage, service in calls:
        tracker.add_call(call(model, usage, service_tier=service))
    contexts = {tier: {"price_context": {kind: tier}} if kind else {} for tier, kind in SERVICES.items()}
    total = float(sum((genai(model, usage, **contexts[tier]) for model, usage, tier in calls), Decimal(0)))
    assert tracker.get_wandb_logs()["cost/total_cost"] == pytest.approx(total, rel=1e-12, abs=1e-18)


@pytest.mark.skipif(not KNOWS_SERVICES, reason="this release of genai-prices knows no service tiers")
def test_a_service_tier_changes_what_a_call_costs():
    costs = [float(PriceTable().rate(["gpt-4.1"], 0, service).input) for service in ("priority", "", "batch")]
    assert costs == sorted(costs, reverse=True)
    assert len({*costs}) == 3


def test_a_service_tier_without_a_price_costs_what_the_standard_one_does_and_is_counted(caplog):
    tracker, plain = CostTracker(), CostTracker()
    for _ in range(3):
        tracker.add_call(call("gpt-4o-mini", Usage(1000, 10), service_tier="galactic"))
        plain.add_call(call("gpt-4o-mini", Usage(1000, 10), service_tier="default"))
    told, usual = tracker.get_wandb_logs(), plain.get_wandb_logs()
    assert told == {**usual, "cost/priced_as_standard_calls": 3}
    assert "cost/priced_as_standard_calls" not in usual
    assert caplog.text.count("'galactic' of gpt-4o-mini are priced at the standard tier") == 1


def test_a_service_tier_of_a_model_without_any_price_is_unpriced_and_no_more():
    tracker = CostTracker()
    tracker.add_call(call("nobody-s", Usage(1000, 10), service_tier="flex"))
    told = tracker.get_wandb_logs()
    assert told["cost/unpriced_calls"] == 1
    assert "cost/priced_as_standard_calls" not in told


def test_an_own_price_for_a_service_tier_is_that_of_its_calls_alone():
    prices = {"m": {"input": 2, "output": 0, "flex": {"input": 1, "output": 0}}}
    tracker, spend = CostTracker(PriceTable(prices)), Spend()
    for service in ("flex", "default", None, "priority"):
        one = call("m", Usage(1_000_000, 0), service_tier=service)
        tracker.add_call(one)
        spend.add(one, PriceTable(prices))
    told = tracker.get_wandb_logs()
    assert (told["cost/total_cost"], told["cost/priced_as_standard_calls"]) == (7.0, 1)
    assert spend.usd(PriceTable(prices)) == 7


@pytest.mark.parametrize("flex", [{"input": 1}, {"input": 1, "output": 1, "deep": {}}, {"input": -1, "output": 0}])
def test_a_price_of_a_service_tier_that_cannot_be_is_refused(flex):
    with pytest.raises(InstrumentError, match=r"prices\['m'\]\['flex'\]"):
        own_rates({"m": {"input": 1, "output": 2, "flex": flex}})


def test_an_own_price_wins_over_genai_prices():
    table = PriceTable({"gpt-4o-mini": {"input": 1, "output": 2}})
    assert table.rate(["gpt-4o-mini"]).input == Decimal(1) / 1_000_000


def test_an_own_price_for_the_model_that_was_asked_wins_over_the_one_that_answered():
    """OpenAI answers in the name of a dated snapshot, which genai-prices knows."""
    tracker = CostTracker(PriceTable({"gpt-4o-mini": {"input": 1, "output": 2}}))
    tracker.add_call(call("gpt-4o-mini-2024-07-18", Usage(1_000_000, 0), requested="gpt-4o-mini"))
    assert tracker.get_wandb_logs()["cost/total_cost"] == pytest.approx(1.0)


def test_an_own_price_for_the_snapshot_wins_over_one_for_its_family():
    table = PriceTable({"m": {"input": 1, "output": 1}, "m-2024": {"input": 2, "output": 2}})
    assert table.rate(["m-2024", "m"]).input * 1_000_000 == 2


def test_cached_tokens_cost_what_other_prompt_tokens_cost_unless_said():
    rates = own_rates({"a": {"input": 1, "output": 2}, "b": {"input": 1, "cached": 0, "output": 2}})
    assert rates["a"].cost(1, 1_000_000, 500_000, 0) == 1
    assert rates["b"].cost(1, 1_000_000, 500_000, 0) == Decimal("0.5")


@pytest.mark.parametrize("price", [0.1, "0.1", Decimal("0.1")])
def test_a_price_is_what_was_written(price):
    assert own_rates({"m": {"input": price, "output": 0}})["m"].input * 1_000_000 == Decimal("0.1")


@pytest.mark.parametrize(
    "model", ["/checkpoints/gpt-4o", "my-org/llama-3-8b-grpo", "no-such-model", "", None, " ", "\n"]
)
def test_an_unknown_model_has_no_price(model):
    assert PriceTable().rate([model]) is None
    assert PriceTable().tier([model], 500_000) == 0


@settings(deadline=None, max_examples=100)
@given(st.text(max_size=30))
def test_no_name_of_a_model_raises(model):
    rate = PriceTable().rate([model])
    assert rate is None or (rate.input >= 0 and math.isfinite(rate.input))


def test_unknown_models_are_counted_and_named():
    tracker = CostTracker()
    tracker.add_call(call("my-model", Usage(10, 10)))
    tracker.add_call(call("gpt-4o-mini", Usage(10, 10)))
    logs = tracker.get_wandb_logs()
    assert logs["cost/unpriced_calls"] == 1
    assert logs["cost/total_cost"] == pytest.approx(float(genai("gpt-4o-mini", Usage(10, 10))))
    assert tracker.unpriced_models == {"my-model"}


@pytest.mark.parametrize("model", ["claude-sonnet-4-5", "claude-haiku-4-5", "gpt-4o-mini", "gemini-1.5-flash"])
@pytest.mark.parametrize("prompt", [1_000, 250_000])
def test_tokens_written_to_the_cache_have_a_price_of_their_own_or_that_of_the_prompt(model, prompt):
    written = prompt // 4
    tracker = CostTracker()
    tracker.add_call(call(model, Usage(prompt, 10, prompt // 2, None, written)))
    cost = PricedUsage(input_tokens=prompt, cache_read_tokens=prompt // 2, output_tokens=10, cache_write_tokens=written)
    if not model.startswith("claude"):  # older releases of genai-prices give away what has no price of its own
        cost = PricedUsage(input_tokens=prompt, cache_read_tokens=prompt // 2, output_tokens=10)
    expected = calc_price(cost, model).total_price
    assert tracker.get_wandb_logs()["cost/total_cost"] == pytest.approx(float(expected), rel=1e-12)


def test_your_own_price_may_tell_what_writing_to_the_cache_costs():
    rates = own_rates({"a": {"input": 1, "output": 2}, "b": {"input": 1, "cache_write": 1.25, "output": 2}})
    assert rates["a"].cost(1, 1_000_000, 0, 0, 1_000_000) == 1
    assert rates["b"].cost(1, 1_000_000, 0, 0, 1_000_000) == Decimal("1.25")


def test_the_price_of_a_model_is_asked_for_once_in_a_minute_and_heard_anew_in_the_next(monkeypatch):
    prices, asked = PriceTable(), []
    prices.rate(["gpt-4o-mini"])  # what it is called by is known for good
    pricing._probe.cache_clear()
    monkeypatch.setattr(
        genai_prices, "calc_price", lambda *args, **told: asked.append(args) or calc_price(*args, **told)
    )
    for second, expected in ((1.0, 5), (59.9, 5), (60.0, 10)):
        monkeypatch.setattr(pricing, "time", SimpleNamespace(time=lambda now=second: now))
        prices.rate(["gpt-4o-mini"])
        assert len(asked) == expected
