"""The trainer's own `eval_stats` are held against what was seen: contradictions are counted, and told once."""

import asyncio
import json
import logging
import multiprocessing
import threading
import types
from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_telemetry.collectors.eval_stats import COUNTERS, MISMATCH, EvalStatsCollector, contradictions, counters_of
from llm_telemetry.events import Evaluation
from tests.support.mocking import chat, failure
from tests.support.trainers import RewardComputer, Trainer, train_step, watch

FORK = multiprocessing.get_context("fork")
TRUE, FALSE, PROSE = "<true_false>True</true_false>", "<true_false>False</true_false>", "Well, it depends."


class CountingRewards(RewardComputer):
    """Counts as it should; a test may make it count otherwise."""

    def __init__(self, judge=None):
        super().__init__(judge)
        self.eval_stats = dict.fromkeys(COUNTERS, 0)

    def _llm_judge_compare(self, problem, prediction, ground_truth):
        stats = self.eval_stats
        stats["total_evaluations"] += 1
        try:
            completion = self.llm_judge_client.chat.completions.create(model="gpt-4.1-mini", messages=[])
        except Exception:  # noqa: BLE001 - the way of real trainers
            stats["llm_judge_api_failures"] += 1
            return False
        text = completion.choices[0].message.content
        if "true_false" not in text:
            stats["llm_judge_parse_failures"] += 1
            return False
        right = "True" in text
        stats["llm_judge_success"] += 1
        stats["correct_predictions" if right else "incorrect_predictions"] += 1
        return right


ANSWERS = [TRUE, FALSE, TRUE, PROSE, failure(500), failure(500)]
"""Two right ones, a wrong one, one without a verdict, and one that fails with the SDK's one retry."""
ITEMS = [{"problem": f"{i} + 1?", "ground_truth": "4", "source": "gsm8k"} for i in range(5)]


@pytest.fixture
def trained(api, tmp_path):
    """Train so many steps, then validate; returns the payloads."""

    def judged(answers):
        queue = list(answers)

        def answer(request):
            if json.loads(request.content)["model"] != "gpt-4.1-mini":
                return chat("4")
            one = queue.pop(0) if queue else TRUE
            return chat(one) if isinstance(one, str) else one

        api.post("/chat/completions").side_effect = answer

    def train(rewards, steps=1, answers=ANSWERS, between=lambda step: None, validate=False):
        trainer = Trainer(items=ITEMS, reward_computer=rewards)
        telemetry, memory = watch(trainer, tmp_path)
        for step in range(1, steps + 1):
            judged(answers)
            between(step)
            train_step(trainer, step)
        if validate:
            judged(answers)
            asyncio.run(trainer.evaluate_on_val_set(5))
        telemetry.uninstrument()
        return memory.payloads

    return train


def mismatches(payloads):
    return [payload.values.get(MISMATCH) for payload in payloads]


def test_counters_that_are_right_do_not_contradict_and_both_splits_are_in_them(trained, caplog):
    rewards = CountingRewards()
    payloads = trained(rewards, steps=2, validate=True)
    assert mismatches(payloads) == [0, 0, 0]
    assert rewards.eval_stats["total_evaluations"] == 15
    assert caplog.records == []


def test_what_was_counted_before_we_came_is_not_held_against_it(trained):
    rewards = CountingRewards()
    rewards.eval_stats |= {"total_evaluations": 100, "llm_judge_success": 90, "correct_predictions": 170}
    assert mismatches(trained(rewards)) == [0]


def test_counters_that_are_reset_at_every_step_are_counted_from_zero(trained):
    rewards = CountingRewards()

    def reset(step):
        rewards.eval_stats = dict.fromkeys(COUNTERS, 0)

    assert mismatches(trained(rewards, steps=3, between=reset)) == [0, 0, 0]
    assert mismatches(
        trained(rewards, steps=3, between=lambda _: rewards.eval_stats.update(dict.fromkeys(COUNTERS, 0)))
    )


