"""A threshold or a rule of the user's: the judge is held against it."""

import pytest

from llm_telemetry import guard
from llm_telemetry.events import Judged
from tests.collectors.test_trust import evaluated, rollout, told
from tests.support.trainers import Executor, RewardComputer, Trainer, train_step, watch


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
