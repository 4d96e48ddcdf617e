"""Rewards that come a step later than their rollouts."""

from llm_telemetry.session.matching import A_STEP_LATE
from llm_telemetry.session.rollouts import Phase
from tests.session.test_rollouts import STEP, Book, rollout


def late_book():
    book = Book()
    book.expects_rewards = True
    return book


def test_rewards_that_come_a_step_late_are_those_of_the_rollouts_of_the_step_before():
    book, told = late_book(), []
    book._tell = lambda sentence, *_: told.append(sentence)
    steps = [Phase("train", number) for number in range(1, 4)]
    for number, step in enumerate(steps):
        book.execute(phase=step)  # the same problem in each step
        if number:
            book.rewarded(rollout(phase=step), None, float(number))
        book.close("train", step)
        assert len(book.closed) == number
    book.close("train", None)
    assert [one.reward for one in book.closed] == [1.0, 2.0, None]
    assert set(told) == {A_STEP_LATE}


def test_where_the_next_step_rewards_nothing_either_nothing_waits_any_more():
    book = late_book()
    steps = [Phase("train", number) for number in range(1, 4)]
    for step in steps:
        book.execute(phase=step)
        book.close("train", step)
    assert len(book.closed) == 3


def test_a_failed_rollout_and_one_beside_rewarded_ones_wait_for_nothing():
    book = late_book()
    book.execute(failed=True)
    book.close("train", STEP)
    assert book.results == [("gsm8k", None, True)]
    book = late_book()
    book.rewarded(rollout(), book.execute(), 1.0)
    book.execute(problem=2)
    book.close("train", STEP)
    assert sorted(one.unscored for one in book.closed) == [False, True]
