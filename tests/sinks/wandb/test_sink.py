"""What the sink writes and what it leaves alone: values, keys, axes, warnings, rescue, failures."""

from __future__ import annotations

import itertools
import logging
import math
import sys
import threading
import types
from decimal import Decimal
from fractions import Fraction
from pathlib import Path

import pytest

from llm_telemetry.events import STEP_KEY, Payload
from llm_telemetry.sinks.wandb import access as _seams
from llm_telemetry.sinks.wandb import backlog as _backlog
from llm_telemetry.sinks.wandb import rider as _rider
from llm_telemetry.sinks.wandb import rows as _rows
from llm_telemetry.sinks.wandb.sink import LARGEST_WAIT, WandbSink
from tests.support.wandb_model import ModelRun
from tests.support.wandb_offline import Written
from tests.support.wandb_trainers import (
    PATTERNS,
    Log,
    Pay,
    payload,
    payload_numbers,
    payload_places,
    play,
    trainer_values,
)

wandb = pytest.importorskip("wandb")
np = pytest.importorskip("numpy")


def folder_of(run):
    return Path(run.dir).parent


def attached(run=None, **options):
    sink = WandbSink(run, **options)
    sink.attach()
    return sink


def with_values(step=1, **values):
    return Payload(step, "train", {STEP_KEY: step, **values}, {}, 0.0)


@pytest.fixture(autouse=True)
def _told(caplog):
    caplog.set_level(logging.WARNING, logger="llm_telemetry")


# Values


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        pytest.param(3, 3, id="int"),
        pytest.param(0.5, 0.5, id="float"),
        pytest.param(True, 1, id="bool"),
        pytest.param(np.float32(0.5), 0.5, id="numpy float"),
        pytest.param(np.int64(7), 7, id="numpy int"),
        pytest.param(np.array(2.0), 2.0, id="numpy array of one"),
        pytest.param(Decimal("0.25"), 0.25, id="Decimal"),
        pytest.param(Fraction(1, 4), 0.25, id="Fraction"),
        pytest.param(None, None, id="None"),
        pytest.param(math.nan, None, id="NaN"),
        pytest.param(np.float16("nan"), None, id="numpy NaN"),
        pytest.param(-math.inf, None, id="infinity"),
    ],
)
def test_number(value, expected):
    """Plain ints and floats come out, or nothing."""
    number = _rows.number(value)
    assert number == expected
    assert type(number) in {int, float, type(None)}


def test_one_bad_value_costs_itself(begin, lenient, caplog):
    """The rest of the row arrives; the failure is told once, and counted."""
    run = begin()
    folder = folder_of(run)
    sink = attached()
    sink.write(with_values(bad=object(), none=None, nan=math.nan, good=np.float32(0.5)))
    sink.write(with_values(2, bad=object()))
    run.finish()
    wandb.teardown()
    first, second = Written(folder).rows
    assert first.items() >= {STEP_KEY: 1, "good": 0.5}.items()
    assert not {"bad", "none", "nan"} & (first.keys() | second.keys())
    assert lenient.total() == 2
    assert len([record for record in caplog.records if "failed in" in record.message]) == 1


# Keys and axes


def test_axes(begin):
    """Every key of ours has the training step for its x-axis, by its exact name; nothing else is defined."""
    run = begin()
    folder = folder_of(run)
    sink = attached()
    run.define_metric("*", step_metric="train/global_step")
    run.define_metric("judge/calls", step_metric="train/global_step")
    sink.write(payload(1, 1.0))
    sink.write(with_values(2, **{"judge/calls": 3}))
    run.log({"loss": 1000.0})
    run.finish()
    wandb.teardown()
    metrics = Written(folder).metrics
    assert metrics[STEP_KEY].options.hidden
    assert {name: metric.step_metric for name, metric in metrics.items() if name not in {STEP_KEY, "loss"}} == {
        "": "train/global_step",
        "judge/calls": "train/global_step",
        "dataset/count": STEP_KEY,
        "cost/total_cost": STEP_KEY,
    }
    assert not any(metric.options.step_sync for name, metric in metrics.items() if name == "dataset/count")


