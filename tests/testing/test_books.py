from __future__ import annotations

from dataclasses import replace
from decimal import Decimal

import pytest
from genai_prices import Usage, calc_price

from llm_telemetry.demo.models import PRICES
from llm_telemetry.testing import Books, Entry, Request, Tokens

MARKS = {"role": "judge", "source": "math"}
ENTRY = Entry(
    request=Request("/v1/chat/completions", {"model": "gpt-4.1-mini"}),
    form="reply",
    status=200,
    retry=0,
    tokens=Tokens(1000, 100, 400, 30),
    usage_sent=True,
    content="true_false: True",
    verdict=True,
    finished=True,
    question="q:0",
    call=0,
    marks=MARKS,
)


def entry(**fields):
    if "model" in fields:
        fields["request"] = Request("/v1/chat/completions", {"model": fields.pop("model")})
    return replace(ENTRY, **fields)


def refused(status=429, **fields):
    return entry(form="refused", status=status, tokens=Tokens(), usage_sent=False, verdict=None, **fields)


def books(*entries):
    result = Books(PRICES)
    for item in entries:
        result.add(item)
    return result


@pytest.mark.parametrize("model", PRICES)
def test_the_prices_are_those_that_genai_prices_knows(model):
    usage = Usage(input_tokens=1_000_000, cache_read_tokens=400_000, output_tokens=100_000)
    known = calc_price(usage, model, provider_id="openai").total_price
    assert books(entry(model=model, tokens=Tokens(1_000_000, 100_000, 400_000))).usd() == known


def test_a_call_costs_its_fresh_cached_and_completion_tokens():
    assert books(ENTRY).usd() == (600 * Decimal("0.4") + 400 * Decimal("0.1") + 100 * Decimal("1.6")) / 1_000_000
    assert books(entry(model="somewhere/local")).usd() == 0
    assert Books().usd() == 0


def test_sums_select_by_any_mark_or_field():
    both = books(ENTRY, entry(marks={"role": "executor"}, model="m", tokens=Tokens(1, 2, 0, 0)))
    assert both.tokens() == Tokens(1001, 102, 400, 30)
    assert both.tokens(role="executor") == Tokens(1, 2, 0, 0)
    assert both.tokens(role="executor", form="hung") == Tokens()
    assert both.tokens(nothing="of that name") == Tokens()
    assert both.tokens(model="m", streamed=False, endpoint="chat") == Tokens(1, 2, 0, 0)
    assert both.usd(role="judge") == both.usd() > 0
    assert len(both) == len(list(both)) == 2


def test_retries_belong_to_the_call_that_they_repeat():
    tried = books(refused(), refused(500, retry=1), entry(retry=2))
    assert (tried.calls(), tried.retries(), tried.errors()) == (1, 2, {})
    assert tried.outcomes() == {"correct": 1}


def test_a_call_that_is_refused_to_the_end_is_one_error_of_its_last_kind():
    tried = books(refused(), refused(429, retry=1), refused(503, retry=2))
    assert tried.errors() == {"server": 1}
    (evaluation,) = tried.evaluations()
    assert (evaluation.outcome, evaluation.failure, evaluation.calls) == ("api_failure", "server", 1)
    assert evaluation.last.status == 503


@pytest.mark.parametrize(
    ("status", "kind"),
    [(429, "rate_limit"), (408, "timeout"), (401, "auth"), (403, "auth"), (400, "bad_request"), (529, "server")],
)
def test_an_error_has_the_kind_of_its_status(status, kind):
    assert books(refused(status)).errors() == {kind: 1}


@pytest.mark.parametrize(
    ("form", "kind"), [("hung", "cancelled"), ("stuck", "cancelled"), ("lost", "connection"), ("garbled", "other")]
)
def test_an_answer_that_never_came_whole_is_an_error(form, kind):
    assert books(entry(form=form, verdict=None)).errors() == {kind: 1}
    assert books(entry(form=form, verdict=None)).outcomes() == {"api_failure": 1}


def test_calls_of_one_question_that_are_no_retries_fail_each_by_itself():
    assert books(refused(), refused(500), entry()).errors() == {"rate_limit": 1, "server": 1}


def test_an_evaluation_is_told_by_its_last_answer():
    empty = entry(form="empty", content="", verdict=None)
    assert books(empty, entry(call=1)).outcomes() == {"correct": 1}
    assert books(empty, entry(call=1, form="empty", verdict=None)).outcomes() == {"api_failure": 1}
    assert books(entry(form="unreadable", verdict=None)).outcomes() == {"parse_failure": 1}
    assert books(ENTRY, entry(question="q:1", verdict=False)).outcomes() == {"correct": 1, "incorrect": 1}


@pytest.mark.parametrize(
    ("form", "content", "failure"),
    [
        ("empty", "", "empty"),
        ("refusal", None, "refusal"),
        ("unreadable", "Hm.", "no_verdict"),
        ("truncated", "So it", "truncated"),
        ("truncated", "<think>So it", "unclosed_think"),
    ],
)
def test_why_there_is_no_verdict_is_told_by_the_form_and_the_text(form, content, failure):
    (evaluation,) = books(entry(form=form, content=content, verdict=None)).evaluations()
    assert evaluation.failure == failure


def test_an_answer_that_nobody_got_is_taken_back():
    lost = Books()
    lost.lost(lost.add(ENTRY))
    (taken_back,) = lost
    assert (taken_back.tokens, taken_back.usage_sent, taken_back.finished) == (Tokens(), False, False)
    assert lost.no_usage() == 0


def test_answers_without_token_counts_are_counted():
    assert books(ENTRY, entry(usage_sent=False, tokens=Tokens()), refused()).no_usage() == 1
