"""The collectors by themselves: sums add up, rates are rates, and what a trainer's own counters are worth."""

import statistics

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_telemetry import CostTracker, DatasetMetricsCollector, JudgeMetricsCollector, guard
from llm_telemetry.collectors.calls import CallCollector
from llm_telemetry.collectors.keys import STEP_COST
from llm_telemetry.events import ROLES, SPLITS, Call, Padded, Rollout, UnmatchedReward, Usage

sources = st.sampled_from(["gsm8k", "math", "mmlu"])
splits = st.sampled_from(SPLITS)
rewards = st.one_of(st.none(), st.sampled_from([0, 0.2, 0.5, 0.89, 0.9, 1.0]))
outcomes = st.sampled_from(["correct", "incorrect", "score", "parse_failure", "api_failure"])


def by_source(logs, key, prefix="dataset"):
    """The values of one key by source."""
    parts = {
        tuple(name.removeprefix(prefix + "/").split("/")): v
        for name, v in logs.items()
        if name.startswith(prefix + "/")
    }
    return {name[0]: value for name, value in parts.items() if name[1:] == (key,)}


@given(st.lists(st.tuples(sources, rewards, st.booleans(), splits)))
def test_sums_over_sources_equal_the_overall_keys(results):
    collector = DatasetMetricsCollector()
    for source, reward, failed, split in results:
        collector.add_result(source, reward, reward, 0.25, failed=failed, split=split)
    for split, prefix in (("train", "dataset"), ("val", "val")):
        mine = [(reward, failed) for _, reward, failed, where in results if where == split]
        scored = [reward for reward, failed in mine if reward is not None or failed]
        logs = collector.get_wandb_logs(split)
        if not mine:
            assert logs == {}
            continue
        counts = by_source(logs, "count", prefix)
        unscored = by_source(logs, "unscored", prefix)
        accuracy = by_source(logs, "accuracy", prefix)
        right = sum(accuracy.get(s, 0) * (n - unscored[s]) / 100 for s, n in counts.items())
        assert set(accuracy) == {s for s, n in counts.items() if n > unscored[s]}
        assert sum(counts.values()) == logs[f"{prefix}/count"] == len(mine)
        assert sum(unscored.values()) == logs[f"{prefix}/unscored"] == len(mine) - len(scored)
        assert logs.get(f"{prefix}/accuracy", 0) * len(scored) / 100 == pytest.approx(right)
        assert right == pytest.approx(sum(reward is not None and reward >= 0.9 for reward, _ in mine))
        failures = sum(failed for _, failed in mine)
        assert sum(by_source(logs, "failed", prefix).values()) == logs[f"{prefix}/failed"] == failures
        assert logs[f"{prefix}/avg_cost"] == 0.25
        assert set(by_source(logs, "avg_cost", prefix).values()) == {0.25}
        known = [reward for reward, _ in mine if reward is not None]
        assert logs.get(f"{prefix}/avg_reward") == (pytest.approx(sum(known) / len(known)) if known else None)
        assert logs.get(f"{prefix}/reward_std") == (pytest.approx(statistics.pstdev(known)) if known else None)


def test_a_result_may_be_a_truth_value_and_the_threshold_is_included():
    collector = DatasetMetricsCollector(threshold=0.5)
    for correctness in (True, 0.5, 0.49, False):
        collector.add_result("gsm8k", correctness)
    assert collector.get_wandb_logs()["dataset/gsm8k/accuracy"] == 50
    assert "dataset/gsm8k/avg_reward" not in collector.get_wandb_logs()
    assert "dataset/gsm8k/avg_cost" not in collector.get_wandb_logs()


def test_a_reward_that_is_no_number_does_not_spoil_the_mean():
    collector = DatasetMetricsCollector()
    collector.add_result("gsm8k", 1.0, 1.0)
    collector.add_result("gsm8k", float("nan"), float("nan"))
    logs = collector.get_wandb_logs()
    assert (logs["dataset/gsm8k/avg_reward"], logs["dataset/gsm8k/accuracy"]) == (1.0, 100)