def test_the_trainers_key_wins(begin, caplog):
    """A key that the trainer logs is not written by us, in rows or in the summary; said once."""
    run = begin()
    folder = folder_of(run)
    sink = attached()
    run.log({"cost/total_cost": 42.0})
    for step in (1, 2):
        sink.write(payload(step, float(step)))
        assert run.summary["cost/total_cost"] == 42.0
        run.log({"loss": 1000.0 + step})
    run.finish()
    wandb.teardown()
    written = Written(folder)
    assert [row.get("cost/total_cost") for row in written.rows] == [42.0, None, None]
    assert [number for number, _ in payload_places(written.rows)] == [1.0, 2.0]
    assert "cost/total_cost" not in written.metrics
    assert [record.message for record in caplog.records] == [_rider_message("cost/total_cost")]


def _rider_message(key):
    return f"llm_telemetry: your trainer logs {key} itself: the values of such keys are left to it."


def test_the_trainers_key_comes_later(begin):
    """A key that we had first goes to the trainer when it logs it: its axis too, and its rows stay its own."""
    run = begin()
    folder = folder_of(run)
    sink = attached()
    for step in (1, 2):
        sink.write(payload(step, float(step)))
        run.log({"loss": 1000.0 + step})
    sink.write(payload(3, 3.0))
    run.log({"cost/total_cost": 42.0})
    run.log({"cost/total_cost": 43.0})
    run.finish()
    wandb.teardown()
    rows = Written(folder).rows
    assert [row.get("cost/total_cost") for row in rows] == [1.0, 2.0, 42.0, 43.0]
    assert STEP_KEY not in rows[3]
    assert not Written(folder).metrics["cost/total_cost"].step_metric


def test_attaching_late(begin):
    """What the run's summary held before we came is the trainer's."""
    run = begin()
    folder = folder_of(run)
    run.log({"cost/total_cost": 42.0}, step=4, commit=True)
    sink = attached()
    sink.write(payload(1, 1.0))
    run.log({"loss": 1000.0}, step=5)
    run.finish()
    wandb.teardown()
    rows = Written(folder).rows
    assert [(row["_step"], row.get("cost/total_cost"), row.get("dataset/count")) for row in rows] == [
        (4, 42.0, None),
        (5, None, 1.0),
    ]


def test_a_second_sink_knows_its_own_keys(begin):
    """A sink that follows another one on the same run does not take the keys of ours for the trainer's."""
    run = begin()
    folder = folder_of(run)
    for step in (1, 2):
        sink = attached()
        sink.write(payload(step, float(step)))
        sink.close()
        run.log({"loss": 1000.0 + step})
    run.finish()
    wandb.teardown()
    assert [row["cost/total_cost"] for row in Written(folder).rows] == [1.0, 2.0]


def test_the_trainers_dict_is_not_touched(begin):
    """The dict that the trainer logs is the same afterwards, and unknown to our rows."""
    run = begin()
    sink = attached()
    sink.write(payload(1, 1.0))
    data = {"loss": 1000.0}
    run.log(data)
    assert data == {"loss": 1000.0}
    run.finish()


# The trainer's own losses


def test_dropped_rows_are_told_once(begin, caplog):
    """The warning has the trainer's step, W&B's step and the count, and says what to change."""
    run = begin()
    sink = attached()
    for _ in range(24):
        run.log({"reward": 0.0})
    for step in (1, 2, 3):
        run.log({"loss": 1000.0}, step=step)
    run.log({}, step=4)
    assert sink.trainer_rows_dropped == 3
    (message,) = [record.message for record in caplog.records]
    assert all(words in message for words in ("step=1,", "at step 24 ", "(1 such rows", "define_metric"))
    run.finish()


def test_no_false_alarm(begin, caplog):
    """Patterns in which W&B keeps every row of the trainer count none."""
    for name in ("explicit, after", "explicit within, validation later at the same step", "no step, after"):
        run = begin(reinit="create_new")
        sink = attached(run)
        play(PATTERNS[name], run.log, sink.write)
        run.finish()
        assert sink.trainer_rows_dropped == 0
    assert not caplog.records


