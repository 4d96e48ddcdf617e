"""What accuracy, groups and money are worth: rollouts put together with their calls and evaluations."""

import math
import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_telemetry import guard
from llm_telemetry.collectors import ledger as ledgers
from llm_telemetry.collectors.accuracy import AccuracySums
from llm_telemetry.collectors.consistency import ConsistencyCollector
from llm_telemetry.collectors.groups import GroupSums, groups_in
from llm_telemetry.collectors.ledger import Ledger
from llm_telemetry.collectors.lengths import LengthSums, correlation
from llm_telemetry.collectors.pricing import PriceTable
from llm_telemetry.events import FAILED, VERDICTS, Call, Evaluation, Judged, Rollout, Usage
from llm_telemetry.judging.answers import is_degenerate, judged
from llm_telemetry.session.counts import Counts
from llm_telemetry.session.rollouts import Phase
from llm_telemetry.settings.config import Config
from tests.support.mocking import chat
from tests.support.trainers import Executor, RewardComputer, Trainer, train_step, watch

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
    listeners = counts.listeners()
    for event in events:
        for add in listeners[type(event)]:
            add(event)
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


# --- the same answer again


def verdict(outcome, answer="4", question="2 + 2?", **fields):
    """A verdict on an answer to a question."""
    return Evaluation("train", "s", outcome, None, False, judged=judged(answer, question, "", hash(question)), **fields)


def test_the_same_answer_with_another_verdict_is_inconsistent_however_it_is_written():
    same = [
        verdict("correct"),
        verdict("incorrect", " 4\n"),
        verdict("incorrect", "4"),
        verdict("correct", "FOUR"),
        verdict("correct", "Four "),
    ]
    logs = told(*same)
    assert (logs["judge/repeated_pairs"], logs["judge/inconsistent_rate"]) == (3, pytest.approx(1 / 3))


def test_a_long_answer_is_the_same_but_for_white_space_at_its_ends_alone():
    long = "One and one. " * 50
    logs = told(verdict("correct", long), verdict("incorrect", f"\n{long}\n"), verdict("correct", long.lower()))
    assert (logs["judge/repeated_pairs"], logs["judge/inconsistent_rate"]) == (1, 1)


def test_where_an_answer_ends_and_its_reference_begins_is_no_matter_of_chance():
    assert judged("ab", reference="c", problem=1).pair != judged("a", reference="bc", problem=1).pair


def test_another_question_another_judge_and_another_answer_are_no_pair():
    logs = told(
        verdict("correct"),
        verdict("incorrect", "5"),
        verdict("incorrect", question="3 + 1?"),
        verdict("incorrect", judge="b"),
    )
    assert "judge/repeated_pairs" not in logs
    assert "judge/inconsistent_rate" not in logs


def test_what_has_no_verdict_is_no_pair():
    logs = told(
        verdict("correct"), verdict("api_failure"), verdict("parse_failure"), verdict("score"), verdict("correct")
    )
    assert logs["judge/repeated_pairs"] == 1


def test_answers_are_remembered_over_steps_and_the_oldest_are_forgotten_and_counted():
    collector = ConsistencyCollector(most=2)
    for answer in "aba":
        collector.add_evaluation(verdict("correct", answer))
    collector.begin("train")
    for answer in "ca":
        collector.add_evaluation(verdict("incorrect", answer))
    logs = collector.get_wandb_logs("train")
    assert logs == {"judge/repeated_pairs": 1, "judge/inconsistent_rate": 1, "judge/forgotten_answers": 1}
    assert collector.add_evaluation(verdict("correct", "b")) is None


@given(st.lists(st.tuples(st.sampled_from("abc"), st.booleans()), max_size=30))
def test_pairs_are_held_against_the_verdict_before(rows):
    before, pairs, differ = {}, 0, 0
    for answer, right in rows:
        pairs += answer in before
        differ += before.get(answer, right) != right
        before[answer] = right
    logs = told(*(verdict("correct" if right else "incorrect", answer) for answer, right in rows))
    assert logs.get("judge/repeated_pairs", 0) == pairs
    assert logs.get("judge/inconsistent_rate", 0) * pairs == pytest.approx(differ)


# --- answers that are none


@pytest.mark.parametrize(
    "answer", ["", " ", ":", "...", "Solution:", "**Solution**", "Thought process:", "解", "2 + 2?"]
)
def test_an_answer_without_content_is_known(answer):
    assert is_degenerate(answer, "2 + 2?")


@pytest.mark.parametrize(
    "answer", ["4", "-", "<", "∞", "Solution: 4", "no solution", "yes", "0", "(a, b)", "2 + 2 = 4"]
)
def test_a_short_answer_is_an_answer(answer):
    assert not is_degenerate(answer, "2 + 2?")


def test_what_a_judge_makes_of_answers_without_content_is_told():
    logs = told(
        verdict("correct", ":"), verdict("incorrect", "Solution:"), verdict("api_failure", ":"), verdict("correct")
    )
    assert (logs["judge/degenerate_seen"], logs["judge/degenerate_accepted_rate"]) == (2, 0.5)


# --- lengths


