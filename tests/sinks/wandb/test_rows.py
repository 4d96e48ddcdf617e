"""Which row a payload is in: steps that mean nothing, payloads that wait, many rows and threads, files that are cut."""

from __future__ import annotations

import itertools
import sys
import threading
import types

import pytest

from llm_telemetry.events import STEP_KEY
from llm_telemetry.sinks.wandb import access as _seams
from llm_telemetry.sinks.wandb import backlog as _backlog
from llm_telemetry.sinks.wandb import rider as _rider
from llm_telemetry.sinks.wandb.sink import WandbSink
from tests.support.sinks import attached, folder_of
from tests.support.wandb_model import ModelRun
from tests.support.wandb_offline import Written
from tests.support.wandb_trainers import PATTERNS, Log, payload, payload_places, play, trainer_values

wandb = pytest.importorskip("wandb")

# Steps that mean nothing


class StepIgnoringRun(ModelRun):
    """A run in W&B's shared mode: steps are taken, and ignored."""

    _settings = types.SimpleNamespace(_shared=True)

    def _log(self, data, step=None, commit=None):
        super()._log(data, None, commit)


def test_steps_are_ignored():
    """Where W&B ignores `step=`, each closing call closes one row, and the counter cannot be asked for."""
    run = StepIgnoringRun()
    sink = attached(run)
    play(PATTERNS["steps that run backwards"], run.log, sink.write)
    run.finish()
    assert [place for _, place in payload_places(run.rows)] == list(range(12))
    assert sink.trainer_rows_dropped == 0
    assert run.asked == 0


def test_tensorboard_is_seen(monkeypatch):
    """`wandb.tensorboard.patch` makes W&B ignore steps."""
    assert not _seams.ignores_steps(ModelRun())
    monkeypatch.setitem(wandb.patched, "tensorboard", [("writer", "add")])
    assert _seams.ignores_steps(ModelRun())


def test_the_payloads_of_a_step_and_of_its_validation_share_a_row():
    """They have no key in common but totals of the run, of which the later is shown; two of one split never share."""
    run = ModelRun()
    sink = attached(run)
    sink.write(payload(5, 1.0))
    sink.write(payload(5, 2.0, "val"))
    sink.write(payload(5, 3.0))
    sink.write(payload(6, 4.0, "val"))
    run.finish()
    assert payload_places(run.rows) == [(1.0, 0), (2.0, 0), (3.0, 1), (4.0, 2)]
    assert [row["cost/total_cost"] for row in run.rows] == [2.0, 3.0, 4.0]
    assert [row[STEP_KEY] for row in run.rows] == [5, 5, 6]


@pytest.mark.parametrize("name", [name for name in PATTERNS if name.startswith("explicit") and "tokens" not in name])
def test_with_a_step_in_every_log_no_payload_waits(name):
    """After each call of the trainer, and after each flush, what it has named a row for is in W&B."""
    run = ModelRun()
    sink = attached(run)
    program = PATTERNS[name]
    for number, operation in enumerate(program):
        play([operation], run.log, sink.write)
        named = max((one.step for one in program[: number + 1] if isinstance(one, Log)), default=0)
        waiting = [row.step for row in sink._rider._queue]
        assert [step for step in waiting if step < named] == []


def test_the_payload_of_a_validation_joins_the_row_that_is_still_open():
    run = ModelRun()
    sink = attached(run)
    run.log({"loss": 1000.0}, step=5)
    sink.write(payload(5, 1.0))
    run.log({"val_loss": 1001.0}, step=5)
    sink.write(payload(5, 2.0, "val"))
    assert {"loss", "val_loss", "dataset/count", "val/dataset/count"} <= run._open.keys()
    run.log({"loss": 1002.0}, step=6)
    assert run.rows[0]["_step"] == 5
    assert run.rows[0]["cost/total_cost"] == 2.0


def test_a_row_that_the_trainer_has_named_stays_named_until_it_is_closed():
    run = ModelRun()
    sink = attached(run)
    run.log({"loss": 1000.0}, step=5)
    run.log({"reward": 1001.0}, commit=False)
    run.log({"reward": 1002.0}, step=4)
    sink.write(payload(5, 1.0))
    assert "dataset/count" in run._open
    run.log({"loss": 1003.0})
    sink.write(payload(6, 2.0))
    assert "dataset/count" not in run._open


def test_a_row_that_w_and_b_does_not_take_is_tried_once_more(lenient):
    run = ModelRun()
    sink = attached(run)
    writer, refusals = sink._rider._writer, [1]
    write = writer.log

    def refuse_once(data, step=None, commit=None):
        if "dataset/count" in data and refusals:
            raise ConnectionError(refusals.pop())
        return write(data, step, commit)

    writer.log = refuse_once
    sink.write(payload(1, 1.0))
    run.log({"loss": 1000.0})
    sink.write(payload(2, 2.0))
    run.log({"loss": 1001.0})
    run.finish()
    assert payload_places(run.rows) == [(1.0, 1), (2.0, 2)]
    assert sink.payloads_missed == 0
    assert lenient.total() == 1


def test_a_payload_is_in_the_trainer_s_own_call_where_that_closes_the_row_whatever_its_number_is():
    run = ModelRun()
    calls, log = [], run._log
    run._log = lambda *args, **kwargs: calls.append(args or kwargs) or log(*args, **kwargs)
    sink = attached(run)
    asked, row = run.asked, {"loss": 1000.0}
    sink.write(payload(1, 1.0))
    run.log(row)
    assert len(calls) == 1
    assert run.asked == asked
    assert row == {"loss": 1000.0}
    assert payload_places(run.rows) == [(1.0, 0)]


