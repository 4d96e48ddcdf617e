"""The book of rollouts: every execution closes once, with the reward that is its own."""

from hypothesis import given
from hypothesis import strategies as st

from llm_telemetry.session.rollouts import PATIENCE, OpenRollout, Phase, RolloutBook

STEP = Phase("train", 1)


def rollout(problem=1, source="gsm8k", split="train", phase=STEP):
    return OpenRollout(split, phase, source, problem)


class Book(RolloutBook):
    """A book that keeps what it records."""

    def __init__(self):
        self.closed = []
        super().__init__(self.closed.append)

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
    assert book.results == [("gsm8k", 0.5, False), ("gsm8k", None, False)]


def test_a_second_reward_for_an_execution_is_none():
    book = Book()
    last = book.execute()
    for reward in (1.0, 0.0):
        book.rewarded(rollout(), last, reward)
    assert book.results == [("gsm8k", 1.0, False)]


def test_a_reward_that_could_not_be_computed_may_come_yet():
    book = Book()
    last = book.execute()
    book.rewarded(rollout(), last, None)
    book.rewarded(rollout(), last, 1.0)
    assert book.results == [("gsm8k", 1.0, False)]


def test_a_reward_that_comes_after_its_step_is_told_once_and_counted_never(caplog):
    book = Book()
    last = book.execute()
    book.close("train", STEP)
    for _ in range(2):
        book.rewarded(rollout(), last, 1.0)
    assert book.results == [("gsm8k", None, False)]
    assert len(caplog.records) == 1


def test_the_source_may_be_known_to_either_side():
    book = Book()
    book.rewarded(rollout(source="mmlu"), book.execute(source=None), 1.0)
    book.rewarded(rollout(source=None), book.execute(source="math"), 1.0)
    book.rewarded(rollout(source=None), book.execute(source=None), 1.0)
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
    executed = {s: sum(a == "execute" and w == s for a, _, w in todo) for s in phases}
    for split, count in executed.items():
        assert sum(one.split == split for one in book.closed) >= count
    rewards = {s: {p for a, p, w in todo if a == "reward" and w == s} for s in phases}
    for split in phases:
        closed = [one for one in book.closed if one.split == split and one.reward is not None]
        assert bool(closed) == bool(rewards[split])
