"""Several trackers at once, and what one of them refuses or fails at."""

import os
import time

import mlflow
import pytest

from llm_telemetry import instrument
from tests.sinks.trackers.test_trackers import Small, check, some, train, validate, watch
from tests.support.trainers import Memory

pytestmark = pytest.mark.filterwarnings("default")  # theirs are their own


def test_several_trackers_at_once_and_a_sink_of_ones_own_have_the_same(stores, tmp_path):
    runs = {name: store.begin() for name, store in stores.items()}
    memory = Memory()
    trainer = Small()
    sinks = ["mlflow", memory, runs["tensorboard"], "swanlab", "trackio"]
    with instrument(trainer, folder=tmp_path / "jsonl", console=0, sinks=sinks) as telemetry:
        train(trainer, 1, 2)
        validate(trainer)
    for name, store in stores.items():
        store.end(runs[name])
        (found,) = store.read()
        check(store, found, telemetry.path)
    assert len(memory.payloads) == 3


def test_a_tracker_that_fails_is_told_once_and_counted_and_the_others_go_on(stores, tmp_path, lenient, caplog):
    stores["mlflow"].begin()
    memory = Memory()
    trainer = Small()
    (tmp_path / "jsonl").mkdir()
    (tmp_path / "jsonl" / "tensorboard").write_text("a file where the folder of event files should be")
    sinks = ["tensorboard", "mlflow", memory]
    with instrument(trainer, folder=tmp_path / "jsonl", console=0, sinks=sinks):
        train(trainer, 1, 2, 3)
    assert caplog.text.count("failed in _begin_tensorboard; your training goes on") == 1
    assert memory.last["telemetry/errors"] == 1
    assert {step for _, step in stores["mlflow"].read()[0]} == {1, 2, 3}


@some("mlflow")
def test_what_mlflow_could_not_store_is_counted(store, tmp_path, lenient, caplog):
    run = store.begin()
    trainer = Small()
    memory = Memory()
    with watch(store, trainer, tmp_path / "jsonl", sinks=["mlflow", memory]):
        mlflow.MlflowClient().delete_run(run.info.run_id)
        step = 1
        while "MlflowRun.add" not in caplog.text:  # a thread stores them: it is told at the payload after
            train(trainer, step)
            step += 1
        train(trainer, step)
        mlflow.MlflowClient().restore_run(run.info.run_id)
    assert caplog.text.count("failed in MlflowRun.add; your training goes on") == 1
    assert memory.last["telemetry/errors"] >= 1


@some("mlflow", "mlflow files")
def test_a_name_that_mlflow_refuses_is_left_out_and_told_and_spoils_nothing(store, tmp_path, caplog):
    class Odd:
        def add(self, event):
            pass

        def collect(self, split):
            return {"odd/a@b": 1.0, "odd//c": 2.0, "odd/d": 3.0}

    run = store.begin()
    trainer = Small()
    with watch(store, trainer, tmp_path / "jsonl", collectors=[Odd()]):
        train(trainer, 1)
    store.end(run)
    (found,) = store.read()
    assert {key for key, _ in found if key.startswith("odd")} == {"odd/d"}
    assert ("dataset/count", 1) in found
    assert caplog.text.count("MLflow takes no metric of the name 'odd/a@b'") == 1


class Errors:
    """Tells a number, and from the second step on what it is made of."""

    def add(self, event):
        pass

    def collect(self, split):
        made_of = {"odd/errors/timeout": 1.0, "odd/all": 1.0} if hasattr(self, "collected") else {}
        self.collected = True
        return {"odd/errors": 1.0, "odd/all/of": 1.0, **made_of}


@some("mlflow files")
def test_a_name_that_would_be_file_and_folder_is_left_out_of_a_store_of_files_and_told(store, tmp_path, caplog):
    run = store.begin()
    trainer = Small()
    with watch(store, trainer, tmp_path / "jsonl", collectors=[Errors()]):
        train(trainer, 1, 2)
    store.end(run)
    (found,) = store.read()
    assert {place for place in found if place[0].startswith("odd")} == {
        (key, step) for key in ("odd/errors", "odd/all/of") for step in (1, 2)
    }
    assert ("dataset/count", 2) in found
    assert caplog.text.count("MLflow takes no metric of the name 'odd/errors/timeout'") == 1


@some("mlflow")
def test_a_database_takes_a_name_beside_what_it_is_made_of(store, tmp_path):
    run = store.begin()
    trainer = Small()
    with watch(store, trainer, tmp_path / "jsonl", collectors=[Errors()]) as telemetry:
        train(trainer, 1, 2)
    store.end(run)
    check(store, store.read()[0], telemetry.path)


@some("mlflow files")
def test_payloads_in_quick_succession_do_not_make_one_folder_at_once(store, tmp_path, monkeypatch):
    make = os.makedirs

    def make_slowly(*args, **kwargs):
        time.sleep(0.005)
        make(*args, **kwargs)

    run = store.begin()
    monkeypatch.setattr(os, "makedirs", make_slowly)
    trainer = Small()
    with watch(store, trainer, tmp_path / "jsonl") as telemetry:
        train(trainer, 1, 2, 3, 4)
    store.end(run)
    check(store, store.read()[0], telemetry.path)