def test_the_correlation_is_that_of_statistics():
    rows = [
        ("correct", "a" * 3),
        ("incorrect", "a" * 40),
        ("correct", "a" * 9),
        ("incorrect", "a" * 100),
        ("correct", "a" * 60),
    ]
    logs = told(*(verdict(outcome, answer) for outcome, answer in rows))
    known = statistics.correlation([o == "correct" for o, _ in rows], [math.log(1 + len(a)) for _, a in rows])
    assert logs["judge/length_correlation"] == logs["judge/s/length_correlation"] == pytest.approx(known, abs=1e-3)
    assert logs["judge/length_pairs"] == 5


def test_sources_with_other_lengths_and_other_verdicts_are_no_correlation():
    short = [verdict(outcome, "a" * n) for n in (4, 8) for outcome in ("correct", "incorrect", "correct")]
    long = [
        verdict(outcome, "a" * n)._replace(source="t")
        for n in (400, 800)
        for outcome in ("incorrect",) * 3 + ("correct",)
    ]
    assert told(*short, *long)["judge/length_correlation"] == pytest.approx(0, abs=1e-9)


def test_where_all_lengths_or_all_verdicts_are_the_same_there_is_no_correlation():
    assert "judge/length_correlation" not in told(*(verdict(o) for o in ("correct", "incorrect", "correct")))
    assert "judge/length_correlation" not in told(*(verdict("correct", "a" * n) for n in range(9)))


