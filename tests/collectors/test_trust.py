"""What accuracy, groups and money are worth: rollouts put together with their calls and evaluations."""

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_telemetry.collectors import ledger as ledgers
from llm_telemetry.collectors.accuracy import AccuracySums
from llm_telemetry.collectors.groups import GroupSums, groups_in
from llm_telemetry.collectors.ledger import Ledger
from llm_telemetry.collectors.pricing import PriceTable
from llm_telemetry.events import FAILED, VERDICTS, Call, Evaluation, Rollout, Usage
from llm_telemetry.session.counts import Counts
from llm_telemetry.session.rollouts import Phase
from llm_telemetry.settings.config import Config

PRICES = {"m": {"input": 1_000_000, "output": 0}}
"""A dollar a token, so that costs are whole numbers."""
outcomes = st.sampled_from([*VERDICTS, *FAILED, "undecided"])
rewards = st.one_of(st.none(), st.sampled_from([0.0, 0.2, 0.7, 1.0]))


def evaluated(outcome, number, **fields):
    """An evaluation of the rollout with this number."""
    return Evaluation("train", "s", outcome, None, False, rollout=(1, number), **fields)


def rollout(number, reward, *, failed=False, problem=7, source="s", **fields):
    """The rollout with this number."""
    return Rollout("train", source, reward, failed, keys=((1, number),), **{"group": problem, **fields})


def called(tokens, number=None, role="executor", **fields):
    """A call that took so many tokens, which is as many dollars."""
    key = None if number is None else (1, number)
    return Call(role, "train", "s", "m", "m", Usage(tokens, 0), None, 0, 0.1, rollout=key, **fields)


def told(*events):
    """The keys that these events come to."""
    counts = Counts(Config.of({"prices": PRICES}))
    listeners = counts.listeners(Counter())
    for event in events:
        listeners[type(event)]([event])
    counts.settle("train")
    return counts.collect(Phase("train", 1), "train")


def bounds(logs, at="dataset"):
    return tuple(logs.get(f"{at}/{key}") for key in ("accuracy_low", "accuracy", "accuracy_high"))


# --- accuracy


def test_a_failed_evaluation_widens_the_bounds_and_moves_nothing_else():
    right = [evaluated("correct", 1), rollout(1, 1.0), evaluated("incorrect", 2), rollout(2, 0.0)]
    failed = [evaluated("api_failure", 3), rollout(3, 0.0), evaluated("parse_failure", 4), rollout(4, 0.0)]
    logs = told(*right, *failed)
    assert bounds(logs) == bounds(logs, "dataset/s") == (25, 25, 75)
    assert logs["dataset/judged_accuracy"] == logs["dataset/s/judged_accuracy"] == 50


def test_a_judge_that_failed_and_was_asked_again_has_not_failed():
    logs = told(evaluated("api_failure", 1), evaluated("correct", 1), rollout(1, 1.0))
    assert (logs["dataset/judged_accuracy"], *bounds(logs)) == (100, 100, 100, 100)


def test_one_of_two_judges_that_failed_leaves_the_rollout_open():
    logs = told(evaluated("correct", 1, judge="a"), evaluated("api_failure", 1, judge="b"), rollout(1, 1.0))
    assert bounds(logs) == (0, 100, 100)
    assert "dataset/judged_accuracy" not in logs


def test_an_unscored_rollout_whose_judge_failed_may_be_either():
    logs = told(evaluated("correct", 1), rollout(1, 1.0), evaluated("api_failure", 2), rollout(2, None))
    assert bounds(logs) == (50, 100, 100)


def test_a_failed_rollout_is_wrong_whatever_its_judge_did():
    logs = told(evaluated("api_failure", 1), rollout(1, None, failed=True), evaluated("correct", 2), rollout(2, 1.0))
    assert bounds(logs) == (50, 50, 50)


def test_where_no_judge_was_asked_there_is_nothing_to_say_of_it():
    logs = told(rollout(1, 1.0), rollout(2, 0.0, source="judged"), evaluated("incorrect", 2)._replace(source="judged"))
    assert bounds(logs, "dataset/s") == (None, 100, None)
    assert bounds(logs, "dataset/judged") == (0, 0, 0)
    assert bounds(logs) == (50, 50, 50)
    assert logs["dataset/judged_accuracy"] == 0


def test_an_evaluation_of_an_unknown_rollout_leaves_no_bounds_to_its_source():
    stray = Evaluation("train", "s", "api_failure", None, False)
    logs = told(stray, evaluated("correct", 1), rollout(1, 1.0))
    assert bounds(logs, "dataset/s") == (None, 100, None)
    assert bounds(logs) == (None, 100, None)
    assert logs["dataset/judged_accuracy"] == 100


