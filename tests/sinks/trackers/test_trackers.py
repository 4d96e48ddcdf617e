"""Payloads in the trackers' own stores: MLflow's database and files, SwanLab's log, event files, Trackio's SQLite."""

import asyncio

import mlflow
import pytest
import trackio

from llm_telemetry import instrument
from llm_telemetry.sinks.jsonl import read_lines
from tests.support.tracker_stores import STORES
from tests.support.trainers import Executor, RewardComputer, Trainer

pytestmark = pytest.mark.filterwarnings("default")  # theirs are their own

each = pytest.mark.parametrize("store", STORES, indirect=True)
ITEMS = [{"problem": f"{i} + 1?", "ground_truth": str(i + 1), "source": ("gsm8k", "math")[i % 2]} for i in range(4)]


def some(*names):
    return pytest.mark.parametrize("store", names, indirect=True)


class Small(Trainer):
    """A trainer whose rewards are known, and that keeps its own writer."""

    def __init__(self, writer=None):
        async def answer(problem):
            return "1", 0.0, {"success": True}

        super().__init__(
            ITEMS, Executor(answer), RewardComputer(lambda problem, prediction, truth: prediction == truth)
        )
        self.writer = writer


def watch(store, trainer, folder, **settings):
    return instrument(trainer, **{"folder": folder, "console": 0, "sinks": [store.name], **settings})


def train(trainer, *steps):
    for step in steps:
        asyncio.run(trainer.train_step(step))


def validate(trainer):
    asyncio.run(trainer.evaluate_on_val_set(2))


def expected(path):
    """What the JSONL says, one value for a key and step: the first, where training and validation tell a total."""
    values = {}
    for line in read_lines(path):
        for key, value in line["payload"].items():
            values.setdefault((key, line["step"]), value)
    return values


def check(store, run, path):
    """Hold a run of a store against the JSONL: every key verbatim, each value at its step, once."""
    wanted = expected(path)
    ours = {place: values for place, values in run.items() if place[0] != "loss"}
    assert {place: len(values) for place, values in ours.items()} == dict.fromkeys(wanted, 1)
    assert {place: values[0] for place, values in ours.items()} == pytest.approx(wanted, rel=10**-store.digits)


# --- the program's own run


@each
def test_every_number_is_in_the_run_in_progress_once_under_its_name_and_step(store, tmp_path):
    run = store.begin()
    trainer = Small(run)
    with watch(store, trainer, tmp_path / "jsonl") as telemetry:
        for step in (1, 2, 3):
            train(trainer, step)
            store.log(run, {"loss": 0.5 * step}, step=step)
            validate(trainer)
    store.end(run)
    (found,) = store.read()
    assert "val/gsm8k/accuracy" in {key for key, _ in found}
    assert {step: values for (key, step), values in found.items() if key == "loss"} == {1: [0.5], 2: [1.0], 3: [1.5]}
    check(store, found, telemetry.path)


@some("swanlab", "trackio")
def test_the_steps_of_rows_that_the_trainer_logs_without_one_are_what_they_are_without_us(store, tmp_path):
    run = store.begin()
    trainer = Small()
    with watch(store, trainer, tmp_path / "jsonl") as telemetry:
        for step in (100, 200, 300):
            train(trainer, step)
            store.log(run, {"loss": float(step)})
    store.end(run)
    (found,) = store.read()
    assert [step for key, step in found if key == "loss"] == [0, 1, 2]
    check(store, found, telemetry.path)


@some("mlflow", "tensorboard", "trackio")
def test_a_payload_that_comes_after_the_end_of_the_run_is_in_it_all_the_same(store, tmp_path):
    run = store.begin()
    trainer = Small(run)
    with watch(store, trainer, tmp_path / "jsonl") as telemetry:
        train(trainer, 1)
        store.end(run)
        validate(trainer)
        train(trainer, 2)
    (found,) = store.read()
    check(store, found, telemetry.path)


@some("swanlab")
def test_what_comes_after_the_end_of_a_run_that_takes_no_more_is_told_once(store, tmp_path, caplog):
    run = store.begin()
    trainer = Small()
    with watch(store, trainer, tmp_path / "jsonl"):
        train(trainer, 1)
        store.end(run)
        train(trainer, 2, 3)
    assert {step for _, step in store.read()[0]} == {1}
    assert caplog.text.count("the run of swanlab has ended, and step 2 has come after it") == 1


