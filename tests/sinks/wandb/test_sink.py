"""What the sink writes and what it leaves alone: values, keys, axes, what the trainer itself loses."""

from __future__ import annotations

import math
from decimal import Decimal
from fractions import Fraction

import pytest

from llm_telemetry.events import STEP_KEY
from llm_telemetry.sinks.wandb import rows as _rows
from tests.support.sinks import attached, folder_of, with_values
from tests.support.wandb_model import ModelRun
from tests.support.wandb_offline import Written
from tests.support.wandb_trainers import PATTERNS, payload, payload_numbers, payload_places, play, trainer_values

wandb = pytest.importorskip("wandb")
np = pytest.importorskip("numpy")


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