def test_contradictions_are_counted_at_each_step_and_told_once_with_their_numbers(trained, caplog):
    class Twice(CountingRewards):
        def compute_reward(self, **fields):
            reward = super().compute_reward(**fields)
            self.eval_stats["correct_predictions"] += reward >= 0.9
            return reward

    caplog.set_level(logging.WARNING, logger="llm_telemetry")
    payloads = trained(Twice(), steps=2)
    assert mismatches(payloads) == [2, 2]
    (message,) = [record.getMessage() for record in caplog.records]
    assert "in step 1" in message
    assert "it counted 4 correct predictions, 2 were seen" in message
    assert "4 correct predictions, but only 3 verdicts" in message
    assert all(MISMATCH not in payload.totals for payload in payloads)


def test_calls_that_are_made_where_we_do_not_look_are_a_contradiction(trained, caplog):
    class Blind(CountingRewards):
        def compute_reward(self, **fields):
            self.eval_stats["total_evaluations"] += 1
            self.eval_stats["llm_judge_api_failures"] += 1
            return super().compute_reward(**fields)

    caplog.set_level(logging.WARNING, logger="llm_telemetry")
    assert mismatches(trained(Blind())) == [2]
    (message,) = [record.getMessage() for record in caplog.records]
    assert "it counted 10 evaluations, 5 were seen; it counted 6 API failures, 1 was seen" in message


def test_a_trainer_that_keeps_some_of_the_counters_is_held_to_those(trained):
    class Some(CountingRewards):
        def __init__(self):
            super().__init__()
            self.eval_stats = Counter()

        def compute_reward(self, **fields):
            reward = super().compute_reward(**fields)
            for name in set(self.eval_stats) - {"llm_judge_success"}:
                del self.eval_stats[name]
            return reward

    assert mismatches(trained(Some())) == [0]


def test_a_trainer_without_counters_has_no_such_key(trained):
    assert mismatches(trained(RewardComputer(lambda *_: True))) == [None]


class Raising:
    @property
    def eval_stats(self):
        raise RuntimeError


class RaisingMapping(dict):
    def __getitem__(self, name):
        raise RuntimeError

    get = keys = items = __iter__ = __contains__ = __len__ = __getitem__


def holder(stats):
    return types.SimpleNamespace(eval_stats=stats)


@pytest.mark.parametrize(
    "owner",
    [
        None,
        object(),
        Raising(),
        holder(None),
        holder([1, 2]),
        holder({}),
        holder({"total_evaluations": "3"}),
        holder({"total_evaluations": 3.0}),
        holder({"total_evaluations": True}),
        holder({"total_evaluations": -1}),
        holder({"total_evaluations": 3, "llm_judge_success": None}),
        holder(types.SimpleNamespace(total_evaluations=3)),
    ],
)
def test_what_are_no_counters_is_none_of_our_business(owner):
    assert counters_of(owner) == {}


def test_no_code_of_the_trainer_s_is_run_and_nothing_is_changed():
    stats = RaisingMapping(total_evaluations=3, other="x")
    assert counters_of(holder(stats)) == {"total_evaluations": 3}
    assert list(dict.items(stats)) == [("total_evaluations", 3), ("other", "x")]


# --- when nothing can be compared


class Span:
    """Stands for one that is open."""


def evaluation(outcome="correct", split="train"):
    return Evaluation(split, "s", outcome, None, False)


def looked(collector, step=1):
    collector.look(step)
    return collector.collect("train")


@pytest.fixture
def counted():
    """A collector, and a reward computer with counters that it watches."""
    owner = holder(dict.fromkeys(COUNTERS, 0))
    collector = EvalStatsCollector()
    collector.watch(lambda: owner)
    return collector, owner


def count(owner, outcome="correct"):
    for name, (_, outcomes) in COUNTERS.items():
        owner.eval_stats[name] += outcome in outcomes


def test_an_evaluation_under_way_puts_the_comparison_off(counted):
    collector, owner = counted
    span = Span()
    collector.begin_evaluation(span)
    count(owner)
    assert looked(collector) == {}
    collector.begin_evaluation(span)  # a coroutine that starts to run
    assert looked(collector) == {}
    collector.end_evaluation(span)
    collector.add_evaluation(evaluation())
    assert looked(collector) == {MISMATCH: 0}


def test_an_evaluation_between_the_look_and_the_end_of_the_booking_puts_it_off_too(counted):
    collector, owner = counted
    span = Span()
    collector.look(1)
    collector.begin_evaluation(span)
    count(owner)
    collector.end_evaluation(span)
    collector.add_evaluation(evaluation())
    assert collector.collect("train") == {}
    assert looked(collector) == {MISMATCH: 0}


