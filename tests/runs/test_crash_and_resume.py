"""A run that goes down, and one that goes on: real processes, real W&B files."""

import json
import os
import shutil
import types
from functools import partial
from pathlib import Path

import pytest

from llm_telemetry import guard
from llm_telemetry.cli import main
from llm_telemetry.runs.sync import find_runs, missing_in
from llm_telemetry.runs.wandb_file import read_rows, run_folders, run_id_of
from llm_telemetry.session.session import Session
from llm_telemetry.settings.config import Config
from llm_telemetry.sinks.jsonl import JsonlSink
from tests.support import left_runs
from tests.support.children import payloads_in, python
from tests.support.mocking import chat, openai_api
from tests.support.trainers import RewardComputer, Trainer, train_step, watch
from tests.support.wandb_server import Server

ROOT = Path(__file__).parent.parent.parent
LONG = pytest.mark.long
COST = 2 * (10 * 0.15 + 5 * 0.60) / 1e6  # USD of a step: one call of the executor, one of the judge


@pytest.fixture
def train(tmp_path):
    """Run the training program in a fresh folder, with W&B offline."""
    return partial(left_runs.train, tmp_path)


def rows(tmp_path):
    return [row for file in sorted(tmp_path.glob("wandb/offline-run-*/*.wandb")) for row in read_rows(file)]


def steps_in(rows):
    return sorted(row["llm_telemetry/step"] for row in rows if "llm_telemetry/step" in row)


ENDINGS = ("kill", *(pytest.param(name, marks=LONG) for name in ("finish", "term", "_exit", "exception", "exit")))


@pytest.mark.parametrize("ending", ENDINGS)
def test_the_jsonl_has_every_payload_however_the_run_ends_and_sync_brings_them_to_wandb_once(
    train, tmp_path, capsys, ending
):
    train("r1", 1, 4, ending)
    assert [p["llm_telemetry/step"] for p in payloads_in(tmp_path)] == [1, 2, 3, 4]
    (found,) = find_runs(tmp_path / "wandb")
    assert found.payloads == 4
    assert not found.busy
    if ending in ("exception", "exit", "finish"):
        assert found.missing == []
    assert main(["sync", str(tmp_path / "wandb")]) == 0
    assert f"4 payloads, {len(found.missing)} of them not in W&B" in capsys.readouterr().out
    assert steps_in(rows(tmp_path)) == [1, 2, 3, 4]
    (again,) = find_runs(tmp_path / "wandb")
    assert again.missing == []


TWO = """
import os, wandb
from llm_telemetry import instrument
from tests.support.loops import Grader, Loop, SyncExecutor

class Second(Loop):
    pass

def body(trainer):
    trainer.reward.compute_reward("2 + 2?", trainer.executor.execute("2 + 2?"))

run = wandb.init(id="two", project="p")
trainers = [kind(body, executor=SyncExecutor(), reward=Grader()) for kind in (Loop, Second)]
handles = [instrument(one, console=0) for one in trainers]
for step in (1, 2, 3):
    for trainer in trainers:
        trainer.train_step(step)
os._exit(1)
"""


@LONG
def test_sync_brings_the_payloads_of_a_second_trainer_too_under_its_name(tmp_path, capsys):
    python("-c", TWO, cwd=tmp_path, check=False, PYTHONPATH=str(ROOT), WANDB_MODE="offline", WANDB_DIR=str(tmp_path))
    (found,) = find_runs(tmp_path / "wandb")
    assert (found.payloads, len(found.missing)) == (6, 6)
    assert main(["sync", str(tmp_path / "wandb")]) == 0
    assert "6 payloads, 6 of them not in W&B" in capsys.readouterr().out
    assert steps_in(rows(tmp_path)) == [1, 2, 3]
    theirs = [row for row in rows(tmp_path) if "second/llm_telemetry/step" in row]
    assert [row["second/llm_telemetry/step"] for row in theirs] == [1, 2, 3]
    assert [row["second/cost/total_samples"] for row in theirs] == [1, 2, 3]
    (again,) = find_runs(tmp_path / "wandb")
    assert again.missing == []


