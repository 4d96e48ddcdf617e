"""The same training twice, from one seed, with and without telemetry: nobody can tell them apart."""

import numpy as np
import pytest

OWN = ("_runtime", "_timestamp", "_wandb")
"""What W&B adds to a row that no two runs share."""


@pytest.fixture(scope="module")
def trainings(demo_run):
    """Eight rollouts at once without telemetry, 64 at once with it: the order of the calls is another one, too."""
    return demo_run("worst, not watched"), demo_run("worst")


def test_the_rewards_the_policy_and_the_returned_rows_are_the_same(trainings):
    plain, watched = trainings
    assert watched.history == plain.history
    assert watched.rows == plain.rows
    assert np.array_equal(watched.logits, plain.logits)
    assert watched.stats == plain.stats


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
    ours = {key for payload in watched.payloads() for key in payload}
    theirs = [stripped for row in watched.wandb_rows if (stripped := without(row, ours)).keys() - {"_step"}]
    assert theirs == [without(row, set()) for row in plain.wandb_rows]


def test_every_payload_is_in_the_trainer_s_run(trainings):
    _, watched = trainings
    steps = [line["step"] for line in watched.lines]
    assert [row["llm_telemetry/step"] for row in watched.wandb_rows if "llm_telemetry/step" in row] == steps
    assert len(steps) == 4


def without(row, keys):
    return {key: value for key, value in row.items() if key not in keys and not key.startswith(OWN)}
