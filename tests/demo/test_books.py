from __future__ import annotations

from decimal import Decimal

import pytest
from genai_prices import Usage, calc_price

from llm_telemetry.demo.books import PRICES, Books, Entry, Evaluation, Tokens

ENTRY = Entry(
    role="judge",
    kind="verdict",
    form="reply",
    model="gpt-4.1-mini",
    source="math",
    split="train",
    status=200,
    retry=0,
    tokens=Tokens(1000, 100, 400, 30),
    usage_sent=True,
    streamed=False,
    content="true_false: True",
    verdict=True,
    finished=True,
    evaluation="e:0",
    call=0,
)


def entry(**fields):
    return Entry(**(vars(ENTRY) | fields))


def refused(status=429, **fields):
    return entry(form="refused", status=status, tokens=Tokens(), usage_sent=False, verdict=None, **fields)


def books(*entries):
    result = Books()
    for item in entries:
        result.add(item)
    return result


@pytest.mark.parametrize("model", PRICES)
def test_the_prices_are_those_that_genai_prices_knows(model):
    usage = Usage(input_tokens=1_000_000, cache_read_tokens=400_000, output_tokens=100_000)
    known = calc_price(usage, model, provider_id="openai").total_price
    assert entry(model=model, tokens=Tokens(1_000_000, 100_000, 400_000)).usd == known


def test_a_call_costs_its_fresh_cached_and_completion_tokens():
    assert ENTRY.usd == (600 * Decimal("0.4") + 400 * Decimal("0.1") + 100 * Decimal("1.6")) / 1_000_000
    assert entry(model="somewhere/local").usd == 0


def test_sums_select_by_any_field():
    both = books(ENTRY, entry(role="executor", kind="workflow", tokens=Tokens(1, 2, 0, 0)))
    assert both.tokens() == Tokens(1001, 102, 400, 30)
    assert both.tokens(role="executor") == Tokens(1, 2, 0, 0)
    assert both.tokens(role="executor", split="val") == Tokens()
    assert both.usd(role="judge") == ENTRY.usd
    assert len(both) == len(list(both)) == 2


def test_retries_belong_to_the_call_that_they_repeat():
    tried = books(refused(), refused(500, retry=1), entry(retry=2))
    assert (tried.calls(), tried.retries(), tried.errors()) == (1, 2, {})
    assert tried.outcomes() == {"correct": 1}


def test_a_call_that_is_refused_to_the_end_is_one_error_of_its_last_kind():
    tried = books(refused(), refused(429, retry=1), refused(503, retry=2))
    assert tried.errors() == {"server": 1}
    assert tried.evaluations() == [Evaluation("math", "train", "api_failure", "refused", "server", 1)]


def test_an_evaluation_is_told_by_its_last_answer():
    empty = entry(form="empty", content="", verdict=None)
    assert books(empty, entry(call=1)).outcomes() == {"correct": 1}
    assert books(empty, entry(call=1, form="empty", verdict=None)).outcomes() == {"api_failure": 1}
    assert books(entry(form="prose", verdict=None)).outcomes() == {"parse_failure": 1}
    assert books(ENTRY, entry(evaluation="e:1", verdict=False)).outcomes() == {"correct": 1, "incorrect": 1}


def test_an_answer_that_nobody_got_is_taken_back():
    lost = Books()
    lost.lost(lost.add(ENTRY))
    (taken_back,) = lost
    assert (taken_back.tokens, taken_back.usage_sent, taken_back.finished) == (Tokens(), False, False)
    assert lost.no_usage() == 0


def test_answers_without_token_counts_are_counted():
    assert books(ENTRY, entry(usage_sent=False, tokens=Tokens()), refused()).no_usage() == 1
