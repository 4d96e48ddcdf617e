"""What the demo's scripted models say."""

from __future__ import annotations

import pytest

from llm_telemetry.demo import models, prompts
from llm_telemetry.demo.models import CALM, Day
from llm_telemetry.demo.reward import _VERDICT
from llm_telemetry.testing import Request


def request(system: str, **parts: str) -> Request:
    messages = [{"role": "system", "content": system}, {"role": "user", "content": prompts.tagged(**parts)}]
    return Request("/v1/chat/completions", {"model": "m", "messages": messages})


def judged(candidate: str, day: Day, *key: object):
    return models._judge(day, request(prompts.JUDGE, candidate=candidate, reference="42"), *key)


@pytest.mark.parametrize("right", [True, False])
def test_the_trainer_reads_every_usual_verdict_form(right):
    candidate = "Answer: 42" if right else "Answer: 43"
    contents = {judged(candidate, CALM, i).content for i in range(200)}
    assert len(contents) == len(models._FORMS)
    assert {_VERDICT.search(content).group(1) for content in contents} == {str(right)}


def test_the_trainer_reads_no_verdict_in_the_foreign_forms():
    replies = [judged("Answer: 42", Day(foreign=1.0), i) for i in range(50)]
    assert not any(_VERDICT.search(reply.content) for reply in replies)
    assert {reply.verdict for reply in replies} == {True}


def test_a_judge_that_misjudges_says_the_opposite():
    always = Day(misjudged=1.0)
    assert judged("Answer: 42", always, 0).verdict is False
    assert judged("Answer: 1", always, 0).verdict is True


@pytest.mark.parametrize(
    ("text", "result"),
    [("Answer: 7", "7"), ("So far 3.\nAnswer: a b.", "a b"), ("which makes it 3/4.", "3/4"), ("x\ny", "y"), ("", "")],
)
def test_the_result_is_found_in_prose(text, result):
    assert prompts.final_answer(text) == result
    assert models._extract(request(prompts.EXTRACTOR, solution=text)).content == result


def test_a_foreign_problem_gets_some_answer():
    assert "Answer: " in models._solve(CALM, request("You are a poet.", problem="Hello"), 1).content


def test_only_the_solver_is_ever_left_hanging_as_the_judge_would_block_the_trainer():
    for day in (models.USUAL, models.WORST):
        assert day.solver.hung > 0
        assert day.judge.hung == day.extractor.hung == 0