def test_what_nothing_is_known_of_is_unscored_and_only_a_failed_one_is_wrong():
    collector = DatasetMetricsCollector()
    for correctness, failed in ((1.0, False), (None, False), (None, True), (float("nan"), False)):
        collector.add_result("gsm8k", correctness, failed=failed)
    logs = collector.get_wandb_logs()
    assert [logs[f"dataset/gsm8k/{key}"] for key in ("count", "unscored", "failed", "accuracy")] == [4, 2, 1, 50]


def test_rewards_beyond_all_bounds_have_no_deviation():
    collector = DatasetMetricsCollector()
    for reward in (1e300, 0.0):
        collector.add_result("gsm8k", reward, reward)
    assert "dataset/reward_std" not in collector.get_wandb_logs()


def test_copies_that_fill_a_batch_up_are_told_in_their_window_where_there_are_any():
    collector = DatasetMetricsCollector()
    collector.add_result("s", 1.0)
    assert "dataset/padded" not in collector.get_wandb_logs()
    collector.add_padded(Padded("train", 1))
    collector.add_padded(Padded("train", 2))
    collector.add_padded(Padded("val", 1))
    assert collector.collect("train")["dataset/padded"] == 3
    assert collector.collect("val")["val/padded"] == 1
    assert "dataset/padded" not in collector.collect("train")


def test_an_unmatched_reward_is_counted_and_is_in_nothing_else():
    collector = DatasetMetricsCollector()
    collector.add_unmatched(UnmatchedReward("train", 1.0))
    assert collector.collect("train") == {"dataset/unmatched_rewards": 1}
    assert collector.collect("train") == {}


def test_a_threshold_that_is_a_number_of_numpy_s_decides_as_python_s():
    rollout = Rollout("train", "math", 1.0, failed=False, group=None, parts=())
    assert DatasetMetricsCollector(threshold=np.float64(0.5)).add_rollout(rollout) is True


def test_a_threshold_may_be_a_function_and_what_it_raises_on_is_unscored(monkeypatch):
    monkeypatch.setattr(guard.failures, "strict", False)
    collector = DatasetMetricsCollector(threshold=lambda reward: 1 / reward > 0.5)
    for reward in (1.0, 4.0, 0.0):
        collector.add_result("gsm8k", reward, reward)
    logs = collector.get_wandb_logs()
    assert [logs[f"dataset/gsm8k/{key}"] for key in ("count", "unscored", "accuracy")] == [3, 1, 50]


@pytest.mark.parametrize(
    ("threshold", "seen", "told"),
    [
        (0.9, (0.0, 7.0), "rewards from 0 to 7 were seen, and 0.9 is enough to be correct"),
        (0.9, (10.0, 95.0), "rewards from 10 to 95 were seen"),
        (90, (0.0, 1.0), "none can reach threshold=90"),
        (0.9, (0.0, 1.0, 1.5), ""),
        (90, (20.0, 50.0), ""),
        (6, (0.0, 10.0), ""),
        (lambda reward: reward > 5, (0.0, 10.0), ""),
        (90, (), ""),
    ],
)
def test_a_threshold_on_another_scale_than_the_rewards_is_told_once(caplog, threshold, seen, told):
    collector = DatasetMetricsCollector(threshold)
    for _ in range(2):
        for reward in seen:
            collector.add_result("gsm8k", reward, reward)
        collector.collect("train")
    assert len(caplog.records) == bool(told)
    assert told in caplog.text