def test_processes_of_a_run_that_begin_in_the_same_second_are_told_apart_and_kept_together(tmp_path):
    for name in ("offline-run-20260101_000000-r1", "offline-run-20260101_000000-r1-1", "run-20260101_000001-r1"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "run-r1.wandb").touch()
    (tmp_path / "run-20260101_000000-r1-2").mkdir()  # the run `r1-2`
    (tmp_path / "run-20260101_000000-r1-2" / "run-r1-2.wandb").touch()
    assert [folder.name for folder in run_folders(tmp_path, "r1")] == [
        "offline-run-20260101_000000-r1",
        "offline-run-20260101_000000-r1-1",
        "run-20260101_000001-r1",
    ]
    assert [run_id_of(folder) for folder in run_folders(tmp_path, "r1-2")] == ["r1-2"]


@pytest.mark.parametrize("ending", ["finish", pytest.param("kill", marks=LONG)])
@LONG
def test_an_offline_run_that_is_resumed_goes_on_with_its_totals(train, tmp_path, ending):
    train("r1", 1, 3, ending)
    train("r1", 4, 5, "finish")
    counted = payloads_in(tmp_path)
    assert [p["cost/total_samples"] for p in counted] == [1, 2, 3, 4, 5]
    assert [p["judge/total_calls"] for p in counted] == [1, 2, 3, 4, 5]
    assert [p["tokens/total"] for p in counted] == [30, 60, 90, 120, 150]
    assert counted[-1]["cost/total_cost"] == pytest.approx(5 * COST)


@LONG
def test_a_run_of_another_id_begins_at_zero(train, tmp_path):
    train("r1", 1, 3, "finish")
    train("r2", 1, 1, "finish")
    assert payloads_in(tmp_path)[-1]["cost/total_samples"] == 1


@LONG
def test_steps_that_are_done_again_from_an_older_checkpoint_are_told_and_what_was_spent_stays_spent(train, tmp_path):
    train("r1", 1, 3, "kill")
    result = train("r1", 2, 3, "finish")
    assert "step 2 begins, but this run had reached step 3 before" in result.stderr
    assert payloads_in(tmp_path)[-1]["cost/total_samples"] == 5


@LONG
def test_without_wandb_the_jsonl_lies_in_the_working_directory(train, tmp_path):
    train("-", 1, 2, "exit")
    (file,) = (tmp_path / "llm_telemetry").glob("*.jsonl")
    assert len(file.read_text().splitlines()) == 2


@LONG
def test_a_disabled_wandb_is_no_wandb(train, tmp_path):
    result = train("r1", 1, 2, "finish", WANDB_MODE="disabled")
    assert result.returncode == 0, result.stderr
    assert [p["llm_telemetry/step"] for p in payloads_in(tmp_path / "llm_telemetry")] == [1, 2]


@LONG
def test_sync_leaves_a_run_alone_whose_process_lives(train, tmp_path):
    train("r1", 1, 1, "kill")
    (file,) = tmp_path.rglob("*.jsonl")
    line = json.loads(file.read_text())
    line["process"][1] = os.getppid()
    file.write_text(json.dumps(line) + "\n")
    (found,) = find_runs(tmp_path / "wandb")
    assert found.busy


@LONG
def test_a_line_that_was_cut_off_is_left_out(train, tmp_path):
    train("r1", 1, 3, "kill")
    (file,) = tmp_path.rglob("*.jsonl")
    file.write_bytes(file.read_bytes()[:-40])
    (found,) = find_runs(file.parent)
    assert found.payloads == 2
    train("r1", 4, 4, "finish")
    assert payloads_of_last(tmp_path)["cost/total_samples"] == 3


def payloads_of_last(tmp_path):
    file = max(tmp_path.rglob("*.jsonl"), key=lambda path: path.stat().st_mtime)
    return json.loads(file.read_text().splitlines()[-1])["payload"]


def test_sync_says_where_it_found_nothing(tmp_path):
    with pytest.raises(FileNotFoundError, match=r"no llm_telemetry\.jsonl"):
        find_runs(tmp_path)


