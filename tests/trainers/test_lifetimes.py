"""Nothing of the trainer's is kept alive, and nothing that dies at a bad moment blocks anybody."""

import gc
import subprocess
import sys
import textwrap
import threading
import types
import weakref

import pytest

from llm_telemetry.clients.calls import hold
from tests.support.loops import Grader, Loop, SyncExecutor
from tests.support.mocking import chat, chat_stream
from tests.support.sdk import CHAT
from tests.support.trainers import Trainer, sync_client, watch


def loop():
    def body(trainer):
        trainer.reward.compute_reward("2 + 2?", trainer.executor.execute("2 + 2?"))

    return Loop(body, executor=SyncExecutor(), reward=Grader())


def gone(reference):
    gc.collect()
    return reference() is None


def test_a_trainer_is_not_kept_alive_and_its_hooks_go_with_it(tmp_path):
    trainer = loop()
    trainer.itself = trainer
    watch(trainer, tmp_path)
    trainer.train_step(1)
    references = [weakref.ref(part) for part in (trainer, trainer.executor, trainer.reward)]
    del trainer
    assert all(gone(reference) for reference in references)
    assert not hasattr(vars(Loop)["train_step"], "__wrapped__")


def test_a_handle_is_not_kept_alive_when_it_is_taken_off(tmp_path):
    trainer = loop()
    telemetry, _ = watch(trainer, tmp_path)
    telemetry.uninstrument()
    reference = weakref.ref(telemetry)
    del telemetry
    assert gone(reference)
    assert trainer is not None


@pytest.mark.parametrize(("settings", "answer"), [({}, chat()), ({"stream": True}, chat_stream("4", "2"))])
def test_an_answer_is_not_kept_alive(api, tmp_path, settings, answer):
    api.post(CHAT).mock(answer)
    watch(Trainer(), tmp_path)
    with sync_client() as client:
        result = client.chat.completions.create(model="m", messages=[], **settings)
    if settings:
        next(result)
    reference = weakref.ref(result)
    del result
    assert gone(reference)


DYING = """
    import faulthandler, gc
    from tests.support.loops import Grader, Loop
    from tests.support.trainers import watch

    class Collecting:
        def add(self, event):
            pass

        def collect(self, split):
            gc.collect()
            return {}

    faulthandler.dump_traceback_later(300, exit=True)  # a busy machine is no deadlock
    trainer = Loop(None, reward=Grader())
    trainer.itself = trainer
    telemetry, memory = watch(trainer, "telemetry", collectors=[Collecting()])
    trainer.reward.compute_reward("2 + 2?", "4")
    gc.disable()
    del trainer
    telemetry.flush()
    print(memory.last["dataset/count"])
"""


def test_a_trainer_that_dies_while_its_payload_is_made_blocks_nobody(tmp_path, pytestconfig):
    program = [sys.executable, "-c", textwrap.dedent(DYING)]
    environment = {"PYTHONPATH": str(pytestconfig.rootpath), "PATH": ""}
    done = subprocess.run(program, cwd=tmp_path, env=environment, capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode) == ("1\n", 0), done.stderr


def test_taking_telemetry_off_while_other_threads_open_streams_raises_nothing(tmp_path):
    class Stream:
        pass

    class Call:
        _outer = types.SimpleNamespace(session=None)
        holder = None

        def finish(self):
            pass

    done, held = threading.Event(), []

    def open_streams():
        while not done.is_set():
            held.append(Stream())
            hold(held[-1], Call())
            del held[:-500]

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    thread = threading.Thread(target=open_streams)
    thread.start()
    trainer = loop()
    try:
        for _ in range(200):
            watch(trainer, tmp_path)[0].uninstrument()
    finally:
        done.set()
        thread.join()
        sys.setswitchinterval(interval)
