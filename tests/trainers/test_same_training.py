"""The same training twice, from one seed, with and without telemetry: nobody can tell them apart."""

import asyncio
import warnings
from pathlib import Path

import numpy as np
import pytest
import wandb

from llm_telemetry.demo.config import DemoConfig
from llm_telemetry.demo.models import WORST, demo_server
from llm_telemetry.demo.trainer import GRPOTrainer
from tests.sinks.wandb.conftest import QUIET
from tests.support.trainers import watch
from tests.support.wandb_offline import Written

SMALL = {"seed": 6, "steps": 3, "batch_size": 6, "group_size": 3, "val_every": 2, "val_samples": 6, "oom_at_step": 2}
OWN = ("_runtime", "_timestamp", "_wandb")
"""What W&B adds to a row that no two runs share."""


class Training:
    """One run of the demo's trainer, offline, and all that came of it."""

    def __init__(self, folder, *, watched):
        folder.mkdir()
        run = wandb.init(project="p", mode="offline", dir=str(folder), settings=wandb.Settings(**QUIET))
        with demo_server(6, WORST) as server, warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            self.trainer = GRPOTrainer(DemoConfig(base_url=server.base_url, workflow_timeout=3.0, **SMALL))
            if watched:
                telemetry, self.memory = watch(self.trainer, folder, run=None)
            self.rows = asyncio.run(self.trainer.train())
            self.trainer.close()
            if watched:
                telemetry.uninstrument()
        self.warnings = sorted({str(warning.message) for warning in told})
        self.books = server.books
        written = run.dir
        run.finish()
        wandb.teardown()
        self.wandb_rows = Written(Path(written).parent).rows


@pytest.fixture(scope="module")
def trainings(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WANDB_SILENT", "true")
        patch.setenv("WANDB_ERROR_REPORTING", "false")
        folder = tmp_path_factory.mktemp("trainings")
        yield Training(folder / "plain", watched=False), Training(folder / "watched", watched=True)


def test_the_rewards_the_policy_and_the_returned_rows_are_the_same(trainings):
    plain, watched = trainings
    assert watched.trainer.history == plain.trainer.history
    assert watched.rows == plain.rows
    assert np.array_equal(watched.trainer.policy.logits, plain.trainer.policy.logits)
    assert watched.trainer.reward_computer.eval_stats == plain.trainer.reward_computer.eval_stats


def test_the_server_saw_the_same_requests(trainings):
    plain, watched = trainings
    assert watched.books.tokens() == plain.books.tokens()
    assert watched.books.errors() == plain.books.errors()


def test_no_warning_is_new(trainings):
    plain, watched = trainings
    # Which sockets of cancelled requests the collector finds, and when, is chance with the older SDKs.
    assert [told for told in watched.warnings if not told.startswith("unclosed <socket")] == [
        told for told in plain.warnings if not told.startswith("unclosed <socket")
    ]


def test_the_trainer_s_wandb_rows_are_the_same(trainings):
    plain, watched = trainings
    ours = {key for payload in watched.memory.payloads for key in payload.values}
    theirs = [stripped for row in watched.wandb_rows if (stripped := without(row, ours)).keys() - {"_step"}]
    assert theirs == [without(row, set()) for row in plain.wandb_rows]


def test_every_payload_is_in_the_trainer_s_run(trainings):
    _, watched = trainings
    steps = [payload.step for payload in watched.memory.payloads]
    assert [row["llm_telemetry/step"] for row in watched.wandb_rows if "llm_telemetry/step" in row] == steps
    assert len(steps) == 4


def without(row, keys):
    return {key: value for key, value in row.items() if key not in keys and not key.startswith(OWN)}
