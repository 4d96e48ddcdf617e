"""The real frameworks, unedited, by the variable alone: what is told against what the server and the programs know."""

import json
import math
from collections import Counter
from functools import cache
from pathlib import Path

import pytest

from tests.support.children import payloads_in, python

STEP = "llm_telemetry/step"
PLAYS = ("tinker", "skyrl", "skyrl step-wise", "art", "verifiers", "agentlightning")
PREFIXES = ("", "val/", "eval/")
DATASETS = {"train": "dataset", "val": "val", "eval": "eval"}


class Played:
    """What one program has told, and its truth."""

    def __init__(self, name, folder):
        play, *more = name.split()
        environ = {
            "LLM_TELEMETRY": "1",
            "LLM_TELEMETRY_CONSOLE": "0",
            "LLM_TELEMETRY_FOLDER": str(folder / "out"),
            "LITELLM_LOCAL_MODEL_COST_MAP": "True",  # else it looks for a newer one
            "PYTHONPATH": str(Path(__file__).parents[3]),
        }
        if play == "agentlightning":
            environ["LLM_TELEMETRY_SPOOL"] = str(folder / "shared")  # its agents are no children of the trainer
        program = f"tests.trainers.frameworks.programs.play_{play}"
        done = python("-W", "ignore", "-m", program, str(folder / "log"), *more, cwd=folder, **environ)
        self.name = play
        self.truth = json.loads(done.stdout.splitlines()[-1])
        self.output = done.stdout + done.stderr
        self.payloads = payloads_in(folder / "out")
        lines = [line for path in (folder / "log").rglob("*.jsonl") for line in path.read_text().splitlines()]
        self.logged = [{**row, **row.pop("data", {})} for row in map(json.loads, lines)]  # verl has its numbers apart

    def total(self, key):
        """The sum of a key over all payloads, of every split; that of a dataset's stands under its split's name."""
        names = [f"{one}/{key}" for one in DATASETS.values()] if "/" not in key else [one + key for one in PREFIXES]
        return sum(payload.get(name, 0) for payload in self.payloads for name in names)


@pytest.fixture(scope="module")
def played(tmp_path_factory):
    return cache(lambda name: Played(name, tmp_path_factory.mktemp(name.replace(" ", "_"))))


@pytest.fixture(params=PLAYS)
def told(request, played):
    return played(request.param)


def test_every_rollout_counts_by_its_source_in_the_step_in_which_it_was_rewarded(told):
    for place, rewards in told.truth["rewards"].items():
        split, step, source = place.split()
        prefix = DATASETS[split]
        (payload,) = (one for one in told.payloads if one[STEP] == int(step) and f"{prefix}/{source}/count" in one)
        count = payload[f"{prefix}/{source}/count"]
        assert count == len(rewards) + payload[f"{prefix}/{source}/failed"]
        assert math.isclose(payload[f"{prefix}/{source}/avg_reward"], sum(rewards) / len(rewards))
        right = sum(reward >= 0.9 for reward in rewards)
        assert math.isclose(payload[f"{prefix}/{source}/accuracy"], 100 * right / count)
    rewarded = sum(map(len, told.truth["rewards"].values()))
    assert told.total("count") == rewarded + told.total("failed")


def test_every_call_of_the_judge_is_the_judges(told):
    books = told.truth["books"]
    assert told.total("llm/judge/calls") == books["calls"]
    assert told.total("tokens/judge/prompt") == books["prompt"]
    assert told.total("tokens/judge/completion") == books["completion"]


def test_every_evaluation_has_its_outcome_and_none_a_source_that_is_not_known(told):
    outcomes = Counter(told.truth.get("outcomes", {"success": told.truth["books"]["calls"]}))
    assert told.total("judge/calls") == outcomes.total()
    rates = [(one, f"{prefix}judge/") for one in told.payloads for prefix in PREFIXES if f"{prefix}judge/calls" in one]
    failed = sum(one[f"{key}calls"] * (1 - one[f"{key}success_rate"]) for one, key in rates)
    assert round(failed) == outcomes["failure"]
    assert not [key for one in told.payloads for key in one if "judge/unknown/" in key]


def test_the_frameworks_own_log_has_each_payload_at_its_step(told):
    if told.name == "verifiers":
        return  # it has none
    if told.name == "skyrl":
        assert told.output.count(f"'{STEP}'") == 3  # its console
        return
    split = "train/" if told.name == "art" else ""
    rows = [(row["step"], row[f"{split}{STEP}"]) for row in told.logged if f"{split}{STEP}" in row]
    assert rows == [(step, step) for step in sorted({one[STEP] for one in told.payloads if one.get("dataset/count")})]


@pytest.mark.parametrize("name", ["skyrl", "skyrl step-wise", "verifiers", "agentlightning"])
def test_each_call_and_evaluation_is_known_with_its_rollout(played, name):
    payloads = played(name).payloads
    assert payloads
    for payload in payloads:
        dataset = next(one for one in DATASETS.values() if f"{one}/count" in payload)
        prefix = "" if dataset == "dataset" else f"{dataset}/"
        assert payload[f"{prefix}cost/unattributed"] == 0
        assert f"{dataset}/judged_accuracy" in payload


def test_what_an_agent_of_agent_lightning_does_is_its_own_rollouts(played):
    told = played("agentlightning")
    assert told.total("llm/executor/calls") == told.truth["policy"]
    assert told.total("llm/other/calls") == 0
    failed = {}
    for one in told.payloads:
        judge, dataset = ("val/judge", "val") if "val/count" in one else ("judge", "dataset")
        if f"{judge}/calls" in one:
            failed[one[f"{judge}/success_rate"] < 1] = one[f"{dataset}/accuracy_low"] < one[f"{dataset}/accuracy_high"]
    assert failed == {True: True, False: False}


def test_nothing_of_ours_has_failed(told):
    assert told.payloads[-1]["telemetry/errors"] == 0
    assert "llm_telemetry:" not in told.output