def test_rescue(begin):
    """Rows that W&B drops live on beside the others, under keys and a step of their own; nothing else changes."""
    program = PATTERNS["24 without step, then step=s"]
    folders = []
    for rescue in (False, True):
        run = begin(reinit="create_new")
        folders.append(folder_of(run))
        sink = attached(run, rescue_rows=rescue)
        play(program, run.log, sink.write)
        run.finish()
    wandb.teardown()
    plain, rescued = (Written(folder) for folder in folders)
    assert trainer_values(plain.rows) == trainer_values(rescued.rows)
    assert sorted(number for number, _ in payload_places(rescued.rows)) == payload_numbers(program)
    kept = [(row["rescued/step"], row["rescued/loss"]) for row in rescued.rows if "rescued/loss" in row]
    assert kept == [(1, 1025.0), (2, 1051.0), (3, 1077.0)]
    assert rescued.metrics["rescued/loss"].step_metric == "rescued/step"
    assert not any("rescued/step" in row for row in plain.rows)


def test_rescue_keeps_numbers_and_texts():
    """Pictures, tables and whole tensors cannot be logged twice; numbers and texts can."""
    data = {"loss": np.float32(0.5), "note": "a", "picture": object(), "many": np.zeros(3), "bad": math.nan}
    row = _rows.rescued(_rows.Call(data, 3, None))
    assert row.values == {"rescued/loss": 0.5, "rescued/note": "a", "rescued/step": 3}


def test_rescued_rows_are_rows_of_their_own():
    """Two rescued rows of one step, and a payload of that step, do not share a row: their keys would clash."""
    run = ModelRun()
    sink = attached(run, rescue_rows=True)
    for _ in range(5):
        run.log({"reward": 0.0})
    run.log({"loss": 1.0}, step=2)
    run.log({"loss": 2.0}, step=2)
    sink.write(payload(2, 3.0))
    run.finish()
    assert [row.get("rescued/loss") for row in run.rows[5:]] == [1.0, 2.0, None]
    assert payload_places(run.rows) == [(3.0, 7)]


def test_attached_late_told_at_once():
    """A row that W&B drops is seen also when its counter had moved before we came."""
    run = ModelRun()
    run.log({"loss": 1.0}, step=10)
    sink = attached(run)
    run.log({"loss": 2.0}, step=9)
    assert sink.trainer_rows_dropped == 1


# Runs that are none


def test_disabled(begin):
    """A disabled run is left alone, and so is the trainer."""
    run = begin(mode="disabled")
    before = set(vars(run))
    sink = attached()
    sink.write(payload(1, 1.0))
    run.log({"loss": 1000.0})
    assert set(vars(run)) == before
    assert sink.run_dir() is None
    assert sink.payloads_missed == 0
    run.finish()


def test_absent():
    """Without a run, payloads wait, a few of them; without wandb as well."""
    sink = attached()
    for step in range(2 * LARGEST_WAIT):
        sink.write(payload(step, float(step)))
    run = ModelRun()
    sink._given = run
    sink.attach()
    run.finish()
    assert len(payload_places(run.rows)) == LARGEST_WAIT
    sink.close()


def test_finished_early(begin):
    """After the run's end, payloads are counted as missed; the trainer's own mistake stays W&B's to tell."""
    run = begin()
    sink = attached()
    sink.write(payload(1, 1.0))
    run.finish()
    sink.write(payload(2, 2.0))
    with pytest.raises(wandb.Error, match="finished"):
        run.log({"loss": 1000.0})
    assert sink.payloads_missed == 1


def outcome_of(log):
    """The type of what the second call of `log` raises: old versions notice the end at their second write."""
    for _ in range(2):
        try:
            outcome = type(log({"loss": 1000.0}))
        except Exception as error:  # noqa: BLE001, PERF203
            outcome = type(error)
    return outcome


def test_torn_down_early(begin, lenient):
    """A bare `wandb.teardown()` ends the run behind its own back: we fail quietly, the trainer as without us."""
    run = begin()
    sink = attached()
    sink.write(payload(1, 1.0))
    wandb.teardown()
    sink.write(payload(2, 2.0))
    watched = outcome_of(run.log)
    sink.close()
    alone = begin()
    wandb.teardown()
    assert watched is outcome_of(alone.log)


# Calls that fail


def test_refused_call(begin):
    """A call that W&B refuses raises what it raises without us, and leaves the counter where it is without us."""
    run = begin()
    folder = folder_of(run)
    sink = attached()
    sink.write(payload(1, 1.0))
    sink.write(payload(2, 2.0))
    for data, step in (({"loss": object()}, 10), ({"loss": 1.0}, "5"), ({1: 1.0}, 10), ([], 10)):
        with pytest.raises((TypeError, ValueError)):
            run.log(data, step=step)
    run.log({"loss": 1000.0}, step=1)
    run.finish()
    wandb.teardown()
    assert trainer_values(Written(folder).rows) == {("loss", 1000.0): 1}
    assert [number for number, _ in payload_places(Written(folder).rows)] == [1.0, 2.0]


