"""Ranks know their own steps and validations: what they see is of its split, whoever of them is ahead."""

from collections import Counter
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from llm_telemetry.session.reader import SpoolReader
from llm_telemetry.session.rollouts import OpenRollout
from llm_telemetry.session.session import Session
from llm_telemetry.session.spool import SpoolWriter
from llm_telemetry.settings.config import Config
from tests.session.test_spool import CALL
from tests.support.trainers import Memory

COUNTS = {"train": "dataset/count", "val": "val/count"}
CALLS = {"train": "llm/judge/calls", "val": "val/llm/judge/calls"}


class Rank:
    """A process of a training; rank 0 is the owner."""

    def __init__(self, folder, number):
        self.memory = Memory()
        self.session = Session(Config(run=False, jsonl=False), [self.memory])
        self.session.children = SpoolReader(folder)
        if number:
            self.session.forward_to(SpoolWriter(folder, str(number)))
        self.phase = None

    def begin(self, split):
        self.phase = self.session.open_phase(split, None)

    def end(self):
        self.session.close_phase(self.phase, None)
        self.phase = None

    def work(self, reward=1.0, *, failed=False):
        """Execute a rollout, ask a judge, reward it; without a reward it stays without."""
        split = self.phase.split if self.phase else "train"
        rollout = OpenRollout(split, self.phase, "s", 7)
        self.session.rollouts.executed(rollout, failed=failed)
        self.session.record(CALL._replace(split=split))
        if reward is not None:
            self.session.rollouts.rewarded(OpenRollout(split, self.phase, "s", 7), rollout, reward)

    def told(self):
        """Split, step, rollouts and judge calls of each payload."""
        return [
            (p.split, p.step, p.values.get(COUNTS[p.split], 0), p.values.get(CALLS[p.split], 0))
            for p in self.memory.payloads
        ]


@pytest.fixture
def rank_0(tmp_path):
    return Rank(tmp_path / "spool", 0)


@pytest.fixture
def rank_1(tmp_path):
    return Rank(tmp_path / "spool", 1)


def do(rank, split, **work):
    rank.begin(split)
    rank.work(**work)
    rank.end()


def test_what_a_rank_validates_before_rank_0_does_is_in_that_validation(rank_0, rank_1):
    rank_0.begin("train")
    do(rank_1, "train")
    do(rank_1, "val")
    rank_0.end()
    do(rank_0, "val")
    assert rank_0.told() == [("train", 1, 1, 1), ("val", 1, 2, 2)]


@pytest.mark.parametrize("failed", [True, False])
def test_what_gets_no_reward_in_a_rank_that_is_ahead_is_in_that_validation_too(rank_0, rank_1, failed):
    do(rank_1, "val", reward=None, failed=failed)
    do(rank_0, "train")
    do(rank_0, "val")
    assert rank_0.told() == [("train", 1, 1, 1), ("val", 1, 2, 2)]
    assert rank_0.memory.last["val/s/failed"] == failed
    assert rank_0.memory.last.get("val/s/unscored", 0) == (not failed)


def test_what_a_rank_trains_while_rank_0_validates_is_training(rank_0, rank_1):
    do(rank_0, "train")
    rank_1.begin("train")
    rank_0.begin("val")
    rank_1.work()
    rank_1.work(reward=None, failed=True)
    rank_0.work()
    rank_0.end()
    rank_1.end()
    do(rank_0, "train")
    assert rank_0.told() == [("train", 1, 1, 1), ("val", 1, 1, 1), ("train", 2, 3, 3)]


def test_what_a_rank_trains_before_rank_0_begins_is_in_the_step_that_begins(rank_0, rank_1):
    rank_1.begin("train")
    rank_1.work(reward=None, failed=True)
    do(rank_0, "val")  # hears it
    do(rank_0, "train")
    assert rank_0.told() == [("val", 0, 1, 1), ("train", 1, 2, 2)]


def test_what_comes_after_a_validation_is_in_the_next_one(rank_0, rank_1):
    do(rank_0, "val")
    do(rank_1, "val", reward=None, failed=True)
    do(rank_0, "train")
    do(rank_0, "val")
    assert rank_0.told() == [("val", 0, 1, 1), ("train", 1, 1, 1), ("val", 1, 2, 2)]


def test_what_comes_after_the_last_validation_is_told_when_the_run_ends_as_a_validation(rank_0, rank_1):
    do(rank_0, "train")
    do(rank_0, "val")
    do(rank_1, "val")
    rank_1.work()  # outside of all, as rank 0 counts it: in training
    rank_1.session.close()
    rank_0.session.close()
    assert rank_0.told() == [("train", 1, 1, 1), ("val", 1, 1, 1), ("train", 1, 1, 1), ("val", 1, 1, 1)]


def test_of_a_process_that_has_no_steps_of_its_own_the_split_is_the_owners(rank_0, rank_1):
    rank_0.begin("val")
    rank_1.work()
    rank_0.end()
    assert rank_0.told() == [("val", 0, 1, 1)]


def test_a_forked_child_of_a_rank_does_not_know_what_the_rank_knows(rank_0, rank_1):
    rank_1.begin("train")
    rank_1.session.become_child()
    rank_0.begin("val")
    rank_1.work()
    rank_0.end()
    assert rank_0.told() == [("val", 0, 1, 1)]


STEPS = ("begin train", "work", "work", "end", "begin val", "work", "work", "end")


@settings(max_examples=100)
@given(st.lists(st.integers(0, 2), max_size=60), st.sampled_from([1.0, None]))
def test_whoever_is_ahead_each_split_has_what_was_done_in_it(turns, reward):
    with TemporaryDirectory() as name:
        ranks = [Rank(Path(name) / "spool", number) for number in range(3)]
        done = [iter(STEPS * 2) for _ in ranks]
        for number in (*turns, *([0, 1, 2] * len(STEPS) * 2)):
            match next(done[number], "").split():
                case ["begin", split]:
                    ranks[number].begin(split)
                case ["work"]:
                    ranks[number].work(reward=reward, failed=reward is None)
                case ["end"]:
                    ranks[number].end()
        for rank in reversed(ranks):
            rank.session.close()
        sums = Counter()
        for split, _, rollouts, calls in ranks[0].told():
            sums += Counter({(split, "rollouts"): rollouts, (split, "calls"): calls})
    assert set(sums.values()) == {3 * 4}
    assert len(sums) == 4