def test_an_evaluation_that_was_given_up_does_not_hold_it_up_for_ever(counted):
    collector, _ = counted
    collector.begin_evaluation(Span())
    assert looked(collector) == {MISMATCH: 0}


def test_a_flush_in_the_middle_of_an_evaluation_is_no_contradiction(api, tmp_path):
    api.post("/chat/completions").side_effect = lambda _: chat(TRUE)

    class Flushing(CountingRewards):
        def _llm_judge_compare(self, *args):
            verdict = super()._llm_judge_compare(*args)
            telemetry.flush()
            return verdict

    trainer = Trainer(items=ITEMS[:1], reward_computer=Flushing())
    telemetry, memory = watch(trainer, tmp_path)
    train_step(trainer)
    telemetry.uninstrument()
    assert mismatches(memory.payloads) == [None, 0]


def test_judges_in_many_threads_are_all_counted(api, tmp_path):
    class Threaded(Trainer):
        async def train_step(self, step):
            threads = [threading.Thread(target=judge) for _ in range(8)]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            rewards.eval_stats["total_evaluations"] += 800

    def judge():
        for _ in range(100):
            rewards._llm_judge_compare("1 + 1?", "2", "2")

    rewards = RewardComputer(lambda *_: True)
    rewards.eval_stats = {"total_evaluations": 7}
    trainer = Threaded(reward_computer=rewards)
    telemetry, memory = watch(trainer, tmp_path)
    train_step(trainer)
    telemetry.uninstrument()
    assert (memory.last["judge/calls"], memory.last[MISMATCH]) == (800, 0)


@pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")
def test_evaluations_of_child_processes_are_not_in_the_counters_and_nothing_is_compared(api, tmp_path):
    api.post("/chat/completions").side_effect = lambda _: chat(TRUE)
    rewards = CountingRewards()
    trainer = Trainer(items=ITEMS[:2], reward_computer=rewards)
    telemetry, memory = watch(trainer, tmp_path)
    train_step(trainer, 1)
    telemetry._session.open_phase("train", 2)
    child = FORK.Process(target=rewards._llm_judge_compare, args=("1 + 1?", "2", "2"))
    child.start()
    child.join()
    telemetry._session.close_phase(telemetry._session.phase, None)
    train_step(trainer, 3)
    telemetry.uninstrument()
    assert [payload.values.get("judge/calls") for payload in memory.payloads] == [2, 1, 2]
    assert mismatches(memory.payloads) == [0, None, 0]


# --- the arithmetic

OUTCOMES = st.sampled_from(["correct", "incorrect", "score", "parse_failure", "api_failure"])


def counters_for(seen, right=0):
    """The counters of a trainer that counts as it should, and takes `right` of the grades for right."""
    counters = {name: sum(seen[outcome] for outcome in outcomes) for name, (_, outcomes) in COUNTERS.items()}
    counters["correct_predictions"] += right
    counters["incorrect_predictions"] += seen["score"] - right
    return counters


@given(st.lists(OUTCOMES), st.floats(0, 1))
def test_true_counters_never_contradict(outcomes, share):
    seen = Counter(outcomes)
    assert contradictions(counters_for(seen, round(share * seen["score"])), seen) == []


@given(
    st.lists(OUTCOMES.filter(lambda outcome: outcome != "score")), st.sampled_from(list(COUNTERS)), st.integers(1, 9)
)
def test_any_counter_that_is_off_is_found(outcomes, name, more):
    seen = Counter(outcomes)
    counters = counters_for(seen)
    counters[name] += more
    what = COUNTERS[name][0]
    assert any(f"it counted {counters[name]} {what}, " in told for told in contradictions(counters, seen))


@given(st.lists(st.tuples(st.lists(OUTCOMES, max_size=6), st.booleans()), max_size=6))
def test_over_many_payloads_with_resets_in_between_true_counters_never_contradict(windows):
    owner = holder(dict.fromkeys(COUNTERS, 0))
    collector = EvalStatsCollector()
    collector.watch(lambda: owner)
    for step, (outcomes, resets) in enumerate(windows):
        if resets:
            owner.eval_stats = dict.fromkeys(COUNTERS, 0)
        for outcome in outcomes:
            count(owner, outcome)
            collector.add_evaluation(evaluation(outcome))
        assert looked(collector, step) == {MISMATCH: 0}
