"""The trackers that TRL reports to: its own runs hold our payloads, and its rows are as they are without us."""

import math

import pytest
import wandb

from llm_telemetry import instrument
from llm_telemetry.sinks.jsonl import read_lines
from tests.support import tiny_trl
from tests.support.tracker_stores import STORES, end_runs
from tests.support.wandb_offline import tear_down

pytestmark = pytest.mark.filterwarnings("default")  # theirs are their own
TRACKERS = ("mlflow", "swanlab", "tensorboard", "trackio")
TIMES = ("runtime", "per_second", "time", "flos", "profiling")


def lengths(completions, **_):
    return [float(len(text) % 2) for text in completions]


@pytest.fixture
def stores(tmp_path, monkeypatch):
    """All trackers, each with its own folder."""
    monkeypatch.setenv("TENSORBOARD_LOGGING_DIR", str(tmp_path / "events"))
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    yield {name: STORES[name](tmp_path) for name in TRACKERS}
    end_runs()
    tear_down()


def train(folder, report_to, stores, *, watched=True):
    """Train two steps, evaluate after each; returns the payloads by what they are of."""
    if report_to == "all" or "swanlab" in report_to:
        stores["swanlab"].begin()  # transformers 5.24 and SwanLab 0.10 do not find each other without
    often = {"eval_strategy": "steps", "eval_steps": 1, "run_name": folder.name}
    trainer = tiny_trl.trainer("grpo", lengths, folder, report_to=report_to, **often)
    telemetry = instrument(trainer, folder=folder / "jsonl", console=0) if watched else None
    trainer.train()
    if telemetry is not None:
        telemetry.uninstrument()
    end_runs()
    wandb.finish()
    return telemetry and telemetry.path


def payloads(path):
    """One value for each key and step: the first, where training and validation tell a total."""
    values = {}
    for line in read_lines(path):
        for key, value in line["payload"].items():
            values.setdefault((key, line["step"]), value)
    return values


def ours(run, wanted):
    keys = {key for key, _ in wanted}
    return {place: values for place, values in run.items() if place[0] in keys}


@pytest.mark.parametrize("report_to", ["all", "none", ["trackio", "mlflow"]])
def test_each_tracker_that_is_reported_to_has_every_payload_in_the_trainers_own_run(tmp_path, stores, report_to):
    path = train(tmp_path, report_to, stores)
    wanted = payloads(path)
    assert {step for _, step in wanted} == {1, 2}
    assert {"reward/lengths/mean", "val/count", "cost/total_cost", "llm_telemetry/step"} <= {key for key, _ in wanted}
    reported = set(TRACKERS) if report_to == "all" else set(report_to) & set(TRACKERS)
    for name, store in stores.items():
        runs = store.read()
        assert len(runs) == (name in reported)
        for run in runs:
            found = ours(run, wanted)
            assert {place: len(values) for place, values in found.items()} == dict.fromkeys(wanted, 1)
            assert {place: values[0] for place, values in found.items()} == pytest.approx(wanted, rel=10**-store.digits)
            assert len(run) > len(found)  # the trainer's own


def test_the_trainers_rows_are_what_they_are_without_us(tmp_path, stores):
    rows = []
    for watched in (False, True):
        folder = tmp_path / str(watched)
        path = train(folder, ["trackio", "swanlab"], {**stores, "swanlab": STORES["swanlab"](folder)}, watched=watched)
        found = {"trackio": stores["trackio"].read()[-1], "swanlab": STORES["swanlab"](folder).read()[0]}
        known = {key for key, _ in payloads(path)} if watched else set()
        rows.append(
            {
                (name, *place): value
                for name, run in found.items()
                for place, (value, *_) in run.items()
                if place[0] not in known and not any(word in place[0] for word in TIMES) and math.isfinite(value)
            }
        )
    assert rows[0] == rows[1]
    assert len(rows[0]) > 20


def test_a_trainer_that_reports_to_a_tracker_that_is_named_too_has_one_run_of_it(tmp_path, stores):
    trainer = tiny_trl.trainer("grpo", lengths, tmp_path, report_to=["tensorboard"])
    with instrument(trainer, folder=tmp_path / "jsonl", console=0, sinks=["tensorboard", "trackio"]) as telemetry:
        trainer.train()
    wanted = payloads(telemetry.path)
    for name in ("tensorboard", "trackio"):
        (run,) = stores[name].read()
        assert {place: len(values) for place, values in ours(run, wanted).items()} == dict.fromkeys(wanted, 1)