@some("mlflow", "trackio", "swanlab")
def test_when_the_program_begins_another_run_payloads_go_there(store, tmp_path):
    trainer = Small()
    with watch(store, trainer, tmp_path / "jsonl"):
        for step in (1, 2):
            run = store.begin()
            train(trainer, step)
            store.end(run)
    assert [{step for _, step in run} for run in store.read()] in ([{1}, {2}], [{2}, {1}])


@each
def test_two_trainers_of_one_process_do_not_share_keys(store, tmp_path):
    class Critic(Small):
        pass

    run = store.begin()
    actor, critic = Small(run), Critic(run)
    with watch(store, actor, tmp_path / "jsonl"), watch(store, critic, tmp_path / "jsonl"):
        for trainer in (actor, critic):
            train(trainer, 1)
    store.end(run)
    (found,) = store.read()
    assert set(map(len, found.values())) == {1}
    assert found["dataset/count", 1] == found["critic/dataset/count", 1] == [4]


# --- no run of the program


@some("mlflow", "mlflow files", "tensorboard", "trackio")
def test_without_a_run_one_is_begun_told_and_ended(store, tmp_path, caplog):
    trainer = Small()
    with watch(store, trainer, tmp_path / "jsonl") as telemetry:
        train(trainer, 1, 2)
        assert mlflow.active_run() is None
        assert trackio.context_vars.current_run.get() is None
    (found,) = store.read()
    check(store, found, telemetry.path)
    assert caplog.text.count(f"no run of {store.name} was in progress at step 1") == 1
    if store.name == "mlflow":
        assert [run.info.status for run in store.runs[1]] == ["FINISHED"]


@some("mlflow", "trackio")
def test_a_run_of_our_own_does_not_stand_in_the_way_of_the_programs(store, tmp_path):
    trainer = Small()
    with watch(store, trainer, tmp_path / "jsonl"):
        train(trainer, 1)
        run = store.begin()
        store.log(run, {"loss": 1.0}, step=1)
        train(trainer, 2)
        store.end(run)
    runs = {frozenset(step for key, step in run if key != "loss") for run in store.read()}
    assert runs == {frozenset({1}), frozenset({2})}
    assert sum(("loss", 1) in run for run in store.read()) == 1


@some("swanlab")
def test_where_a_process_can_have_but_one_run_payloads_wait_for_the_programs(store, tmp_path):
    trainer = Small()
    with watch(store, trainer, tmp_path / "jsonl") as telemetry:
        train(trainer, 1, 2)
        run = store.begin()
        train(trainer, 3)
    store.end(run)
    check(store, store.read()[0], telemetry.path)


@some("swanlab")
def test_payloads_that_no_run_has_got_are_counted_and_told_at_the_end(store, tmp_path, caplog):
    trainer = Small()
    with watch(store, trainer, tmp_path / "jsonl"):
        train(trainer, 1, 2)
    assert store.read() == []
    assert caplog.text.count("2 payloads are not in swanlab, which had no run") == 1


# --- steps


@some("swanlab")
def test_steps_that_a_tracker_ignores_are_told_once(store, tmp_path, caplog):
    run = store.begin()
    trainer = Small()
    with watch(store, trainer, tmp_path / "jsonl"):
        train(trainer, 5, 3, 4, 6)
    store.end(run)
    assert {step for key, step in store.read()[0] if key == "dataset/count"} == {5, 6}
    assert caplog.text.count("swanlab ignores steps that are not above the last: numbers of step 3") == 1


@some("mlflow", "tensorboard", "trackio")
def test_a_trainer_that_goes_back_has_both_attempts_where_the_tracker_takes_them(store, tmp_path):
    run = store.begin()
    trainer = Small(run)
    with watch(store, trainer, tmp_path / "jsonl"):
        train(trainer, 1, 2, 1, 2, 3)
    store.end(run)
    (found,) = store.read()
    assert {step: len(found["dataset/count", step]) for step in (1, 2, 3)} == {1: 2, 2: 2, 3: 1}
