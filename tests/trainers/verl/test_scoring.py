"""verl's own worker, reward managers and log, in this process: what a rollout is, and what its judge, of each form."""

import asyncio

import pytest

pytest.importorskip("verl")

from llm_telemetry import instrument
from llm_telemetry.testing import LLMServer
from tests.trainers.verl.test_verl import reply
from tests.trainers.verl.toy import ROWS, batch, config, rows_in, tokenizer_in

pytestmark = pytest.mark.filterwarnings("ignore")


@pytest.fixture(scope="module")
def tokenizer(tmp_path_factory):
    return tokenizer_in(tmp_path_factory.mktemp("tokenizer"))


@pytest.fixture
def scored(tokenizer, tmp_path, monkeypatch):
    """A function that has rows scored by a worker; returns what verl has logged, and how often a judge was asked."""
    from verl.experimental.reward_loop.reward_loop import RewardLoopWorker  # noqa: PLC0415 - it warns of what is absent
    from verl.utils.tracking import Tracking  # noqa: PLC0415 - the same

    with LLMServer(reply) as server:
        environ = {"OPENAI_BASE_URL": server.base_url, "OPENAI_API_KEY": "none"}
        for name, value in {**environ, "VERL_FILE_LOGGER_PATH": str(tmp_path / "verl.jsonl")}.items():
            monkeypatch.setenv(name, value)

        def score(function, *overrides, rows=ROWS, **settings):
            settings = {"folder": tmp_path / "ours", "console": 0, "run": False, **settings}
            tracking = Tracking("toy", "run", ["file"])
            with instrument(tracking, **settings):
                asyncio.run(_score(RewardLoopWorker, config(tokenizer, *overrides, function=function), rows))
                tracking.log({"loss": 0.5}, 1)
            ((_, row),) = rows_in(tmp_path / "verl.jsonl")
            return row, len(server.books)

        yield score


async def _score(worker, configured, rows):
    made = worker(configured)
    await asyncio.gather(*(made.compute_score(batch([row])) for row in rows), return_exceptions=True)


FUNCTIONS = ("compute_score", "compute_score_async")
FORMS = [(manager, function) for manager in ("naive", "dapo", "gdpo") for function in FUNCTIONS]
"""The limits of `rate_limited` belong to one event loop for good, so that it is for one test."""


@pytest.mark.parametrize(("manager", "function"), [*FORMS, ("rate_limited", "compute_score_async")])
def test_each_manager_and_form_of_function_is_counted_exactly(scored, manager, function):
    row, asked = scored(function, f"reward.reward_manager.name={manager}")
    told = ("dataset/count", "judge/calls", "llm/judge/calls", "cost/judge_calls", "judge/correct_count", "loss")
    assert [row[name] for name in told] == [3, asked, asked, asked, 2, 0.5]
    assert (row["dataset/sums/accuracy"], row["dataset/capitals/accuracy"], asked) == (50, 100, 3)
    assert (row["judge/sums/calls"], row["judge/capitals/calls"], row["group/count"]) == (2, 1, 1)


def test_a_judge_that_only_the_reward_function_itself_is_is_seen_too(scored):
    row, asked = scored("compute_score_fragile")
    assert row["judge/calls"] == row["dataset/count"] == asked == 3


def test_what_is_sampled_alike_is_a_rollout_each(scored):
    row, asked = scored("compute_score", rows=[ROWS[0]] * 4)
    assert row["dataset/sums/count"] == row["judge/sums/calls"] == asked == 4


def test_a_result_without_a_score_is_told_as_what_it_is(scored, caplog):
    row, _ = scored("compute_score_scoreless")
    assert (row["dataset/count"], row["dataset/unscored"], row.get("dataset/accuracy")) == (3, 3, None)
    assert caplog.text.count("compute_score returned a dict without 'score' (error)") == 1


def test_the_source_may_be_named(scored):
    row, _ = scored("compute_score", source="uid")
    assert (row["dataset/a/count"], row["dataset/b/count"]) == (2, 1)