@pytest.mark.parametrize("split", SPLITS)
def test_collecting_begins_a_new_window_of_that_split_only(split):
    dataset, judge, cost = DatasetMetricsCollector(), JudgeMetricsCollector(), CostTracker()
    for where in SPLITS:
        dataset.add_result("gsm8k", 1.0, split=where)
        judge.add_result("gsm8k", "correct", split=where)
        cost.add_cost(0.5, is_executor=True, split=where)
    other = SPLITS[split == "train"]
    before = dataset.get_wandb_logs(other), judge.get_wandb_logs(other)
    for collector in (dataset, judge, cost):
        assert collector.collect(split)
    assert dataset.get_wandb_logs(split) == {}
    assert set(judge.get_wandb_logs(split)) == {"judge/total_calls" if split == "train" else "val/judge/total_calls"}
    assert (dataset.get_wandb_logs(other), judge.get_wandb_logs(other)) == before
    assert cost.get_wandb_logs(split)[STEP_COST.of(split)] == 0
    assert cost.get_wandb_logs(other)[STEP_COST.of(other)] == 0.5
    assert cost.get_wandb_logs(split)["cost/total_cost"] == 1.0


@given(st.lists(st.tuples(sources, outcomes, st.floats(0, 1)), min_size=1))
def test_the_judge_s_rates_add_up_to_one_and_its_sources_to_the_whole(evaluations):
    collector = JudgeMetricsCollector()
    for source, outcome, score in evaluations:
        collector.add_result(source, outcome, score=score)
    logs = collector.get_wandb_logs()
    rates = ("success_rate", "parse_failure_rate", "api_failure_rate")
    assert sum(logs[f"judge/{rate}"] for rate in rates) == pytest.approx(1)
    for source in by_source(logs, "calls", "judge"):
        assert sum(logs[f"judge/{source}/{rate}"] for rate in rates) == pytest.approx(1)
    assert sum(by_source(logs, "calls", "judge").values()) == logs["judge/calls"] == len(evaluations)
    assert logs["judge/total_calls"] == len(evaluations)
    verdicts = [outcome for _, outcome, _ in evaluations if outcome in ("correct", "incorrect")]
    assert ("judge/correct_ratio" in logs) == bool(verdicts)
    scores = [score for _, outcome, score in evaluations if outcome == "score"]
    assert logs.get("judge/avg_score") == (pytest.approx(sum(scores) / len(scores)) if scores else None)


def test_an_outcome_that_does_not_exist_is_refused_and_leaves_nothing_behind():
    collector = JudgeMetricsCollector()
    for outcome in ("maybe", "disagreed", "scaled", "score_sum"):
        with pytest.raises((ValueError, AttributeError)):
            collector.add_result("gsm8k", outcome)
    assert collector.get_wandb_logs() == {}


COUNTERS = {
    "total_evaluations": 27,
    "llm_judge_success": 20,
    "llm_judge_parse_failures": 7,
    "llm_judge_api_failures": 6,
    "correct_predictions": 34,
    "incorrect_predictions": 14,
}
"""Of a real run: empty first answers whose second succeeded are API failures too, right answers counted twice."""


class RewardComputer:
    eval_stats = COUNTERS


@pytest.mark.parametrize("given", [RewardComputer(), COUNTERS])
def test_a_trainer_s_own_counters_are_taken_over_and_their_contradictions_told(caplog, given):
    collector = JudgeMetricsCollector()
    told = collector.update_from_reward_computer(given)
    assert len(told) == 3
    assert "20 successes + 7 parse failures + 6 API failures = 33, but total_evaluations is 27" in told[0]
    assert "34 correct + 14 incorrect predictions = 48, more than the 27 evaluations" in told[1]
    assert "34 correct predictions, but only 20" in told[2]
    assert [record.getMessage() for record in caplog.records] == [f"llm_telemetry: eval_stats: {one}" for one in told]
    logs = collector.get_wandb_logs()
    rates = [logs[f"judge/{rate}"] for rate in ("success_rate", "parse_failure_rate", "api_failure_rate")]
    assert sum(rates) == pytest.approx(1)
    assert 0 <= logs["judge/correct_ratio"] <= 1


