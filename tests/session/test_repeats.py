"""Where there is no executor: what is a reward computed again, and what is another sample that says the same."""

import pytest

from llm_telemetry.events import Call
from llm_telemetry.session.counts import Counts
from llm_telemetry.session.matching import RolloutBook
from llm_telemetry.session.repeats import REPEATED, UNCLEAR
from llm_telemetry.session.rollouts import OpenRollout
from llm_telemetry.settings.config import Config

LONG = "Step by step, the answer is 4"


class Watched:
    """A book of rollouts, what it records and what it says."""

    def __init__(self):
        self.records, self.said = [], []
        self.book = RolloutBook(self.records.append, tell=lambda sentence, *_: self.said.append(sentence))
        self._add_calls = Counts(Config()).listeners(self.book.answers.given)[Call]

    def ask(self, n=1, role="other"):
        self._add_calls([Call(role, "train", "unknown", "m", "m", None, None, 0, 0.1, answers=n)])

    def reward(self, said, reward=1.0, problem=1):
        self.book.rewarded(OpenRollout("train", None, "gsm8k", problem, said=said), None, reward)

    def count(self):
        self.book.close("train", None)
        return len(self.records)


@pytest.fixture
def watched():
    return Watched()


def copy_of(text):
    return "".join(list(text))


def test_samples_that_say_the_same_are_as_many_rollouts_as_there_were_answers(watched):
    for _ in range(4):
        watched.ask()
        watched.reward(copy_of("4"))
    watched.ask(n=3)
    for _ in range(3):
        watched.reward(copy_of("4"))
    assert (watched.count(), watched.said) == (7, [])


def test_a_reward_for_which_there_was_no_new_answer_is_a_repeated_one_and_that_is_told(watched):
    watched.ask(n=2)
    for _ in range(3):
        for _ in range(2):
            watched.reward(copy_of(LONG))
    assert watched.count() == 2
    assert set(watched.said) == {REPEATED}


def test_of_answers_alike_each_is_rewarded_in_turn(watched):
    watched.ask(n=2)
    for reward in (0.0, 1.0, 0.0, 1.0):
        watched.reward(copy_of(LONG), reward)
    assert watched.count() == 2
    assert [record.reward for record in watched.records] == [0.0, 1.0]


def test_the_same_object_is_the_same_answer_also_where_more_calls_are_made_than_answers(watched):
    watched.ask(n=50)
    for _ in range(3):
        watched.reward(LONG)
    assert (watched.count(), watched.said) == (1, [])


def test_where_no_call_is_heard_a_text_of_another_object_is_a_rollout_and_that_is_told(watched):
    for _ in range(3):
        watched.ask(role="judge")
        watched.reward(copy_of(LONG))
    assert watched.count() == 3
    assert set(watched.said) == {UNCLEAR}


def test_other_words_and_other_problems_are_other_rollouts(watched):
    watched.ask()
    for problem in (1, 2):
        for words in ("4", "5", LONG):
            watched.reward(words, problem=problem)
    assert watched.count() == 6


def test_a_payload_ends_what_is_known_and_no_text_is_kept_after_it(watched):
    rollout = OpenRollout("train", None, "gsm8k", 1, said=LONG)
    watched.ask()
    watched.book.rewarded(rollout, None, 1.0)
    assert watched.count() == 1
    assert rollout.said is None
    watched.ask()
    watched.reward(copy_of(LONG))
    assert watched.count() == 2
