"""Executions and rewards of many processes: each reward finds its rollout, whichever file is read first."""

import threading
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from llm_telemetry.session.folders import make_private
from llm_telemetry.session.reader import SpoolReader
from llm_telemetry.session.rollouts import OpenRollout
from llm_telemetry.session.session import Session
from llm_telemetry.session.spool import ForwardedRollouts, SpoolWriter
from llm_telemetry.settings.config import Config
from tests.session.test_spool import CALL


def owner_of(folder):
    session = Session(Config(run=False, jsonl=False))
    session.children = SpoolReader(folder)
    return session


def values(session, step):
    session.end_window(step)
    return session.latest["train"].values


def worker(folder, number):
    """One whose file is read in the order of this number: names are sorted."""
    writer = SpoolWriter(folder)
    writer.writer = writer.writer._replace(incarnation=f"{number:08x}")
    return ForwardedRollouts(writer)


SOURCES = ("sums", "capitals")
WORKERS = st.integers(0, 5)


@settings(max_examples=200)
@given(
    st.lists(
        st.tuples(WORKERS, WORKERS, st.sampled_from(SOURCES), st.sampled_from([0.0, 1.0])), min_size=1, max_size=20
    )
)
@example([(0, 1, "sums", 0.0), (1, 0, "sums", 1.0)])  # one of another problem waits when the first reward is read
def test_each_reward_finds_its_execution_in_whichever_files_both_are(rollouts):
    with TemporaryDirectory() as name:
        workers = [worker(Path(name), number) for number in range(6)]
        for problem, (executes, rewards, source, reward) in enumerate(rollouts):
            workers[executes].executed(OpenRollout("train", None, source, problem), failed=False)
            workers[rewards].rewarded(OpenRollout("train", None, None, problem), None, reward)
        counted = values(owner_of(Path(name)), 1)
    for source in SOURCES:
        given_here = [reward for *_, which, reward in rollouts if which == source]
        assert counted.get(f"dataset/{source}/count", 0) == len(given_here)
        assert not given_here or counted[f"dataset/{source}/avg_reward"] == pytest.approx(
            sum(given_here) / len(given_here)
        )
    assert not {"dataset/unmatched_rewards", "dataset/unscored"} & {key for key, value in counted.items() if value}


def test_rewards_of_more_workers_than_calls_can_be_nested_are_taken(tmp_path):
    writers = 400
    for number in range(writers):
        reward = worker(tmp_path, number)
        reward.rewarded(OpenRollout("train", None, "sums", number), None, 1.0)
        reward._writer.record(CALL)
    counted = values(owner_of(tmp_path), 1)
    assert (counted["dataset/sums/count"], counted["llm/judge/calls"]) == (writers, writers)
    assert counted["telemetry/errors"] == 0


def test_what_a_thread_of_the_owner_rewards_finds_what_was_executed_while_another_one_reads(tmp_path):
    owner, child = owner_of(tmp_path), worker(tmp_path, 1)
    child._writer.record(CALL)
    take = owner._delivery._record

    def reward_meanwhile(event):
        for problem in (7, 8):
            child.executed(OpenRollout("train", None, "sums", problem), failed=False)
            wanted = OpenRollout("train", None, None, problem)
            thread = threading.Thread(target=owner.rollouts.rewarded, args=(wanted, None, 1.0))
            thread.start()
            thread.join()
        take(event)

    owner._delivery._record = reward_meanwhile
    assert values(owner, 1)["dataset/sums/avg_reward"] == 1.0
    assert owner.latest["train"].values["dataset/sums/count"] == 2


def test_a_folder_that_nobody_has_made_tells_nothing(tmp_path):
    make_private(tmp_path / "other")
    assert list(SpoolReader(tmp_path / "spool").take("train")) == []
