"""What comes in the middle of telemetry's own work: signal handlers, handlers of log lines, sinks that call back."""

import json
import logging
import subprocess
import sys
import textwrap
import threading

import pytest

from llm_telemetry import instrument
from llm_telemetry.session.turn import Turn
from tests.support.children import PATIENCE
from tests.support.loops import Grader, Loop
from tests.support.trainers import Memory, watch

PROGRAM = """
    import os, signal, sys, threading, time
    sys.path.insert(0, {root!r})
    from llm_telemetry import instrument
    from tests.support.loops import Grader, Loop

    trainer = Loop(lambda loop: [loop.reward.compute_reward("p", "p") for _ in range(50)], reward=Grader())
    telemetry = instrument(trainer, run=False, console=0, folder=sys.argv[1])

    def stop(*_):
        {action}
        sys.exit(7)

    signal.signal(signal.SIGTERM, stop)
    delay = float(sys.argv[2])
    threading.Thread(target=lambda: (time.sleep(delay), os.kill(os.getpid(), signal.SIGTERM)), daemon=True).start()
    for step in range(1, 100_000):
        trainer.train_step(step)
"""


@pytest.mark.long
@pytest.mark.parametrize("action", ["telemetry.flush()", "telemetry.uninstrument()"])
def test_a_signal_handler_may_flush_and_uninstrument_at_any_moment(tmp_path, action, pytestconfig):
    program = textwrap.dedent(PROGRAM).format(root=str(pytestconfig.rootpath), action=action)
    for i in range(4):
        folder = tmp_path / str(i)
        command = [sys.executable, "-c", program, str(folder), str(0.05 + 0.013 * i)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE, check=False)
        assert done.returncode == 7, done.stderr
        (path,) = folder.glob("*.jsonl")
        for line in filter(None, path.read_text().splitlines()):  # one that was cut short is followed by a fresh one
            json.loads(line)


class CallsBack:
    """A sink, and a collector, that flush while they are asked."""

    def __init__(self):
        self.telemetry = None
        self.steps = []

    def write(self, payload):
        self.steps.append(payload.step)
        self.telemetry.flush()

    def add(self, event):
        self.telemetry.flush()

    def collect(self, split):
        self.telemetry.flush()
        return {}

    def close(self):
        pass


def test_sinks_and_collectors_may_flush(tmp_path):
    one = CallsBack()
    trainer = Loop(lambda loop: loop.reward.compute_reward("p", "p"), reward=Grader())
    memory = Memory()
    one.telemetry, _ = watch(trainer, tmp_path, sinks=[one, memory], collectors=[one])
    for step in (1, 2, 3):
        trainer.train_step(step)
    one.telemetry.uninstrument()
    assert [payload.step for payload in memory.payloads if payload.values.get("dataset/count")] == [1, 2, 3]


def test_a_sink_may_take_the_telemetry_off(tmp_path):
    class Ends(Memory):
        def write(self, payload):
            super().write(payload)
            telemetry.uninstrument()

    trainer = Loop(lambda loop: loop.reward.compute_reward("p", "p"), reward=Grader())
    telemetry = instrument(trainer, run=False, console=0, folder=tmp_path, sinks=[ends := Ends()])
    trainer.train_step(1)
    trainer.train_step(2)
    assert [payload.step for payload in ends.payloads] == [1]


class Raising(logging.Handler):
    def emit(self, record):
        raise ValueError("no more log lines")


def test_a_log_handler_that_raises_ends_nothing(tmp_path):
    handler = Raising()
    logging.getLogger("llm_telemetry").addHandler(handler)
    try:
        trainer = Loop(lambda loop: loop.reward.compute_reward("p", "p"), reward=Grader())
        _, memory = watch(trainer, tmp_path)  # says that there is no executor
        trainer.train_step(1)
    finally:
        logging.getLogger("llm_telemetry").removeHandler(handler)
    assert memory.last["dataset/count"] == 1


def test_two_threads_that_end_steps_at_once_write_whole_lines_to_one_file(tmp_path):
    class Both(Loop):
        def evaluate(self, step):
            return self.body(self)

    trainer = Both(lambda loop: loop.reward.compute_reward("p", "p"), reward=Grader())
    telemetry, _ = watch(trainer, tmp_path)
    start = threading.Barrier(2)

    def work(step):
        start.wait()
        for i in range(50):
            (trainer.train_step if step else trainer.evaluate)(i + 1)

    threads = [threading.Thread(target=work, args=(i,)) for i in (0, 1)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    telemetry.uninstrument()
    (path,) = tmp_path.glob("*.jsonl")
    assert all(json.loads(line) for line in path.read_text().splitlines())


def test_a_turn_is_not_waited_for_by_its_own_thread():
    turn = Turn()
    assert turn.take(wait=True)
    assert not turn.take(wait=True)
    turn.give()
    assert turn.take(wait=False)
    seen = []
    other = threading.Thread(target=lambda: seen.append(turn.take(wait=False)))
    other.start()
    other.join()
    assert seen == [False]
