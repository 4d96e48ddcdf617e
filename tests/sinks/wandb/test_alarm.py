"""The alarm in W&B: one alert, online and offline, and nothing else of the run is touched."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from llm_telemetry import guard
from llm_telemetry.events import Alert
from llm_telemetry.sinks.wandb.sink import WandbSink
from tests.alarm.test_training import MARKER, items, refuse, serve, work
from tests.support.mocking import openai_api
from tests.support.trainers import Executor, Trainer, train_step, watch
from tests.support.wandb_offline import Written, tear_down
from tests.support.wandb_trainers import PATTERNS, play, trainer_values

wandb = pytest.importorskip("wandb")

ALERT = Alert(1, "LLM judge not well: rate limit", "Step 1.", {}, ("api_failure_rate",), "rate limit")


@pytest.fixture
def api():
    with openai_api(assert_all_called=False) as mock:
        yield mock


def train(tmp_path, run, steps=3, **settings):
    """A trainer with W&B whose judge refuses every third call."""
    trainer = Trainer(items(60), Executor(work))
    telemetry, memory = watch(trainer, tmp_path / "jsonl", run=run, **settings)
    for step in range(1, steps + 1):
        train_step(trainer, step)
        run.log({"loss": 1 / step}, step=step)
    return telemetry, memory


def test_one_alert_reaches_the_server_with_the_numbers_of_the_books(api, begin, server, tmp_path):
    books = serve(api, refuse)
    run = begin()
    telemetry, memory = train(tmp_path, run)
    telemetry.uninstrument()
    run.finish()
    (alert,) = server.alerts
    assert f"API failures 33.3 % ({len({*books})} of 60, limit 10 %)" in alert["text"]
    assert alert["title"].startswith("LLM judge not well: ")
    assert alert["severity"] == "WARN"
    assert MARKER not in json.dumps([server.alerts, server.run(run.id).rows, server.run(run.id).summary])
    assert memory.last["judge/api_failure_rate"] == 1 / 3


def test_one_alert_is_in_the_file_of_an_offline_run_and_the_rows_are_as_without(api, begin, tmp_path):
    serve(api, refuse)
    rows = {}
    for name, limits in (("with", True), ("without", False)):
        run = begin(reinit="create_new")
        folder = Path(run.dir).parent
        telemetry, _ = train(tmp_path / name, run, alarm=limits)
        telemetry.uninstrument()
        run.finish()
        rows[name] = folder
    tear_down()
    heard, silent = Written(rows["with"]), Written(rows["without"])
    assert ([len(heard.alerts), len(silent.alerts)], MARKER in repr(heard.alerts)) == ([1, 0], False)
    assert [(row["_step"], sorted(row)) for row in heard.rows] == [(row["_step"], sorted(row)) for row in silent.rows]
    assert [row["loss"] for row in heard.rows if "loss" in row] == [1, 1 / 2, 1 / 3]


def test_what_is_found_only_when_the_run_ends_is_told_before_it_has_ended(api, begin, server, tmp_path):
    """Evaluations after the last step are flushed by the run's own end."""
    serve(api, refuse)
    run = begin()
    trainer = Trainer(items(1), Executor(work))
    watch(trainer, tmp_path / "jsonl", run=run)
    train_step(trainer)
    for item in items(60):
        trainer.reward_computer.compute_reward(prediction=item["problem"], **item)
    run.finish()
    assert len(server.alerts) == 1


@pytest.mark.parametrize("pattern", ["explicit, after", "no step, after", "24 without step, then step=s"])
def test_alerts_between_rows_move_no_row(begin, pattern):
    folders = []
    for alerts in (False, True):
        run = begin(reinit="create_new")
        folders.append(Path(run.dir).parent)
        sink = WandbSink(run)
        sink.attach()

        def pay(payload, sink=sink, alerts=alerts):
            sink.write(payload)
            if alerts:
                sink.alert(ALERT)

        play(PATTERNS[pattern], run.log, pay)
        run.finish()
    tear_down()
    without, with_alerts = (Written(folder) for folder in folders)
    assert with_alerts.alerts
    assert trainer_values(with_alerts.rows) == trainer_values(without.rows)
    assert [row["_step"] for row in with_alerts.rows] == [row["_step"] for row in without.rows]


def test_without_a_run_with_a_disabled_and_with_a_finished_one_nothing_is_sent(begin, server):
    WandbSink().alert(ALERT)
    for mode in ("disabled", "online"):
        run = begin(mode=mode, reinit="create_new")
        sink = WandbSink(run)
        sink.attach()
        run.finish()
        sink.alert(ALERT)
        sink.close()
        sink.alert(ALERT)
    assert server.alerts == []


def test_a_run_that_cannot_alert_is_let_be(begin):
    run = begin()
    sink = WandbSink(run)
    sink.attach()
    run.alert = None
    sink.alert(ALERT)


def test_an_alert_that_raises_costs_the_alert_and_nothing_else(api, begin, tmp_path, monkeypatch):
    def broken(**_):
        raise ConnectionResetError

    monkeypatch.setattr(guard.failures, "strict", False)
    serve(api, refuse)
    run = begin()
    run.alert = broken
    folder = Path(run.dir).parent
    telemetry, memory = train(tmp_path, run)
    telemetry.uninstrument()
    run.finish()
    tear_down()
    assert memory.last["telemetry/errors"] == 1
    assert [row["_step"] for row in Written(folder).rows if "loss" in row] == [1, 2, 3]


def test_an_alert_does_not_wait_for_a_server_that_is_down(begin, server):
    run = begin()
    sink = WandbSink(run)
    sink.attach()
    server.takes_alerts.clear()
    sink.alert(ALERT)
    assert server.alerts == []  # and yet we are here
    server.takes_alerts.set()
    run.finish()
    assert len(server.alerts) == 1
