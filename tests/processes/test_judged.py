"""What a judge, its groups and its money are worth is the same to the last digit, however the work is shared out."""

import os
import subprocess
import sys
from collections import defaultdict
from fractions import Fraction

import pytest

from tests.support.children import PATIENCE, ROOT, payloads_in, python
from tests.support.judged_work import ALL, PRICES, exact_match, serve

pytestmark = pytest.mark.long
PROGRAM = "tests.processes.programs.judged"


def done(way, folder):
    """The payload of the one step, done in this way, and what the server has served meanwhile."""
    with serve() as server:
        if way == "ranks":
            _start_ranks(folder, server.base_url)
        else:
            python("-m", PROGRAM, way, server.base_url, cwd=folder)
        (payload,) = payloads_in(folder / "llm_telemetry")
        return payload, server.books.entries()


def _start_ranks(folder, url):
    launch = {**os.environ, "WORLD_SIZE": "3", "MASTER_PORT": "29611", "PYTHONPATH": str(ROOT)}
    program = [sys.executable, "-W", "ignore", "-m", PROGRAM]
    for numbers in (["1", "2"], ["0"]):  # rank 0 takes what the others have told when its own step ends
        started = [
            subprocess.Popen([*program, number, url], cwd=folder, env={**launch, "RANK": number}) for number in numbers
        ]
        assert [one.wait(PATIENCE) for one in started] == [0] * len(numbers)


@pytest.fixture(scope="module")
def serial(tmp_path_factory):
    """The work done one after the other."""
    return done("serial", tmp_path_factory.mktemp("serial"))


@pytest.fixture(scope="module")
def payload(serial):
    return serial[0]


def timeless(payload):
    return {key: value for key, value in payload.items() if "latency" not in key}


@pytest.mark.parametrize("way", ["threads", "children", "ranks"])
def test_it_is_the_same_by_64_threads_by_child_processes_and_by_ranks(payload, way, tmp_path):
    assert timeless(done(way, tmp_path)[0]) == timeless(payload)


def share(part, whole):
    return sum(part) / len(whole)


def groups(source=None):
    by_problem = defaultdict(list)
    for work in ALL:
        if source in (None, work.source):
            by_problem[work.problem].append(work)
    return list(by_problem.values())


@pytest.mark.parametrize("source", [None, "s0", "s1"])
def test_accuracy_and_groups_are_what_was_planned(payload, source):
    at, mine = f"{source}/" if source else "", [work for work in ALL if source in (None, work.source)]
    judged = [work for work in mine if work.outcome in ("correct", "incorrect")]
    doubtful = [work for work in mine if work.outcome in ("api_failure", "parse_failure")]
    right = [work for work in mine if work.outcome == "correct"]
    assert payload[f"dataset/{at}judged_accuracy"] == 100 * len(right) / len(judged)
    assert payload[f"dataset/{at}accuracy_low"] == 100 * len(right) / len(mine)
    assert payload[f"dataset/{at}accuracy_high"] == 100 * (len(right) + len(doubtful)) / len(mine)
    solved = [{work.reward == 1 for work in group} for group in groups(source)]
    assert payload[f"group/{at}solved_all"] == share([one == {True} for one in solved], solved)
    assert payload[f"group/{at}solved_none"] == share([one == {False} for one in solved], solved)
    assert payload[f"group/{at}mixed"] == share([len(one) == 2 for one in solved], solved)
    moved = [group for group in groups(source) if group[0].problem % 8 in (3, 4)]
    assert payload[f"group/{at}contaminated_rate"] == share([1] * len(moved), solved)
    assert payload[f"group/{at}contaminated_rollouts"] == 4 * len(moved)


def test_pairs_cheap_answers_and_the_rule_are_what_was_planned(payload):
    verdicts = [work for work in ALL if work.outcome in ("correct", "incorrect")]
    again = len(verdicts) - len({(work.problem, "".join(work.answer.lower().split())) for work in verdicts})
    assert payload["judge/repeated_pairs"] == again
    assert payload["judge/inconsistent_rate"] == 2 / again  # of problems 5 and 13
    assert (payload["judge/degenerate_seen"], payload["judge/degenerate_accepted_rate"]) == (4, 0.5)
    assert payload["judge/length_pairs"] == len(verdicts)
    ruled = [(exact_match({}, work.answer), work.outcome == "correct") for work in verdicts]
    ruled = [pair for pair in ruled if pair[0] is not None]
    assert payload["rule/exact_match/pairs"] == len(ruled)
    assert payload["rule/exact_match/youden_j"] == 1
    assert payload["judge/changes"] == 0


def spent(entries):
    """The USD of what was served, exactly."""
    return sum(
        Fraction(PRICES[role]["input"] * one.tokens.prompt + PRICES[role]["output"] * one.tokens.completion, 10**6)
        for one in entries
        for role in [one.marks["role"]]
    )


def test_money_went_where_the_server_has_served_it(serial):
    payload, entries = serial
    by_work = defaultdict(list)
    for entry in entries:
        by_work[entry.marks["work"]].append(entry)
    judge = {work: [one for one in mine if one.marks["role"] == "judge"] for work, mine in by_work.items()}
    right = [work for work in ALL if work.outcome == "correct"]
    flat = [work for group in groups() if group[0].problem % 8 in (0, 1) for work in group]
    told = {
        "total_cost": spent(entries),
        "per_correct_rollout": spent(entries) / len(right),
        "failed_rollouts": sum(spent(by_work[work]) for work in ALL if work.outcome is None),
        "in_zero_variance_groups": sum(spent(by_work[work]) for work in flat),
        "per_informative_group": spent(entries) / 12,
        "judge_failures": sum(spent(judge[work]) for work in ALL if work.outcome in ("api_failure", "parse_failure")),
        "retries": sum(spent(judge[work][1:]) for work in ALL if len(work.replies) > 1),
        "unattributed": 0,
    }
    assert {key: payload[f"cost/{key}"] for key in told} == {
        key: pytest.approx(float(usd)) for key, usd in told.items()
    }