def test_what_is_said_just_before_the_end_is_written():
    """The owner may have a last payload to give when the run ends."""
    run = ModelRun()
    sink = WandbSink(run, before_end=lambda: sink.write(payload(9, 9.0)))
    sink.attach()
    run.finish()
    assert payload_places(run.rows) == [(9.0, 0)]


def test_closing_over_a_row_of_ours():
    """A refused call leaves a row of ours open; closing the sink does not write over it."""
    run = ModelRun()
    sink = attached(run)
    sink.write(payload(1, 1.0))
    sink.write(payload(2, 2.0))
    with pytest.raises(TypeError):
        run.log({"loss": object()})
    sink.close()
    run.finish()
    assert payload_places(run.rows) == [(1.0, 0), (2.0, 1)]


# Many rows, many threads


def test_backlog_is_bounded(monkeypatch, caplog):
    """Beyond the limit the oldest rows are left out, counted, and told once."""
    monkeypatch.setattr(_backlog, "LARGEST_BACKLOG", 3)
    run = ModelRun()
    sink = attached(run)
    for step in range(5):
        sink.write(payload(step, float(step)))
    run.finish()
    assert [number for number, _ in payload_places(run.rows)] == [2.0, 3.0, 4.0]
    assert sink.payloads_missed == 2
    assert len(caplog.records) == 1


def test_threads(begin):
    """Threads that log at once lose nothing, and no payload is lost or written twice."""
    run = begin()
    folder = folder_of(run)
    sink = attached()
    start, numbers = threading.Barrier(5), itertools.count()

    def trainer(key):
        start.wait()
        for number in range(50):
            run.log({key: float(number)})

    def flush():
        start.wait()
        for step in range(50):
            sink.write(payload(step, float(next(numbers))))

    threads = [threading.Thread(target=trainer, args=(f"key{n}",)) for n in range(4)]
    threads.append(threading.Thread(target=flush))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    run.finish()
    wandb.teardown()
    rows = Written(folder).rows
    for n in range(4):
        assert [row[f"key{n}"] for row in rows if f"key{n}" in row] == [float(number) for number in range(50)]
    assert [number for number, _ in payload_places(rows)] == [float(number) for number in range(50)]


def test_a_slow_value_holds_nobody_up():
    """While one thread's value is being encoded, other threads log, and payloads are written."""
    run, entered, leave = ModelRun(), threading.Event(), threading.Event()
    original = ModelRun._log

    class Slow:
        pass

    def slow_log(data, step=None, commit=None):
        if any(isinstance(value, Slow) for value in data.values()):
            entered.set()
            assert leave.wait(10)
        return original(run, data, step, commit)

    run._log = slow_log
    sink = attached(run)
    sink.write(payload(1, 1.0))
    thread = threading.Thread(target=run.log, args=({"video": Slow()},))
    thread.start()
    assert entered.wait(10)
    sink.write(payload(2, 2.0))
    run.log({"loss": 1000.0})
    leave.set()
    thread.join()
    run.finish()
    assert [number for number, _ in payload_places(run.rows)] == [1.0, 2.0]


def test_a_signal_handler_that_logs(monkeypatch):
    """A call that comes in the middle of our own work goes straight to W&B."""
    run = ModelRun()
    sink = attached(run)
    sink.write(payload(1, 1.0))
    decide = _rider.Rider._fits_into

    def interrupted(self, call):
        run.log({"reward": 1.0})
        return decide(self, call)

    monkeypatch.setattr(_rider.Rider, "_fits_into", interrupted)
    run.log({"loss": 1000.0})
    run.finish()
    assert trainer_values(run.rows) == {("reward", 1.0): 0, ("loss", 1000.0): 1}
    assert payload_places(run.rows) == [(1.0, 1)]


def python_calls(work):
    """Return how many functions of Python are called in `work`."""
    calls = []
    sys.setprofile(lambda _frame, event, _argument: calls.append(event) if event == "call" else None)
    try:
        work()
    finally:
        sys.setprofile(None)
    return len(calls)


@pytest.mark.parametrize("commit", [True, False])
@pytest.mark.parametrize("size", [10, 1000])
def test_observing_a_row_is_no_more_work_when_it_has_more_keys(commit, size):
    alone, watched = ModelRun(), ModelRun()
    attached(watched)
    row = {f"key{n}": float(n) for n in range(size)}
    for run in (alone, watched):
        run.log({"first": 0.0}, commit=commit)
    added = python_calls(lambda: watched.log(row, commit=commit)) - python_calls(lambda: alone.log(row, commit=commit))
    assert 0 < added < 50


# The files


@pytest.mark.parametrize("size", [0, 3, 7, 40, 200])
def test_reader_of_cut_files(begin, tmp_path, size):
    """A file that was cut reads up to its last whole record."""
    run = begin()
    folder = folder_of(run)
    run.log({"loss": 1000.0})
    run.finish()
    wandb.teardown()
    whole = next(folder.glob("*.wandb"))
    cut = tmp_path / "cut"
    cut.mkdir()
    (cut / "run.wandb").write_bytes(whole.read_bytes()[:size])
    assert Written(cut).rows == []
    (cut / "run.wandb").write_bytes(whole.read_bytes() + b"\x00" * size)
    assert Written(cut).rows == Written(folder).rows