@given(st.lists(st.tuples(st.lists(st.tuples(st.sampled_from("ab"), outcomes), max_size=3), rewards, st.booleans())))
def test_accuracy_lies_within_its_bounds_and_they_are_what_they_say(rows):
    events, lows, highs, whole = [], 0, 0, 0
    for number, (asked, reward, failed) in enumerate(rows):
        events += [evaluated(outcome, number, judge=judge, key=(1, at)) for at, (judge, outcome) in enumerate(asked)]
        events.append(rollout(number, reward, failed=failed))
        last = dict(asked)
        is_open = not failed and any(outcome not in VERDICTS for outcome in last.values())
        scored = reward is not None or failed
        correct = reward is not None and reward >= 0.9
        whole += is_open or scored
        lows += correct and not is_open
        highs += correct or is_open
    logs = told(*events)
    if not any(asked for asked, _, _ in rows) or not whole:
        assert bounds(logs)[::2] == (None, None)
        return
    low, accuracy, high = bounds(logs)
    assert (low, high) == pytest.approx((100 * lows / whole, 100 * highs / whole))
    assert accuracy is None or low <= accuracy + 1e-9 <= high + 2e-9


# --- groups


def test_a_group_is_all_right_none_or_mixed_and_a_single_rollout_is_no_group():
    rows = {1: [1.0, 1.0], 2: [0.0, 0.2], 3: [1.0, 0.0], 4: [1.0, 1.0, 0.0], 5: [1.0]}
    numbered = iter(range(99))
    logs = told(*(rollout(next(numbered), one, problem=at) for at, group in rows.items() for one in group))
    keys = ("count", "solved_all", "solved_none", "mixed", "zero_variance_rate", "contaminated_rate")
    assert [logs[f"group/{key}"] for key in keys] == [4, 0.25, 0.25, 0.5, 0.25, 0]
    assert [logs[f"group/s/{key}"] for key in keys] == [4, 0.25, 0.25, 0.5, 0.25, 0]


def test_what_is_not_known_of_a_group_is_in_no_rate():
    logs = told(rollout(1, 1.0), rollout(2, None), rollout(3, 1.0, problem=8), rollout(4, None, failed=True, problem=8))
    assert logs["group/count"] == 2
    assert logs["group/mixed"] == 1  # a failed one is wrong; of the unscored one nothing is known
    assert "group/zero_variance_rate" not in logs  # which reward the trainer has given to the failed one is not seen


