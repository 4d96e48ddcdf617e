"""Online, against a server of our own: rows arrive, runs resume, a server that is down does no harm."""

from __future__ import annotations

import pytest

from llm_telemetry.events import STEP_KEY
from llm_telemetry.sinks.wandb.sink import WandbSink
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


def played_online(begin, program, **options):
    run = begin(**options)
    sink = WandbSink()
    sink.attach()
    play(program, run.log, sink.write)
    run.finish()
    return run.id


def test_rows_arrive(begin, server):
    """Rows, totals and the end of the run reach the server."""
    name = played_online(begin, PATTERNS["explicit, every 4th step"])
    run = server.run(name)
    assert [place for _, place in payload_places(run.rows)] == list(range(1, 13))
    assert run.summary["cost/total_cost"] == payload_numbers(PATTERNS["explicit, every 4th step"])[-1]
    assert run.summary[STEP_KEY] == 12
    assert run.complete


@pytest.mark.parametrize(
    "step_of", [pytest.param(lambda s: s, id="1-based"), pytest.param(lambda s: s - 1, id="0-based")]
)
def test_resume(begin, server, step_of):
    """A trainer that counts its steps finds W&B's counter where it is without us, and goes on."""

    def part(first, last):
        return [op for s in range(first, last + 1) for op in (Pay(s), Log(step=step_of(s)))]

    name = played_online(begin, part(1, 4))
    wandb.teardown()
    assert played_online(begin, part(5, 8), id=name, resume="must") == name
    rows = server.run(name).rows
    assert [row["_step"] for row in rows if "loss" in row] == [step_of(s) for s in range(1, 9)]
    assert [place for _, place in payload_places(rows)] == [step_of(s) for s in range(1, 9)]


def test_resume_behind(begin, server, caplog):
    """A trainer that resumes from an older step loses rows, with us and without: it is told."""
    name = played_online(begin, [Log(step=s) for s in range(1, 6)])
    wandb.teardown()
    run = begin(id=name, resume="must")
    sink = WandbSink()
    sink.attach()
    play([op for s in range(4, 8) for op in (Pay(s), Log(step=s))], run.log, sink.write)
    run.finish()
    assert sink.trainer_rows_dropped == 2
    assert "step=4, but W&B is at step 6 " in caplog.text
    rows = server.run(name).rows
    assert [row["_step"] for row in rows if "loss" in row] == [1, 2, 3, 4, 5, 6, 7]
    assert [number for number, _ in payload_places(rows)] == [0.0, 2.0, 4.0, 6.0]


def test_server_down_for_a_while(begin, server):
    """While the file stream answers 500, nothing blocks; afterwards all rows are there."""
    run = begin()
    sink = WandbSink()
    sink.attach()
    server.failing = True
    program = PATTERNS["explicit, after"]
    play(program, run.log, sink.write)
    assert server.run(run.id).rows == []  # and yet we are here
    server.failing = False
    run.finish()
    rows = server.run(run.id).rows
    assert sorted(trainer_values(rows).values()) == list(range(1, 13))
    assert sorted(number for number, _ in payload_places(rows)) == payload_numbers(program)


def test_alerts_are_the_trainers(begin, server):
    """What the trainer does beside rows goes on as before."""
    run = begin()
    sink = WandbSink()
    sink.attach()
    sink.write(payload(1, 1.0))
    run.alert(title="t", text="x")
    run.config.update({"a": 1})
    run.finish()
    assert len(server.alerts) == 1


def test_shared_mode(begin, server):
    """In shared mode W&B orders rows itself; each of ours is still there once."""
    run = begin(mode="shared")
    sink = WandbSink()
    sink.attach()
    play(PATTERNS["no step, after"], run.log, sink.write)
    run.finish()
    rows = server.run(run.id).rows
    assert sorted(number for number, _ in payload_places(rows)) == payload_numbers(PATTERNS["no step, after"])
    assert len(trainer_values([{"_step": 0, **row} for row in rows])) == 12
