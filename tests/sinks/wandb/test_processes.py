"""Ends of the process, other processes, and a W&B process that dies: each in a Python of its own."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.support.children import python
from tests.support.wandb_offline import Written
from tests.support.wandb_trainers import payload_places

pytest.importorskip("wandb")

START = """
import os, signal, sys, time
import wandb
from llm_telemetry.events import STEP_KEY, Payload
from llm_telemetry.sinks.wandb.sink import WandbSink
from tests.support.wandb_model import ModelRun
quiet = dict(console="off", silent=True, x_disable_meta=True, x_disable_stats=True, x_save_requirements=False)

def payload(step):
    return Payload(step, "train", {STEP_KEY: step, "dataset/count": float(step)}, {"cost/total_cost": step}, 0.0)

def train(steps, write, log):
    for step in steps:
        write(payload(step))
        if step % 2 == 0:
            log({"loss": float(step)})

def child(run):
    for sink in (WandbSink(), WandbSink(run)):
        for step in range(100, 200):
            sink.write(payload(step))
        assert sink.run_dir() is None
        sink.close()

if __name__ == "__main__":
    run = wandb.init(project="p", settings=wandb.Settings(**quiet))
    sink = WandbSink()
    sink.attach()
"""


def run(script, tmp_path, **environment):
    """Run `script` after `START`, indented as its main part; return the finished process."""
    path = tmp_path / "train.py"
    path.write_text(START + "".join(f"    {line}\n" for line in script.splitlines()))
    kept = {name: value for name, value in os.environ.items() if name.startswith("WANDB_")}
    return python(path, cwd=tmp_path, check=False, **kept, **environment)


def places(tmp_path):
    (folder,) = (tmp_path / "wandb").glob("offline-run-*")
    rows = Written(folder).rows
    return payload_places(rows), [(row["loss"], row["_step"]) for row in rows if "loss" in row]


EXPECTED = (
    [(1.0, 0), (2.0, 1), (3.0, 2), (4.0, 3), (5.0, 4)],
    [(2.0, 0), (4.0, 1)],
)


@pytest.mark.parametrize(
    ("ending", "code"),
    [
        pytest.param("", 0, id="no finish"),
        pytest.param("sys.exit(3)", 3, id="sys.exit"),
        pytest.param("1 / 0", 1, id="exception", marks=pytest.mark.long),
        pytest.param("wandb.finish()", 0, id="wandb.finish"),
        pytest.param("with run: pass", 0, id="with run", marks=pytest.mark.long),
    ],
)
def test_endings(tmp_path, ending, code):
    """However Python ends, what waits is written before W&B ends the run."""
    process = run(f"train(range(1, 6), sink.write, run.log)\n{ending}", tmp_path)
    assert process.returncode == code, process.stderr
    assert places(tmp_path) == EXPECTED


def test_written_at_exit(tmp_path):
    """A payload that comes after our exit handler has run is written at once."""
    script = """
import atexit
train(range(1, 5), sink.write, run.log)
sink._rider._end()
sink.write(payload(5))
"""
    process = run(script, tmp_path)
    assert process.returncode == 0, process.stderr
    assert places(tmp_path) == EXPECTED


def test_fork(tmp_path):
    """A forked child's payloads do not reach the parent's run; nor does its exit write anything of ours."""
    script = """
sink.write(payload(1))
rider = sink._rider
child = os.fork()
if child == 0:
    for step in range(100, 200):
        sink.write(payload(step))
    assert sink.run_dir() is None
    sink.close()
    rider._end()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
sink.write(payload(2))
run.log({"loss": 2.0})
train(range(3, 6), sink.write, run.log)
"""
    process = run(script, tmp_path)
    assert process.returncode == 0, process.stderr
    assert places(tmp_path) == EXPECTED


def test_fork_in_the_middle(tmp_path):
    """A child forked while another thread held our locks is not held up by them, and may have a run of its own."""
    script = """
import threading
held, done = threading.Event(), threading.Event()
def hold():
    with sink._lock, sink._rider._lock:
        held.set()
        done.wait()
thread = threading.Thread(target=hold)
thread.start()
held.wait()
child = os.fork()
if child == 0:
    signal.alarm(10)
    rider = sink._rider
    sink.write(payload(1))
    run.log({}, commit=False)
    rider._end()
    sink._given = ModelRun()  # a run of the child's own
    sink.write(payload(2))
    sink._given.finish()
    assert len(sink._given.rows) == 1
    sink.close()
    os._exit(0)
assert os.waitpid(child, 0)[1] == 0
done.set()
thread.join()
train(range(1, 6), sink.write, run.log)
"""
    process = run(script, tmp_path)
    assert process.returncode == 0, process.stderr
    assert places(tmp_path) == EXPECTED


@pytest.mark.long
def test_spawn(tmp_path):
    """A spawned child with the pickled run writes nothing of ours to it; the run pickles as without us."""
    script = """
