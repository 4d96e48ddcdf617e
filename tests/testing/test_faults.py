from __future__ import annotations

from collections import Counter
from dataclasses import fields, replace

import pytest

from llm_telemetry.testing import Faults, Reply, ToolCall, draw, pick
from llm_telemetry.testing.faults import Step, planned, spoiled, steps_of

EVERYTHING = Faults(**{field.name: 0.1 for field in fields(Faults)})


def test_a_draw_is_a_fixed_number_between_0_and_1_and_draws_are_even():
    assert draw("a", 1) == draw("a", 1) != draw("a", 2)
    draws = [draw(i) for i in range(2000)]
    assert 0 <= min(draws) < max(draws) < 1
    assert 0.47 < sum(draws) / 2000 < 0.53
    assert Counter(pick("abc", i) for i in range(30)).keys() == set("abc")


@pytest.mark.parametrize("rate", [-0.1, 1.1, float("nan")])
def test_what_is_not_a_rate_is_refused_by_name(rate):
    with pytest.raises(ValueError, match="hung"):
        Faults(hung=rate)


def test_without_faults_each_request_is_answered_at_once():
    assert steps_of(Faults(), "key") == (Step(0, 0, "reply", 200),)


def test_on_the_worst_day_everything_happens_and_the_sdk_gets_through_unless_exhausted():
    scripts = [steps_of(EVERYTHING, i) for i in range(2000)]
    assert {step.form for steps in scripts for step in steps} == {
        *("reply", "refused", "hung", "lost", "garbled", "empty", "refusal", "truncated", "unreadable")
    }
    assert {step.status for steps in scripts for step in steps} == {200, 429, 500, 503, None}
    for steps in scripts:
        for call in {step.call for step in steps}:
            attempts = [step for step in steps if step.call == call]
            assert [step.attempt for step in attempts] == list(range(len(attempts)))
            assert len(attempts) <= 3
            assert len(attempts) == 3 or attempts[-1].form not in ("refused", "lost")


def test_faults_are_as_frequent_as_they_are_said_to_be():
    first = Counter(steps_of(Faults(truncated=0.3, empty=0.2), i)[0].form for i in range(4000))
    assert first["truncated"] / 4000 == pytest.approx(0.3, abs=0.03)
    assert first["empty"] / 4000 == pytest.approx(0.2, abs=0.03)


@pytest.mark.parametrize("form", ["empty", "refusal"])
def test_an_answer_without_content_is_followed_by_a_second_call(form):
    faults = Faults(**{form: 1.0})
    assert steps_of(faults, 1) == (Step(0, 0, form, 200), Step(1, 0, "reply", 200))
    assert steps_of(replace(faults, empty_again=1.0), 1) == (Step(0, 0, form, 200), Step(1, 0, form, 200))


def test_a_planned_fault_has_the_status_that_it_is_or_has():
    assert planned(503) == Step(0, 0, "refused", 503)
    assert planned(200) == planned("reply") == Step(0, 0, "reply", 200)
    assert planned("hung") == Step(0, 0, "hung", None)


VERDICT = Reply("<true_false>True</true_false>", verdict=True, tool_calls=(ToolCall("f", {}),))


def test_a_reply_as_it_is_is_not_spoiled():
    assert spoiled(VERDICT, "reply", 1) is VERDICT


@pytest.mark.parametrize("form", ["empty", "refusal", "truncated", "unreadable"])
def test_of_a_spoiled_reply_no_verdict_is_left(form):
    replies = [spoiled(VERDICT, form, i) for i in range(20)]
    assert {(reply.verdict, reply.tool_calls) for reply in replies} == {(None, ())}
    assert all(bool(reply.content) == (form in ("truncated", "unreadable")) for reply in replies)
    assert all((reply.refusal is not None) == (form == "refusal") for reply in replies)
    assert all((reply.finish_reason == "length") == (form == "truncated") for reply in replies)
    assert not any("true_false" in (reply.content or "") for reply in replies)


def test_what_is_no_verdict_is_cut_off_in_its_middle():
    assert spoiled(Reply("12345678"), "truncated", 1).content == "1234"