@given(st.lists(st.tuples(st.integers(0, 500), st.booleans()), max_size=20), st.randoms())
def test_sums_of_lengths_merge_exactly_in_any_order(rows, random):
    def sums(some):
        total = LengthSums()
        for length, right in some:
            total.add([length], right)
        return total

    mixed = random.sample(rows, len(rows))
    assert sums(mixed[: len(rows) // 2]).merge(sums(mixed[len(rows) // 2 :])) == sums(rows)
    found = correlation([sums(rows)])
    assert found is None or -1 <= found <= 1


def test_parse_failures_are_told_by_thirds_of_length():
    rows = [(n, outcome) for n in (1, 30, 900) for outcome in ("correct", "incorrect")]
    logs = told(
        *(verdict(outcome, "a" * n) for n, outcome in rows),
        verdict("parse_failure", "a" * 900),
        verdict("api_failure", "a"),
    )
    assert [logs[f"judge/parse_failure_rate_{third}"] for third in ("short", "medium", "long")] == [
        0,
        0,
        pytest.approx(1 / 3),
    ]


# --- a threshold of the user's


def test_a_threshold_that_is_a_function_is_asked_once_a_rollout(tmp_path):
    asked = []
    items = [{"problem": f"{n} + 0?", "ground_truth": "4", "source": "gsm8k"} for n in range(5)]
    trainer = Trainer(items, reward_computer=RewardComputer(lambda *_: True))
    trainer.executor.work = Executor(lambda _: answered()).work
    telemetry, memory = watch(trainer, tmp_path, threshold=lambda reward: asked.append(reward) or reward > 0)
    train_step(trainer)
    telemetry.uninstrument()
    assert memory.payloads[0].values["dataset/accuracy"] == 100
    assert asked == [1.0] * 5


async def answered():
    return "4", 0.0, {"success": True}


# --- a rule


def test_the_judge_is_held_against_reward_functions_that_say_yes_or_no():
    said = [("correct", 1.0), ("correct", 1.0), ("incorrect", 1.0), ("correct", 0.0), ("incorrect", 0.0)]
    said += [("correct", 0.5), ("correct", None), ("api_failure", 1.0), ("score", 1.0)]
    events = [
        event
        for number, (outcome, given) in enumerate(said)
        for event in (evaluated(outcome, number), rollout(number, 1.0, parts=(("Exact match", given),)))
    ]
    logs = told(*events)
    assert logs["rule/exact_match/pairs"] == 5
    assert logs["rule/exact_match/true_positive_rate"] == pytest.approx(2 / 3)
    assert logs["rule/exact_match/false_positive_rate"] == 0.5
    assert logs["rule/exact_match/youden_j"] == pytest.approx(2 / 3 - 1 / 2)


def test_without_an_answer_that_the_rule_calls_wrong_there_is_no_youden_s_j():
    logs = told(evaluated("correct", 1), rollout(1, 1.0, parts=(("rule", 1.0),)))
    assert logs["rule/rule/true_positive_rate"] == 1
    assert not {"rule/rule/false_positive_rate", "rule/rule/youden_j"} & set(logs)


def against(rule, tmp_path, *asked):
    """What a rule of the user's comes to where the judge accepts answers that begin with 4; and what it was given."""
    heard = []

    def told_rule(item, answer):
        heard.append((item, answer))
        return rule(item, answer)

    told_rule.__name__ = "exact_match"
    answers = iter(asked)

    async def work(problem):
        return next(answers), 0.0, {"success": True}

    items = [{"problem": f"{n} + 0?", "ground_truth": "4", "source": "gsm8k"} for n, _ in enumerate(asked)]
    trainer = Trainer(items, Executor(work), RewardComputer(lambda _, prediction, __: prediction.startswith("4")))
    telemetry, memory = watch(trainer, tmp_path, rule=told_rule)
    train_step(trainer)
    telemetry.uninstrument()
    return memory.payloads[0].values, heard


def test_a_rule_of_the_user_s_is_given_what_the_judge_is_and_counts_by_rollout(tmp_path):
    logs, heard = against(lambda item, answer: answer == item["ground_truth"], tmp_path, "4", "45", "5", "4")
    assert heard[1] == ({"problem": "1 + 0?", "prediction": "45", "ground_truth": "4"}, "45")
    assert logs["rule/exact_match/pairs"] == 4
    assert (logs["rule/exact_match/true_positive_rate"], logs["rule/exact_match/false_positive_rate"]) == (1, 0.5)
    assert logs["rule/exact_match/youden_j"] == 0.5


def test_what_a_rule_says_nothing_of_is_in_no_pair(tmp_path):
    said = {"4": True, "5": 0.3, "6": "no"}
    logs, _ = against(lambda _, answer: said.get(answer), tmp_path, "4", "5", "6", "7")
    assert logs["rule/exact_match/pairs"] == 1


def test_a_rule_that_raises_is_counted_and_changes_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(guard.failures, "strict", False)
    logs, heard = against(lambda item, _: item["answer"], tmp_path, "4", "5")
    assert len(heard) == 2
    assert (logs["telemetry/errors"], logs["dataset/accuracy"]) == (2, 50)
    assert "rule/exact_match/pairs" not in logs


def test_a_rule_that_changes_what_it_is_given_changes_nothing_else(tmp_path):
    logs, _ = against(lambda item, _: item.clear(), tmp_path, "4", "5")
    assert (logs["dataset/accuracy"], logs["dataset/gsm8k/count"]) == (50, 2)


def test_the_last_evaluation_of_a_rollout_is_held_against_the_rule_once():
    by_rule = Judged(None, 1, degenerate=False, rule=True)
    two = [evaluated("incorrect", 1, key=(1, 1), judged=by_rule), evaluated("correct", 1, key=(1, 2), judged=by_rule)]
    logs = told(*two, rollout(1, 1.0))
    assert (logs["rule/rule/pairs"], logs["rule/rule/true_positive_rate"]) == (1, 1)


def test_judges_that_differ_say_nothing_against_a_rule():
    two = [evaluated("correct", 1, judge="a"), evaluated("incorrect", 1, judge="b")]
    assert "rule/rule/pairs" not in told(*two, rollout(1, 1.0, parts=(("rule", 1.0),)))


# --- the alarm


def alarmed(*evaluations):
    """What the alarm tells of these, if anything."""
    counts = Counts(Config.of({}))
    for evaluation in evaluations:
        counts._add_evaluation(evaluation)
    return counts.alarm.check(1, None)


def test_a_judge_that_contradicts_itself_sounds_the_alarm():
    alert = alarmed(*(verdict("correct" if n % 2 else "incorrect") for n in range(60)))
    assert alert.conditions == ("inconsistent_rate",)
    assert alert.cause == "judge contradicts itself"
    assert "59 of 59" in alert.text


def test_a_judge_that_changes_its_mind_one_way_alone_sounds_the_alarm():
    before = [verdict("correct" if n % 3 else "incorrect", str(n)) for n in range(90)]
    after = [verdict("correct", str(n)) for n in range(90)]
    alert = alarmed(*before, *after)
    assert alert.conditions == ("inconsistent_rate", "verdict_shift")
    assert "30 more of 30 (5.5 standard deviations, limit 4.5)" in alert.text


def test_a_judge_that_changes_its_mind_both_ways_has_not_shifted():
    before = [verdict("correct" if n % 2 else "incorrect", str(n)) for n in range(90)]
    contrary = {"correct": "incorrect", "incorrect": "correct"}
    after = [verdict(contrary[one.outcome] if n < 40 else one.outcome, str(n)) for n, one in enumerate(before)]
    alert = alarmed(*before, *after)
    assert alert.conditions == ("inconsistent_rate",)


def test_a_judge_that_accepts_anything_sounds_the_alarm():
    alert = alarmed(*(verdict("correct", ":", question=str(n)) for n in range(25)))
    assert alert.conditions == ("degenerate_accepted_rate",)
    assert "25 of 25" in alert.text


def test_few_pairs_and_few_such_answers_say_nothing():
    assert alarmed(*(verdict("correct" if n % 2 else "incorrect") for n in range(50))) is None
    assert alarmed(*(verdict("correct", ":", question=str(n)) for n in range(19))) is None


def test_an_accepted_answer_without_content_leaves_evidence(api, tmp_path):
    api.post("/chat/completions").side_effect = [chat(":"), chat("<true_false>True</true_false>")]
    trainer = Trainer()
    telemetry, memory = watch(trainer, tmp_path, capture_failures=3)
    train_step(trainer)
    telemetry.uninstrument()
    (row,) = memory.payloads[0].evidence
    assert (row.outcome, row.failure, row.disagreed) == ("correct", None, False)
    assert memory.last["judge/degenerate_accepted_rate"] == 1