def test_our_failure_is_not_the_trainers(begin, lenient, monkeypatch):
    """Whatever fails on our side, the trainer's call is made once, with its own arguments."""
    run = begin()
    folder = folder_of(run)
    sink = attached()
    for step, name in enumerate(("_fate", "_ride", "_send_oldest", "_fits_into"), 1):
        with monkeypatch.context() as patch:
            patch.setattr(_rider.Rider, name, lambda *_args, **_kwargs: 1 / 0)
            sink.write(payload(1, 1.0))
            run.log({"loss": 1000.0}, step=None if name == "_fits_into" else step)
    assert lenient.total() >= 4
    run.finish()
    wandb.teardown()
    assert [row.get("loss") for row in Written(folder).rows][:3] == [1000.0] * 3


def test_a_run_that_cannot_tell_its_step(lenient):
    """The counter is then followed in a mirror; the run is not asked again."""
    run = type("SilentRun", (ModelRun,), {"step": property(lambda _run: 1 / 0)})()
    sink = attached(run)
    play(PATTERNS["explicit, every 4th step"], run.log, sink.write)
    run.finish()
    assert [place for _, place in payload_places(run.rows)] == list(range(1, 13))
    assert lenient.total() == 1


class SilentService:
    """W&B's own process, stopped: it gives no answer, however long one waits."""

    def __init__(self):
        self.waited = []

    def deliver_history_step(self):
        return self

    def wait_or(self, timeout):
        self.waited.append(timeout)
        raise TimeoutError


def test_a_service_that_does_not_answer_is_waited_for_once_and_shortly(lenient):
    """W&B's own `run.step` waits half a minute; the trainer's `log` waits for no answer at all."""
    run = ModelRun()
    sink = attached(run)
    run._interface = SilentService()
    play(PATTERNS["explicit, every 4th step"], run.log, sink.write)
    run.finish()
    assert run._interface.waited == [_seams.LONGEST_WAIT]
    assert _seams.LONGEST_WAIT <= 1
    assert [place for _, place in payload_places(run.rows)] == list(range(1, 13))


class CountingRun(ModelRun):
    """A run of W&B 0.22 and before: `step` is a count of its own, and drifts when a closing row is dropped."""

    _step = 0

    @property
    def step(self):
        return self._step

    def _log(self, data, step=None, commit=None):
        super()._log(data, step, commit)
        self._step = max(self._step, step or 0) + bool(commit or (step is None and commit is None))


def test_a_step_that_drifts():
    """Where `run.step` drifts, our own count of the calls is the better one."""
    program = [
        Log(step=15),
        Log(),
        Pay(13),
        Pay(1),
        Log(step=1, commit=True),
        Pay(2),
        Log(broken=True),
        Log(step=2, commit=True),
        Pay(3),
    ]
    run = CountingRun()
    sink = attached(run)
    play(program, run.log, sink.write)
    assert run.step > run.counter
    run.finish()
    assert payload_places(run.rows) == [(2.0, 16), (3.0, 17), (5.0, 18), (8.0, 19)]
    assert sink.trainer_rows_dropped == 2


class PublicRun:
    """A run of a future W&B, in which nothing private is as we know it."""

    def __init__(self):
        self.inner = ModelRun()
        self.summary = self.inner.summary

    step = property(lambda self: self.inner.step)
    starting_step = 0

    def log(self, data, step=None, commit=None):
        return self.inner.log(data, step, commit)

    def define_metric(self, name, **options):
        return self.inner.define_metric(name, **options)

    def finish(self, exit_code=None):
        self.inner.finish()
        return exit_code


def test_public_names_are_enough():
    """Without `_log`, `_define_metric` and the list of hooks, the public methods are observed."""
    run = PublicRun()
    sink = attached(run)
    play(PATTERNS["explicit, every 4th step"], run.log, sink.write)
    assert run.finish(exit_code=3) == 3
    assert [place for _, place in payload_places(run.inner.rows)] == list(range(1, 13))
    assert vars(run).keys() == {"inner", "summary"}


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