import multiprocessing
process = multiprocessing.get_context("spawn").Process(target=child, args=(run,))
train(range(1, 3), sink.write, run.log)
process.start()
process.join()
assert process.exitcode == 0
train(range(3, 6), sink.write, run.log)
"""
    process = run(script, tmp_path)
    assert process.returncode == 0, process.stderr
    assert places(tmp_path) == EXPECTED


CORE = """
def core():
    for entry in os.listdir("/proc"):
        if entry.isdigit():
            try:
                stat = open(f"/proc/{entry}/stat").read()
            except OSError:
                continue
            if int(stat.rpartition(")")[2].split()[1]) == os.getpid():
                return int(entry)
"""

KILL_CORE = (
    CORE
    + """
def outcome(call, *args):
    try:
        return repr(call(*args))
    except ConnectionError:  # which of its kind, that depends on who was first to meet it
        return "ConnectionError"

if "alone" in os.environ:
    sink.close()
run.log({"loss": 1.0})
gone = core()
os.kill(gone, signal.SIGKILL)
while open(f"/proc/{gone}/stat").read().rpartition(")")[2].split()[0] not in "ZX":
    time.sleep(0.01)
time.sleep(0.5)  # our end of its sockets has yet to learn of it
outcome(run.log, {"loss": 1.5})  # old versions notice at their second write, whoever makes it
outcomes = []
for step in range(3):
    if "alone" not in os.environ:
        sink.write(payload(step))
    outcomes.append(outcome(run.log, {"loss": 2.0}))
outcomes.append(outcome(run.finish))
print(outcomes)
os._exit(0)
"""
)


@pytest.mark.skipif(not Path("/proc").exists(), reason="finds W&B's process in /proc")
def test_core_killed(tmp_path):
    """When W&B's own process is gone, the trainer sees what it sees without us."""
    alone = run(KILL_CORE, tmp_path, alone="1")
    watched = run(KILL_CORE, tmp_path)
    assert watched.stdout == alone.stdout
    assert "ConnectionError" in alone.stdout
    assert "your training goes on" in watched.stderr


@pytest.mark.long
@pytest.mark.skipif(not Path("/proc").exists(), reason="finds W&B's process in /proc")
def test_core_stopped(tmp_path):
    """While W&B's own process stands still the training goes on, and no row is lost once it goes on too."""
    script = """
stopped = core()
os.kill(stopped, signal.SIGSTOP)
for step in range(5):
    sink.write(payload(step))
    run.log({"loss": float(step)}, step=step)
os.kill(stopped, signal.SIGCONT)
run.finish()
"""
    process = run(CORE + script, tmp_path)
    assert process.returncode == 0, process.stderr
    assert places(tmp_path) == ([(float(step), step) for step in range(5)],) * 2


def test_wandb_is_not_imported(tmp_path):
    """The sink never imports wandb by itself."""
    script = """
import sys
from llm_telemetry.events import STEP_KEY, Payload
from llm_telemetry.sinks.wandb.sink import WandbSink
sink = WandbSink()
sink.attach()
sink.write(Payload(1, "train", {STEP_KEY: 1}, {}, 0.0))
sink.close()
assert sink.run_dir() is None
assert not any(name.partition(".")[0] == "wandb" for name in sys.modules)
"""
    python("-c", script, cwd=tmp_path)


KILLED = """
from pathlib import Path

def full(step, split):
    prefix = "val/" if split == "val" else ""
    keys = {f"{prefix}judge/source_{n}/calls": step + n / 7 for n in range(60)}
    return Payload(step, split, {STEP_KEY: step, **keys, "cost/total_cost": step}, {"cost/total_cost": step}, 0.0)

for step in range(100):
    sink.write(full(step, "train"))
    run.log({"loss": float(step)}, step=step)
    if step % 2:
        sink.write(full(step, "val"))
deadline = time.monotonic() + 50
file = next(Path(run.dir).parent.glob("*.wandb"))
while file.stat().st_size < 5 * 32 * 1024 and time.monotonic() < deadline:
    time.sleep(0.05)
os.kill(os.getpid(), signal.SIGKILL)
"""


def test_a_kill_costs_no_payload_whose_trainer_s_row_is_kept(tmp_path):
    """With `log(step=…)` nothing of ours waits: W&B has what it has of the trainer, validations too."""
    assert run(KILLED, tmp_path).returncode == -signal.SIGKILL
    (folder,) = (tmp_path / "wandb").glob("offline-run-*")
    rows = [row for row in Written(folder).rows if "loss" in row]
    assert len(rows) >= 20
    for row in rows:
        step = row["loss"]
        assert row["_step"] == row["llm_telemetry/step"] == row["judge/source_0/calls"] == step
        assert row.get("val/judge/source_0/calls") == (step if step % 2 else None)
