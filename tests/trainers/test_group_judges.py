"""One call that judges many, a pair, or what was judged before: one evaluation an item, and no rollout twice."""

import json

import pytest

from tests.support.asked_judges import (
    answers,
    ask,
    failures_in,
    text_of,
)
from tests.support.loops import Loop, payload_of
from tests.support.mocking import chat, failure, openai_api

GROUP = [{"response": f"answer {i}", "problem": "2 + 2?", "source": "gsm8k"} for i in range(3)]


@pytest.fixture
def api():
    with openai_api() as api:
        yield api


class GroupJudge:
    """Ranks the trajectories of one problem in one call, as RULER does; falls back to zeros."""

    def __init__(self, returns):
        self.returns = returns

    def compute_rewards(self, trajectories):
        judged = self._llm_judge_group(trajectories)
        return judged if isinstance(judged, list) else [one["score"] for one in judged["scores"]]

    def _llm_judge_group(self, trajectories):
        try:
            told = json.loads(text_of(ask(" | ".join(one["response"] for one in trajectories))))
        except Exception:  # noqa: BLE001 - as trainers do
            told = {"scores": [{"score": 0.0} for _ in trajectories]}
        return told if self.returns == "mapping" else [one["score"] for one in told["scores"]]


def judged(tmp_path, returns, groups=1):
    trainer = Loop(lambda t: [t.reward.compute_rewards(GROUP) for _ in range(groups)], reward=GroupJudge(returns))
    return payload_of(trainer, tmp_path)


@pytest.mark.parametrize("returns", ["list", "mapping"])
def test_a_group_judged_in_one_call_is_an_evaluation_a_trajectory(api, tmp_path, returns):
    scores = [{"trajectory_id": str(i), "score": score} for i, score in enumerate((0.1, 0.9, 0.5))]
    answers(api, chat(json.dumps({"scores": scores})))
    payload = judged(tmp_path, returns)
    assert (payload["judge/calls"], payload["llm/judge/calls"], payload["dataset/count"]) == (3, 1, 3)
    assert (payload["judge/success_rate"], payload["judge/avg_score"]) == (1, pytest.approx(0.5))


@pytest.mark.parametrize(
    ("answer", "kinds"),
    [(chat("I am not able to judge any of this."), {"no_verdict": 3}), (failure(500), {"server": 3})],
    ids=["unreadable", "failed"],
)
def test_a_group_that_got_the_fallback_was_not_judged(api, tmp_path, answer, kinds):
    answers(api, answer)
    payload = judged(tmp_path, "list")
    assert failures_in(payload) == kinds
    assert (payload["judge/calls"], payload["judge/success_rate"], payload["dataset/count"]) == (3, 0, 3)


def test_a_group_that_is_all_wrong_was_judged(api, tmp_path):
    answers(api, chat(json.dumps({"scores": [{"trajectory_id": str(i), "score": 0.0} for i in range(3)]})))
    payload = judged(tmp_path, "list")
    assert (payload["judge/success_rate"], payload["judge/parse_failure_rate"]) == (1, 0)


def test_a_pair_is_one_evaluation_and_two_rollouts(api, tmp_path):
    class Pair:
        def compute_reward(self, problem, response_a, response_b):
            return [1.0, 0.0] if self._llm_judge_compare(problem, response_a, response_b) == "A" else [0.0, 1.0]

        def _llm_judge_compare(self, problem, response_a, response_b):
            return "A" if "[[A]]" in text_of(ask(response_a + response_b)) else "B"

    answers(api, chat("[[A]]"))
    trainer = Loop(lambda t: [t.reward.compute_reward("?", f"x{i}", f"y{i}") for i in range(3)], reward=Pair())
    payload = payload_of(trainer, tmp_path)
    assert (payload["judge/calls"], payload["dataset/count"], payload["dataset/accuracy"]) == (3, 6, 50)


def test_a_cached_judgement_is_an_evaluation_without_a_call(api, tmp_path):
    class Cached:
        def __init__(self):
            self.known = {}

        def compute_reward(self, problem, prediction):
            return float(self._llm_judge_compare(prediction))

        def _llm_judge_compare(self, prediction):
            if prediction not in self.known:
                self.known[prediction] = "true" in text_of(ask(prediction))
            return self.known[prediction]

    answers(api, chat("true"))
    trainer = Loop(lambda t: [t.reward.compute_reward("?", "4") for _ in range(4)], reward=Cached())
    payload = payload_of(trainer, tmp_path)
    assert (payload["judge/calls"], payload["llm/judge/calls"], payload["dataset/count"]) == (4, 1, 4)
    assert (payload["judge/correct_ratio"], payload["judge/undecided"]) == (1, 0)
