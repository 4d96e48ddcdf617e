"""The promise, on a model of W&B's counter that is held against W&B itself in `test_promise.py`."""

from __future__ import annotations

import logging

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from llm_telemetry.sinks.wandb.sink import WandbSink
from tests.support.wandb_model import ModelRun
from tests.support.wandb_trainers import (
    PATTERNS,
    payload_numbers,
    payload_places,
    play,
    played,
    programs,
    trainer_values,
)


@pytest.fixture(autouse=True)
def _quiet(caplog):
    """Hundreds of trainers that lose rows would fill the report of a failure."""
    caplog.set_level(logging.ERROR, logger="llm_telemetry")


def run_alone(program, start=0):
    run = ModelRun(start)
    play(program, run.log)
    run.finish()
    return run


def run_with_sink(program, start=0):
    run = ModelRun(start)
    sink = WandbSink(run)
    sink.attach()
    play(program, run.log, sink.write)
    run.finish()
    return run


@pytest.mark.parametrize("program", [pytest.param(program, id=name) for name, program in PATTERNS.items()])
def test_pattern(program):
    """No value of the trainer is lost or moved, and every payload is there once."""
    run = run_with_sink(program)
    assert trainer_values(run.rows) == trainer_values(run_alone(program).rows)
    assert sorted(number for number, _ in payload_places(run.rows)) == payload_numbers(program)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=1000, deadline=None)
@given(programs(), st.sampled_from([0, 0, 7]))
def test_promise(program, start):
    """Random trainers: the trainer's rows are what they are without us, and no payload is lost."""
    run = run_with_sink(program, start)
    assert trainer_values(run.rows) == trainer_values(run_alone(program, start).rows)
    assert sorted(number for number, _ in payload_places(run.rows)) == payload_numbers(program)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=500, deadline=None)
@given(programs(), st.integers(0, 40))
def test_counter_is_never_ahead(program, closing):
    """After each call of the trainer, W&B's counter and the call's outcome are what they are without us.

    That holds also when the sink is closed in the middle.
    """
    alone, watched = ModelRun(), ModelRun()
    sink = WandbSink(watched)
    sink.attach()
    pairs = zip(played(program, alone.log, None), played(program, watched.log, sink.write), strict=True)
    for number, (expected, actual) in enumerate(pairs):
        assert (watched.counter, actual) == (alone.counter, expected)
        if number == closing:
            sink.close()
            assert not {"_log", "_define_metric"} & vars(watched).keys()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300, deadline=None)
@given(programs())
def test_counter_is_asked_seldom(program):
    """The round trip to W&B is made at most once per call that writes a row, and once per row that is dropped."""
    run = run_with_sink(program)
    assert run.asked <= 3 + 2 * len(program)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=300, deadline=None)
@given(programs())
def test_order(program):
    """Payloads keep their order."""
    numbers = [number for number, _ in payload_places(run_with_sink(program).rows)]
    assert numbers == sorted(numbers)