def test_rollouts_that_nothing_puts_together_are_no_group():
    apart = [rollout(9, 1.0, group=None), rollout(10, 1.0, group=None), rollout(11, 1.0, source="other")]
    assert told(*(rollout(number, 1.0, group=number // 2) for number in range(4)), *apart)["group/count"] == 2


@pytest.mark.parametrize(
    ("failed", "reward", "siblings", "contaminated"),
    [
        (True, 0.0, [1.0, 0.2], 1),
        (False, 0.0, [1.0, 0.2], 0),
        (True, 0.6, [1.0, 0.2], 0),  # the mean of the others moves nothing
        (True, 0.1 + 0.2, [0.3, 0.3], 0),
        (True, None, [1.0, 0.2], 0),
        (True, 0.0, [0.0, 0.0], 0),
    ],
)
def test_a_stand_in_that_moves_the_mean_contaminates_its_group(failed, reward, siblings, contaminated):
    outcome = "api_failure" if failed else "incorrect"
    events = [evaluated(outcome, 0), rollout(0, reward)]
    events += [e for n, one in enumerate(siblings, 1) for e in (evaluated("incorrect", n), rollout(n, one))]
    logs = told(*events)
    assert logs["group/contaminated_rate"] == contaminated
    assert logs["group/contaminated_rollouts"] == 3 * contaminated


def test_a_group_of_stand_ins_alone_has_nothing_to_be_moved():
    logs = told(*(event for n in (1, 2) for event in (evaluated("api_failure", n), rollout(n, 0.0))))
    assert logs["group/contaminated_rate"] == 0


@given(st.lists(st.tuples(st.integers(0, 2), st.booleans(), rewards, st.booleans()), max_size=12))
def test_groups_add_up_over_processes(rows):
    def sums(some):
        return groups_in(some, str).by_source.get("s", GroupSums())

    def settled(some):
        ledger = Ledger(PriceTable(PRICES))
        for number, (problem, stands_in, reward, failed) in enumerate(some):
            ledger.add_evaluation(evaluated("api_failure" if stands_in else "correct", number))
            correct = None if reward is None else reward >= 0.9
            ledger.add_rollout(rollout(number, reward, failed=failed, problem=problem), correct)
        return ledger.settled("train")

    parts = [settled([row for row in rows if row[0] == problem]) for problem in range(3)]
    forwards = sums(parts[0]).merge(sums(parts[1])).merge(sums(parts[2]))
    backwards = sums(parts[2]).merge(sums(parts[1]).merge(sums(parts[0])))
    assert forwards == backwards == sums(settled(rows))
    assert forwards.solved_all + forwards.solved_none + forwards.mixed == forwards.decided


def test_a_source_that_is_called_group_takes_no_key_of_the_groups():
    logs = told(rollout(1, 1.0, source="Group"), rollout(2, 1.0, source="Group"))
    assert logs["group/count"] == logs["group/group_/count"] == 1
    assert logs["dataset/group_/count"] == 2


# --- money


def test_the_cost_of_groups_and_failed_rollouts_is_that_of_their_own_calls():
    flat = [called(1, 0), called(2, 1), called(4, 1, "judge"), rollout(0, 1.0), rollout(1, 1.0)]
    mixed = [called(8, 2), called(16, 3), rollout(2, 1.0, problem=8), rollout(3, 0.0, problem=8)]
    failed = [called(32, 4), rollout(4, None, failed=True, problem=9)]
    shared = [called(64), called(128, None, "other")]
    logs = told(*flat, *mixed, *failed, *shared)
    assert logs["cost/in_zero_variance_groups"] == 7
    assert logs["cost/failed_rollouts"] == 32
    assert logs["cost/unattributed"] == 64
    assert logs["cost/per_correct_rollout"] == pytest.approx(127 / 3)
    assert logs["cost/per_informative_group"] == 127


def test_a_rollout_s_calls_are_those_of_its_execution_and_of_its_rewards():
    rows = [rollout(0, 1.0)._replace(keys=((1, 0), (2, 0))), rollout(1, 1.0)._replace(keys=((1, 1), (2, 1)))]
    calls = [called(1, 0), called(2)._replace(rollout=(2, 0), role="judge"), called(4)._replace(rollout=(2, 1))]
    assert told(*calls, *rows)["cost/in_zero_variance_groups"] == 7


def test_what_failed_evaluations_cost_is_shared_evenly_by_a_batch():
    alone = [called(1, 0, "judge", evaluation=(1, 50)), evaluated("api_failure", 0, key=(1, 50))]
    fine = [called(2, 0, "judge", evaluation=(1, 51)), evaluated("correct", 0, key=(1, 51))]
    batch = [called(4, None, "judge", evaluation=(1, 52)), called(8, None, "judge", evaluation=(1, 52))]
    came_to = ["correct", "parse_failure", "parse_failure"]
    batch += [evaluated(outcome, n, key=(1, 52), batch=3) for n, outcome in enumerate(came_to)]
    logs = told(*alone, *fine, *batch, rollout(0, 1.0))
    assert logs["cost/judge_failures"] == pytest.approx(1 + 12 * 2 / 3)


def test_what_was_asked_again_after_an_unusable_answer_is_spent_on_retries():
    logs = told(called(1, 0, "judge"), called(2, 0, "judge", again=True), rollout(0, 1.0))
    assert logs["cost/retries"] == 2


def test_without_a_price_nothing_is_said_of_money():
    logs = told(called(1, 0)._replace(model="mine", requested_model="mine"), rollout(0, 1.0), rollout(1, 1.0))
    names = ("per_correct_rollout", "per_informative_group", "in_zero_variance_groups", "judge_failures", "retries")
    assert not any(f"cost/{name}" in logs for name in names)


def test_the_share_of_the_cache_is_that_of_the_calls_that_told_it():
    known = [called(100)._replace(usage=Usage(100, 0, cached)) for cached in (60, 0)]
    assert told(*known, called(1000))["tokens/executor/cache_hit_rate"] == 0.3
    assert "tokens/executor/cache_hit_rate" not in told(called(1000))


# --- what is kept


def test_what_belongs_to_no_rollout_is_forgotten_after_some_payloads():
    ledger = Ledger(PriceTable(PRICES))
    ledger.add_evaluation(evaluated("correct", 1))
    for _ in range(ledgers.PATIENCE):
        ledger.begin("train")
        ledger.begin("val")
    assert ledger._accounts
    ledger.begin("train")
    assert not ledger._accounts


def test_what_is_kept_is_bounded_and_that_is_told_once(monkeypatch, caplog):
    monkeypatch.setattr(ledgers, "MOST", 3)
    ledger = Ledger(PriceTable(PRICES))
    for number in range(9):
        ledger.add_evaluation(evaluated("correct", number))
        ledger.add_rollout(rollout(number, 1.0), correct=True)
    assert (len(ledger._accounts), len(ledger.settled("train").sources)) == (3, 3)
    assert len(caplog.messages) == 1


@given(st.lists(st.builds(AccuracySums, *[st.integers(0, 9)] * 6), min_size=3, max_size=3))
def test_sums_of_accuracy_merge_in_any_order(parts):
    one, two, three = parts
    assert one.merge(two).merge(three) == three.merge(two.merge(one))
