from __future__ import annotations

from collections import Counter
from dataclasses import replace

import pytest

from llm_telemetry.demo import answers, prompts
from llm_telemetry.demo.draws import draw, pick
from llm_telemetry.demo.faults import Faults, Step, script
from llm_telemetry.demo.reward import _VERDICT


def user_prompt(candidate: str, reference: str = "42") -> str:
    return "\n".join([prompts.tagged("candidate", candidate), prompts.tagged("reference", reference)])


def test_a_draw_is_a_fixed_number_between_0_and_1_and_draws_are_even():
    assert draw("a", 1) == draw("a", 1) != draw("a", 2)
    draws = [draw(i) for i in range(2000)]
    assert 0 <= min(draws) < max(draws) < 1
    assert 0.47 < sum(draws) / 2000 < 0.53
    assert Counter(pick("abc", i) for i in range(30)).keys() == set("abc")


@pytest.mark.parametrize("rate", [-0.1, 1.1])
def test_what_is_not_a_rate_is_refused_by_name(rate):
    with pytest.raises(ValueError, match="hung"):
        Faults(hung=rate)


def test_without_faults_each_request_is_answered_at_once():
    for kind in ("workflow", "verdict", "extraction"):
        assert script(kind, Faults.none(), "key") == (Step(0, 0, "reply", 200),)


def test_on_the_worst_day_everything_happens_and_the_sdk_gets_through_unless_exhausted():
    scripts = [script(kind, Faults.everything(), i) for i in range(2000) for kind in ("workflow", "verdict")]
    assert {step.form for steps in scripts for step in steps} == {
        *("reply", "refused", "hung", "empty", "truncated", "prose", "foreign")
    }
    assert {step.status for steps in scripts for step in steps} == {200, 429, 500, 503, None}
    for steps in scripts:
        for call in {step.call for step in steps}:
            attempts = [step for step in steps if step.call == call]
            assert [step.attempt for step in attempts] == list(range(len(attempts)))
            assert len(attempts) <= 3
            assert len(attempts) == 3 or attempts[-1].form != "refused"


def test_an_empty_verdict_is_followed_by_a_second_call():
    steps = script("verdict", replace(Faults.none(), empty=1.0), 1)
    assert steps == (Step(0, 0, "empty", 200), Step(1, 0, "reply", 200))


@pytest.mark.parametrize("right", [True, False])
def test_the_trainer_reads_every_usual_verdict_form(right):
    prompt = user_prompt("Answer: 42" if right else "Answer: 43")
    contents = {answers.judge("reply", prompt, 0.0, i).content for i in range(200)}
    assert len(contents) == len(answers._FORMS)
    assert {_VERDICT.search(content).group(1) for content in contents} == {str(right)}


@pytest.mark.parametrize("form", ["truncated", "prose", "foreign", "empty"])
def test_the_trainer_reads_no_verdict_in_the_unusual_forms(form):
    replies = [answers.judge(form, user_prompt("Answer: 42"), 0.0, i) for i in range(50)]
    assert not any(_VERDICT.search(reply.content or "") for reply in replies)
    assert all((reply.verdict is True) == (form == "foreign") for reply in replies)
    assert all((reply.finish_reason == "length") == (form == "truncated") for reply in replies)


def test_a_judge_that_misjudges_says_the_opposite():
    assert answers.judge("reply", user_prompt("Answer: 42"), 1.0, 0).verdict is False
    assert answers.judge("reply", user_prompt("Answer: 1"), 1.0, 0).verdict is True


@pytest.mark.parametrize(
    ("text", "result"),
    [("Answer: 7", "7"), ("So far 3.\nAnswer: a b.", "a b"), ("which makes it 3/4.", "3/4"), ("x\ny", "y"), ("", "")],
)
def test_the_result_is_found_in_prose(text, result):
    assert prompts.final_answer(text) == result
    assert answers.extract(prompts.tagged("solution", text)).content == result


def test_a_foreign_problem_gets_some_answer():
    reply = answers.solve(None, "You are a poet.", "Hello", 1)
    assert "Answer: " in reply.content
