"""pass@k: against all ways of drawing k attempts, and where it cannot be told."""

from itertools import combinations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_telemetry.collectors.attempts import AttemptsCollector, pass_at
from llm_telemetry.events import Rollout
from llm_telemetry.sources import SourceNames

PROBLEMS = st.lists(st.lists(st.booleans(), min_size=4, max_size=7), min_size=1, max_size=4)


def collector(most=100):
    return AttemptsCollector(SourceNames(), most)


def told(rollouts, **settings):
    attempts = collector(**settings)
    for source, problem, reward, failed in rollouts:
        correct = None if reward is None else reward >= 1
        attempts.add_rollout(Rollout("train", source, reward, failed, problem), correct)
    return attempts.get_wandb_logs()


@given(problems=PROBLEMS, k=st.integers(1, 4))
def test_it_is_the_share_of_all_draws_of_k_in_which_one_is_right(problems, k):
    shares = []
    for tries in problems:
        draws = [any(draw) for draw in combinations(tries, k)]
        shares.append(sum(draws) / len(draws))
    counts = [(len(tries), sum(tries)) for tries in problems]
    assert pass_at(k, counts) == pytest.approx(sum(shares) / len(shares))


def test_it_goes_as_far_as_each_problem_was_tried_and_a_failed_attempt_is_a_wrong_one():
    tried = [("a", 1, float(i == 0), False) for i in range(4)] + [("b", 2, None, True) for _ in range(2)]
    logs = told(tried)
    assert logs == {
        "dataset/pass@1": pytest.approx(0.125),
        "dataset/pass@2": pytest.approx(0.25),
        "dataset/a/pass@1": pytest.approx(0.25),
        "dataset/a/pass@2": pytest.approx(0.5),
        "dataset/a/pass@4": pytest.approx(1.0),
        "dataset/b/pass@1": 0.0,
        "dataset/b/pass@2": 0.0,
    }


@pytest.mark.parametrize(
    "rollouts",
    [
        pytest.param([("a", 1, 1.0, False), ("a", 2, 1.0, False)], id="each problem was tried once"),
        pytest.param([("a", 1, None, False)] * 4, id="nothing is scored"),
        pytest.param([("a", None, 1.0, False)] * 4, id="the problem is not known"),
        pytest.param([], id="nothing"),
    ],
)
def test_where_it_cannot_be_told_it_is_absent(rollouts):
    assert told(rollouts) == {}


def test_more_problems_than_can_be_kept_are_told_and_leave_it_out(caplog):
    assert told([("a", i // 2, 1.0, False) for i in range(20)], most=5) == {}
    assert "more than 5 problems" in caplog.text
