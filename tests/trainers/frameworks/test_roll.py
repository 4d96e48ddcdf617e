"""ROLL by a stand-in: who is rewarded, and what the judge was asked, in each row, against the books of its server."""

import asyncio
import importlib

import pytest

from llm_telemetry import instrument
from llm_telemetry.testing import LLMServer
from tests.support.frameworks import framework  # noqa: F401 - a fixture
from tests.support.trainers import Memory
from tests.trainers.frameworks.standin_roll import MODULES

PROMPTS = [("sums", ["right", "wrong"]), ("capitals", ["right", "right", "silent"])]
"""Two prompts, the source of each and its responses."""


def reply(request):
    said = request.user.split()[1]
    return "" if said == "silent" else "Yes." if said == "right" else "No."


@pytest.fixture(scope="module")
def server():
    with LLMServer(reply) as server:
        yield server


@pytest.fixture
def roll(framework):  # noqa: F811
    framework(MODULES)
    return {name.rpartition(".")[2]: importlib.import_module(name) for name in MODULES}


def requests(roll, source, *responses):
    """What a scheduler has of a prompt's responses: a row for each."""
    columns = {"id": ["1"], "tag": [source], "domain": ["llm_judge"], "ground_truth": ["right"]}
    rows = [{name: list(column) for name, column in columns.items()} for _ in responses]
    batches = [{"prompts": [source], "responses": [response]} for response in responses]
    return [roll["protocol"].DataProto(*given) for given in zip(batches, rows, strict=True)]


@pytest.fixture
def pipeline(roll, server):
    worker = roll["llm_judge_reward_worker"].LLMJudgeRewardWorker(server.base_url)
    prompts = [requests(roll, source, *responses) for source, responses in PROMPTS]
    return roll["rlvr_pipeline"].RLVRPipeline(worker, prompts, [requests(roll, "held", "right")])


def watched(tracker):
    return instrument(tracker, sinks=[Memory()], jsonl=False, run=False)


def test_each_row_has_its_step_with_rollouts_evaluations_and_calls_as_they_were(pipeline, server):
    before = len(server.books)
    with watched(pipeline.tracker):
        pipeline.run()
    rows = pipeline.tracker.rows
    assert [(step, row["llm_telemetry/step"]) for step, row in rows] == [(0, 0), (1, 1)]
    assert rows[-1][1]["cost/judge_calls"] == len(server.books) - before == 2 * (1 + 4 + 3)
    for _, row in rows:
        told = ("dataset/sums/count", "dataset/capitals/count", "val/held/count", "judge/calls", "val/judge/calls")
        assert [row[name] for name in told] == [2, 3, 1, 5, 1]
        assert (row["dataset/sums/accuracy"], row["judge/correct_count"], row["llm/judge/calls"]) == (50, 3, 7)
        assert (row["judge/sums/calls"], row["judge/capitals/calls"]) == (2, 3)
        assert (row["group/count"], row["group/mixed"], row["telemetry/errors"]) == (2, 1.0, 0)
        assert (row["time/step"], row["val_correct/all/mean"]) == (1.0, 0.5)


def test_an_evaluation_without_a_verdict_widens_the_bounds_of_its_own_rollout(pipeline):
    with watched(pipeline.tracker):
        pipeline.run()
    for _, row in pipeline.tracker.rows:
        told = [row[f"dataset/capitals/{name}"] for name in ("judged_accuracy", "accuracy_low", "accuracy_high")]
        assert told == [100, pytest.approx(200 / 3), 100]
        assert (row["group/contaminated_rollouts"], row["dataset/sums/accuracy_high"]) == (3, 50)


def test_a_batch_of_several_prompts_is_told_apart_row_by_row(roll, pipeline):
    """As with `generate_opt_level: 0`, where no response has a name."""
    sources, said = ["sums", "sums", "capitals", "capitals"], ["right", "wrong", "right", "right"]
    columns = {"id": ["1", "1", "2", "2"], "tag": sources, "domain": ["llm_judge"] * 4, "ground_truth": ["right"] * 4}
    batch = {"prompts": ["p"] * 4, "responses": said, "origin_prompt_id": [0, 0, 1, 1]}
    data = roll["protocol"].DataProto(batch, columns)
    with watched(pipeline.tracker):
        asyncio.run(roll["reward_scheduler"].RewardScheduler().compute_rewards(data, pipeline.worker, None))
        pipeline.tracker.log({}, 3)
    ((_, row),) = pipeline.tracker.rows
    told = ("dataset/sums/accuracy", "dataset/capitals/accuracy", "judge/sums/calls", "judge/capitals/calls")
    assert [row[name] for name in told] == [50, 100, 2, 2]
    assert (row["group/count"], row.get("dataset/judged_accuracy")) == (2, None)