@pytest.mark.skipif(os.geteuid() == 0 and not Path("/dev/full").exists(), reason="needs a disk that is full")
def test_a_full_disk_costs_the_line_and_not_the_training(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(guard.failures, "strict", False)
    (tmp_path / "llm_telemetry.jsonl").symlink_to("/dev/full")
    sink = JsonlSink(types.SimpleNamespace(run_id=None, path=lambda: tmp_path / "llm_telemetry.jsonl"))
    session = Session(Config(), [sink])
    for step in (1, 2):
        session.close_phase(session.open_phase("train", step), None)
    assert caplog.text.count("llm_telemetry: failed in") == 1
    assert session.state()["errors"] == 2


def test_a_folder_that_cannot_be_made_costs_the_jsonl_and_not_the_training(tmp_path, caplog, monkeypatch):
    monkeypatch.setattr(guard.failures, "strict", False)
    (tmp_path / "file").write_text("no folder")
    trainer = Trainer(reward_computer=RewardComputer(lambda *_: True))
    telemetry, memory = watch(trainer, tmp_path / "file" / "below")
    with openai_api() as api:
        api.post("/chat/completions").mock(chat("4"))
        train_step(trainer, 1)
        train_step(trainer, 2)
    telemetry.uninstrument()
    assert [payload.step for payload in memory.payloads] == [1, 2]
    assert memory.last["telemetry/errors"] == 1
    assert telemetry.path is None


@pytest.fixture
def server():
    server = Server()
    yield server
    server.close()


def sync(tmp_path, server):
    return python("-m", "llm_telemetry", "sync", tmp_path / "wandb", cwd=tmp_path, check=False, **server.environment)


@LONG
@pytest.mark.parametrize("ending", ["kill", pytest.param("finish", marks=LONG)])
def test_an_online_run_that_was_killed_gets_its_payloads_from_sync_once(train, tmp_path, server, ending):
    train("r1", 1, 4, ending, **server.environment)
    for _ in range(2):
        done = sync(tmp_path, server)
        assert done.returncode == 0, done.stderr
        assert steps_in(server.run("r1").rows) == [1, 2, 3, 4]


@LONG
def test_an_online_run_that_is_resumed_elsewhere_goes_on_with_the_totals_of_its_summary(train, tmp_path, server):
    train("r1", 1, 3, "finish", **server.environment)
    shutil.rmtree(tmp_path / "wandb")  # another machine: the former folders are not at hand
    train("r1", 4, 4, "finish", **server.environment)
    last = payloads_of_last(tmp_path)
    assert last["cost/total_samples"] == 4
    assert last["cost/total_cost"] == pytest.approx(4 * COST)
    assert last["tokens/total"] == 120
    assert last["judge/total_calls"] == 4


TRAIN = {"llm_telemetry/step": 1, "dataset/count": 3, "judge/calls": 2, "cost/total_cost": 0.1}
VAL = {"llm_telemetry/step": 1, "val/count": 4, "val/judge/calls": 1, "cost/total_cost": 0.2}


def test_payloads_that_share_a_row_are_both_found_in_it():
    assert missing_in([{**TRAIN, **VAL, "loss": 1.0}], [TRAIN, VAL]) == []


def test_two_payloads_of_one_step_and_split_are_not_found_in_one_row():
    again = {**TRAIN, "cost/total_cost": 0.3}
    assert missing_in([{**TRAIN, **VAL}], [TRAIN, VAL, again]) == [again]
    assert missing_in([TRAIN, again], [TRAIN, again]) == []


def test_a_payload_of_which_the_trainer_logs_some_keys_itself_is_found():
    row = {**TRAIN, "judge/calls": "the trainer's"}
    assert missing_in([row], [{**TRAIN, "dataset/accuracy": 50.0}]) == [{**TRAIN, "dataset/accuracy": 50.0}]
    assert missing_in([{**row, "dataset/accuracy": 50.0}], [{**TRAIN, "dataset/accuracy": 50.0}]) == []