def test_counters_that_agree_are_taken_as_they_are_and_again_they_replace_themselves(caplog):
    stats = {
        "total_evaluations": 10,
        "llm_judge_success": 8,
        "llm_judge_parse_failures": 1,
        "llm_judge_api_failures": 1,
    }
    stats |= {"correct_predictions": 6, "incorrect_predictions": 2}
    collector = JudgeMetricsCollector()
    for _ in range(2):
        assert collector.update_from_reward_computer({**stats, "something_else": "x"}) == []
    logs = collector.get_wandb_logs()
    assert (logs["judge/calls"], logs["judge/total_calls"], logs["judge/correct_count"]) == (10, 10, 6)
    assert (logs["judge/success_rate"], logs["judge/incorrect_count"]) == (0.8, 2)
    assert caplog.records == []


@pytest.mark.parametrize(
    "wrong", [None, object(), 3, {"llm_judge_success": "20"}, {"llm_judge_success": -1}, {"llm_judge_success": True}]
)
def test_what_are_no_counters_is_refused(wrong):
    with pytest.raises(TypeError, match="eval_stats"):
        JudgeMetricsCollector().update_from_reward_computer(wrong)


counted = st.one_of(st.none(), st.integers(0, 1000))
usages = st.one_of(st.none(), st.builds(Usage, counted, counted, counted, counted))
calls = st.builds(
    Call, st.sampled_from(ROLES), splits, sources, st.none(), st.none(), usages,
    st.sampled_from([None, "timeout", "server"]), st.integers(0, 3), st.floats(0, 10),
)  # fmt: skip


@given(st.lists(calls))
def test_calls_and_tokens_add_up_over_roles_and_splits(many):
    collector = CallCollector()
    for call in many:
        collector.add_call(call)
    logs = [collector.collect(split) for split in SPLITS]

    def total(*names):
        return sum(log.get(at + name, 0) for log in logs for name in names for at in ("", "val/"))

    tokens = [n for call in many if call.usage for n in call.usage[:2] if n is not None]
    assert total(*(f"llm/{role}/calls" for role in ROLES)) == len(many)
    assert total(*(f"llm/{role}/retries" for role in ROLES)) == sum(call.retries for call in many)
    assert total(*(f"llm/{role}/errors" for role in ROLES)) == sum(call.error is not None for call in many)
    assert total(*(f"tokens/{role}/{kind}" for role in ROLES for kind in ("prompt", "completion"))) == sum(tokens)
    assert logs[0].get("tokens/total", 0) == logs[1].get("tokens/total", 0) == sum(tokens)
    assert [log for split in SPLITS for log in collector.get_wandb_logs(split) if log != "tokens/total"] == []


def test_summaries_are_aligned_tables(capsys):
    dataset, judge, cost = DatasetMetricsCollector(), JudgeMetricsCollector(), CostTracker()
    dataset.add_result("gsm8k", 1.0)
    dataset.add_result("commonsense_qa", 0.0)
    judge.add_result("gsm8k", "parse_failure")
    cost.add_cost(0.25, is_executor=True)
    cost.add_cost(None, is_executor=False)
    for collector in (dataset, judge, cost):
        collector.print_summary()
        lines = capsys.readouterr().out.splitlines()
        assert len(lines) >= 2
        assert len({len(line) for line in lines}) == 1, lines
    dataset.print_summary()
    assert capsys.readouterr().out.splitlines()[1:] == [
        "commonsense_qa    0/1     0.0 %",
        "gsm8k             1/1   100.0 %",
    ]
    cost.print_summary()
    assert "unknown" in capsys.readouterr().out


@pytest.mark.parametrize("collector", [DatasetMetricsCollector(), JudgeMetricsCollector(), CostTracker()])
def test_a_summary_of_nothing_is_a_heading(collector, capsys):
    collector.print_summary()
    assert len(capsys.readouterr().out.splitlines()) == 1
