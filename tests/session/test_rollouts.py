"""The book of rollouts: every execution closes once, with the reward that is its own."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_telemetry.events import Rollout
from llm_telemetry.session.matching import PATIENCE, RolloutBook
from llm_telemetry.session.rollouts import OpenRollout, Phase
from llm_telemetry.session.signs import signs_in

STEP = Phase("train", 1)


def rollout(problem=1, source="gsm8k", split="train", phase=STEP, knows=()):
    one = OpenRollout(split, phase, source, problem)
    one.signs = signs_in(*knows)
    return one


class Book(RolloutBook):
    """A book that keeps what it records."""

    def __init__(self):
        self.recorded = []
        super().__init__(self.recorded.append)

    @property
    def closed(self):
        return [one for one in self.recorded if isinstance(one, Rollout)]

    @property
    def unmatched(self):
        return len(self.recorded) - len(self.closed)

    def execute(self, *args, failed=False, **kwargs):
        one = rollout(*args, **kwargs)
        self.executed(one, failed=failed)
        return one

    @property
    def results(self):
        return [(one.source, one.reward, one.failed) for one in self.closed]


def test_an_execution_waits_for_its_reward():
    book = Book()
    last = book.execute()
    assert book.closed == []
    book.rewarded(rollout(), last, 1.0)
    book.close("train", STEP)
    assert book.results == [("gsm8k", 1.0, False)]


def test_an_execution_without_a_reward_closes_with_its_step():
    book = Book()
    book.execute(failed=True)
    book.close("val", Phase("val", 1))
    assert book.closed == []
    book.close("train", STEP)
    book.close("train", STEP)
    assert book.results == [("gsm8k", None, True)]


def test_a_reward_goes_to_the_execution_of_its_problem_and_not_to_the_last():
    book = Book()
    book.execute(1, "gsm8k")
    last = book.execute(2, "mmlu")
    book.rewarded(rollout(1, None), last, 1.0)
    book.close("train", STEP)
    assert book.results == [("gsm8k", 1.0, False), ("mmlu", None, False)]


def test_among_executions_of_one_problem_those_that_succeeded_come_first():
    book = Book()
    book.execute(failed=True)
    book.execute()
    book.rewarded(rollout(), None, 1.0)
    book.close("train", STEP)
    assert book.results == [("gsm8k", 1.0, False), ("gsm8k", None, True)]


def test_a_reward_without_an_execution_is_a_rollout():
    book = Book()
    book.rewarded(rollout(), None, 0.5)
    book.rewarded(rollout(), None, None)
    book.settle("train")
    assert book.results == [("gsm8k", 0.5, False), ("gsm8k", None, False)]


@pytest.mark.parametrize(("second", "reward"), [(1.0, 1.0), (0.0, None), (None, 1.0)])
def test_a_second_reward_makes_no_second_rollout_and_a_different_one_an_unknown_one(caplog, second, reward):
    book = Book()
    last = book.execute()
    for one in (1.0, second, second):
        book.rewarded(rollout(), last, one)
    book.close("train", STEP)
    assert book.results == [("gsm8k", reward, False)]
    assert ("two rewards that differ" in caplog.text) == (reward is None)


def test_a_reward_that_could_not_be_computed_may_come_yet():
    book = Book()
    last = book.execute()
    book.rewarded(rollout(), last, None)
    book.rewarded(rollout(), last, 1.0)
    book.close("train", STEP)
    assert book.results == [("gsm8k", 1.0, False)]


def test_a_reward_that_comes_after_its_step_is_told_once_and_counted_never(caplog):
    book = Book()
    last = book.execute()
    book.close("train", STEP)
    for _ in range(2):
        book.rewarded(rollout(), last, 1.0)
    assert book.results == [("gsm8k", None, False)]
    assert len(caplog.records) == 1


def test_a_reward_that_may_be_one_of_several_is_not_late_because_of_what_its_task_did_before():
    book = Book()
    last = book.execute()
    book.close("train", STEP)
    for source in ("gsm8k", "math"):
        book.execute(source=source)
    book.rewarded(rollout(None, None), last, 1.0)
    assert book.unmatched == 1


def test_the_source_may_be_known_to_either_side():
    book = Book()
    book.rewarded(rollout(source="mmlu"), book.execute(source=None), 1.0)
    book.rewarded(rollout(source=None), book.execute(source="math"), 1.0)
    book.rewarded(rollout(source=None), book.execute(source=None), 1.0)
    book.close("train", STEP)
    assert [source for source, _, _ in book.results] == ["mmlu", "math", "unknown"]


def test_a_rollout_from_outside_every_step_waits_a_few_flushes_for_its_reward():
    book = Book()
    book.execute(phase=None)
    for _ in range(PATIENCE):
        book.close("train", STEP)
    assert book.closed == []
    book.close("train", STEP)
    assert len(book.closed) == 1


actions = st.lists(
    st.tuples(st.sampled_from(["execute", "reward", "close"]), st.integers(1, 3), st.sampled_from(["train", "val"])),
    max_size=40,
)


@given(actions)
def test_every_execution_closes_exactly_once_and_nothing_waits_for_ever(todo):
    book, executions = Book(), []
    phases = {"train": STEP, "val": Phase("val", 1)}
    rewarded = 0
    for action, problem, split in todo:
        if action == "execute":
            executions.append(book.execute(problem, split=split, phase=phases[split]))
        elif action == "reward":
            book.rewarded(rollout(problem, split=split, phase=phases[split]), None, 1.0)
            rewarded += 1
        else:
            book.close(split, phases[split])
    for split in phases:
        book.close(split, None)
    assert all(one.closed for one in executions)
    assert not book._waiting
    assert not book._rewarded
    assert not any((book._waiting._problems, book._waiting._sources, book._waiting._signs))
    assert len(executions) <= len(book.closed) <= len(executions) + rewarded


@given(actions)
def test_a_reward_stays_in_its_split(todo):
    book = Book()
    phases = {"train": STEP, "val": Phase("val", 1)}
    for action, problem, split in todo:
        if action == "execute":
            book.execute(problem, split=split, phase=phases[split], source=split)
        elif action == "reward":
            book.rewarded(rollout(problem, split=split, phase=phases[split], source=split), None, 1.0)
    for split in phases:
        book.close(split, None)
    assert all(one.source == one.split for one in book.closed)
    for split in phases:
        asked = [p for a, p, w in todo if a == "reward" and w == split]
        rewarded = [one for one in book.closed if one.split == split and one.reward is not None]
        assert bool(asked) >= bool(rewarded)
        assert len(rewarded) <= len(asked)


def rewards_later(book, *asked, last=None):
    """Give rewards of 1.0 after all executions, and close the step."""
    for wanted in asked:
        book.rewarded(wanted, last, 1.0)
    book.close("train", STEP)
    return book.results


def test_a_reward_that_nothing_is_known_of_is_nobody_s(caplog):
    book = Book()
    last = book.execute(1, "gsm8k"), book.execute(2, "math")
    last[1].follow(last[0])
    results = rewards_later(book, rollout(None, None), rollout(None, None), last=last[1])
    assert results == [("gsm8k", None, False), ("math", None, False)]
    assert book.unmatched == 2
    assert len(caplog.records) == 1
    assert "dataset/unmatched_rewards" in caplog.text


def test_where_all_are_of_one_source_it_does_not_matter_whose_a_reward_is():
    book = Book()
    for problem in (1, 2):
        book.execute(problem, "gsm8k")
    assert rewards_later(book, rollout(None, None), rollout(None, None)) == [("gsm8k", 1.0, False)] * 2


class Trace:
    """What an executor returns."""


@pytest.mark.parametrize("make", [Trace, lambda: {"answer": "it is 4"}, lambda: f"it is {len('four')}"])
def test_what_the_executor_has_returned_tells_whose_a_reward_is(make):
    book, made = Book(), [make(), make()]
    for problem, source in enumerate(("gsm8k", "math")):
        book.execute(problem, source, knows=[made[problem]])
    assert rewards_later(book, rollout(None, None, knows=[made[1]])) == [("math", 1.0, False), ("gsm8k", None, False)]


def test_what_the_executor_was_given_alike_for_all_tells_nothing():
    book, settings = Book(), Trace()
    book.execute(1, "gsm8k", knows=[settings])
    book.execute(2, "math", knows=[settings])
    assert {one[1] for one in rewards_later(book, rollout(None, None, knows=[settings]))} == {None}
    assert book.unmatched == 1


def test_an_object_that_has_gone_is_not_taken_for_its_successor():
    book = Book()
    for problem, source in enumerate(("gsm8k", "math")):
        book.execute(problem, source, knows=[Trace()])
    rewards_later(book, *(rollout(None, None, knows=[Trace()]) for _ in range(8)))
    assert book.unmatched == 8


def test_a_reward_computed_again_for_another_than_the_last_makes_no_rollout_and_takes_none():
    book, made = Book(), [Trace(), Trace()]
    for trace in made:
        book.execute(1, knows=[trace])
    again = rollout(1, None, knows=[made[0]])
    assert rewards_later(book, rollout(1, None, knows=[made[0]]), again) == [
        ("gsm8k", 1.0, False),
        ("gsm8k", None, False),
    ]


def attempts(book, problem, *failures):
    """Execute a problem several times in one task."""
    previous = None
    for failed in failures:
        one = rollout(problem)
        one.follow(previous)
        book.executed(one, failed=failed)
        previous = one


def test_a_failed_attempt_that_is_tried_again_is_the_same_rollout():
    book = Book()
    attempts(book, 1, True, True, False)
    attempts(book, 2, False)
    assert len(rewards_later(book, rollout(1), rollout(2))) == 2


def test_failed_samples_of_a_problem_are_rollouts_of_their_own():
    book = Book()
    attempts(book, 1, True, True, False)
    attempts(book, 2, False, False, False)
    assert sorted(rewards_later(book, *[rollout(1), *[rollout(2)] * 3]), key=str).count(("gsm8k", None, True)) == 2


def test_a_step_that_rewards_some_of_its_rollouts_says_what_it_does_with_the_rest(caplog):
    book = Book()
    for problem in (1, 2, 3):
        book.execute(problem, failed=problem == 3)
    assert rewards_later(book, rollout(1)) == [("gsm8k", 1.0, False), ("gsm8k", None, False), ("gsm8k", None, True)]
    assert "1 of 3 rollouts of this step have got no reward" in caplog.text


def test_a_reward_of_a_batch_that_is_being_executed_is_that_of_its_rollout():
    book, batch = Book(), [rollout(1, "gsm8k"), rollout(2, "math")]
    book.begun(batch)
    book.rewarded(rollout(2, None), None, 1.0)
    for one in batch:
        book.executed(one, failed=False)
    assert rewards_later(book, rollout(1, None)) == [("math", 1.0, False), ("gsm8k", 1.0, False)]
