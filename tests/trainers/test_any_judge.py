"""Which function is the judge, of whatever shape, and what it is called."""

import re
from types import SimpleNamespace

import pytest

from llm_telemetry import InstrumentError
from tests.support.asked_judges import (
    answers,
    ask,
    judged_by,
    reward_each,
    reward_twice,
    says_yes,
)
from tests.support.loops import GSM, Items, Loop, payload_of
from tests.support.mocking import chat


def judge_by_function(prediction):
    return says_yes(ask(f"Is {prediction} right?"))


def reward_by_function(problem, prediction, source=None):
    return float(judge_by_function(prediction))


class JudgeObject:
    def __call__(self, problem, prediction):
        return says_yes(ask(f"Is {prediction} right?"))


class HoldsAJudge:
    def __init__(self, judge):
        self.answer_judge = judge

    def compute_reward(self, problem, prediction, source=None):
        return float(self.answer_judge(problem, prediction))


def reward_by_attribute(trainer):
    trainer.reward_fn("?", "4")


@pytest.mark.parametrize(
    ("trainer", "settings"),
    [
        (lambda: Loop(reward_by_attribute, reward_fn=reward_by_function), {}),
        (lambda: Loop(reward_by_attribute, reward_fn=reward_by_function), {"judge": judge_by_function}),
        (lambda: Loop(reward_twice, reward=HoldsAJudge(JudgeObject())), {}),
        (lambda: Loop(reward_twice, reward=HoldsAJudge(lambda _, prediction: judge_by_function(prediction))), {}),
        (lambda: Loop(reward_twice, reward=HoldsAJudge(JudgeObject())), {"judge": "answer_judge"}),
        (lambda: Loop(reward_by_attribute, reward_fn=reward_by_function), {"judge": "reward_fn"}),
    ],
    ids=[
        "beside the reward function",
        "function",
        "object on it",
        "function on it",
        "named object",
        "the reward itself",
    ],
)
def test_a_judge_of_any_shape_is_found_or_can_be_named(api, tmp_path, trainer, settings):
    answers(api, chat("true"))
    payload = payload_of(trainer(), tmp_path, **settings)
    assert (payload["judge/calls"], payload["judge/correct_count"], payload["dataset/accuracy"]) == (1, 1, 100)
    assert payload["llm/judge/calls"] == 1


def test_a_judge_object_that_is_handed_in_is_watched(api, tmp_path):
    answers(api, chat("true"))
    judge = JudgeObject()
    trainer = Loop(lambda trainer: trainer.reward.compute_reward("?", "4"), reward=HoldsAJudge(judge))
    assert payload_of(trainer, tmp_path, judge=judge)["judge/correct_count"] == 1


class TwoJudges:
    def compute_reward(self, problem, prediction, source=None):
        return float(self._judge_math(prediction) and self._judge_style(prediction))

    def _judge_math(self, prediction):
        return says_yes(ask(f"Is {prediction} right?"))

    def _judge_style(self, prediction):
        return says_yes(ask(f"Is {prediction} nice?"))


def test_several_judges_have_keys_of_their_own(api, tmp_path):
    answers(api, chat("true"), chat(""))
    payload = payload_of(Loop(reward_each, reward=TwoJudges(), data=Items(GSM)), tmp_path)
    assert (payload["judge/calls"], payload["judge/judge_math/calls"], payload["judge/judge_style/calls"]) == (2, 1, 1)
    assert payload["judge/judge_math/success_rate"] == payload["judge/judge_style/api_failure_rate"] == 1


def test_judges_are_called_what_the_user_calls_them(api, tmp_path):
    answers(api, chat("true"))
    judges = {"Math": "_judge_math", "gsm8k": "_judge_style"}
    payload = payload_of(Loop(reward_each, reward=TwoJudges(), data=Items(GSM)), tmp_path, judge=judges)
    assert payload["judge/math/calls"] == 1
    assert payload["judge/gsm8k/calls"] == 2  # the dataset's
    assert payload["judge/gsm8k_judge/calls"] == 1  # the judge of the same name


SHARES = ("success_rate", "parse_failure_rate", "api_failure_rate", "correct_ratio")


def test_one_judge_alone_has_no_keys_of_its_own(api, tmp_path):
    answers(api, chat("true"))
    payload = judged_by(tmp_path, lambda _: says_yes(ask()))
    assert {key for key in payload if key.startswith("judge/") and key.count("/") == 2} == {
        f"judge/gsm8k/{key}" for key in (*SHARES, "calls", "undecided", "length_pairs")
    }


@pytest.mark.parametrize(
    ("judge", "told"),
    [
        (["_judge_math", "_judge_color"], "judge '_judge_color': there is no such function"),
        (SimpleNamespace(x=1), "there is no such function"),
        ({"math": 3}, "judge 3: there is no such function"),
        (JudgeObject, "there is no such function"),
        ({1: "_judge_math"}, "called by a string, not by 1"),
    ],
    ids=["name", "object", "number", "class", "label"],
)
def test_a_judge_that_cannot_be_one_is_told_at_once(tmp_path, judge, told):
    with pytest.raises(InstrumentError, match=re.escape(told)):
        payload_of(Loop(reward_each, reward=TwoJudges()), tmp_path, judge=judge)
