"""What goes wrong around a watched trainer: inside of telemetry, on the disk, with the clock, at the server."""

from __future__ import annotations

import os
import random
import shutil
import signal
import threading
import time
from dataclasses import fields

from llm_telemetry.session.writers import Writer
from llm_telemetry.testing import Faults, Reply, Tokens
from llm_telemetry.words import machine
from tests.chaos import breaking

told: list[str] = []
"""What was broken in this process."""


def break_inside(dice, breakable, until):
    """Let one to three of our functions raise, each at its first, second or third call or at all of them."""
    for place in dice.sample(breakable, dice.choice((1, 1, 2, 3))):
        kind, at = dice.choice(("plain", "hostile")), dice.choice((1, 2, 3, 0))
        until.enter_context(breaking.broken(place, kind, at))
        told.append(f"{place} raises ({kind}) at call {at or 'all'}")


def write_rubbish(dice, telemetry):
    """Leave in the folder for children what a broken, or a hostile, process of the same user might write there."""
    lines = (b"[" * 10_000, b'["call", {"role": "jud', b"\xff\xfe", b'["rollout", {"split": "train"}]', b"{}", b"7")
    folder = telemetry._session.children.folder
    if folder.is_dir():
        writer = Writer(dice.choice((1, os.getpid(), 99999999)), machine(), "aa")
        file = os.open(folder / writer.name, os.O_CREAT | os.O_WRONLY, 0o600)
        os.write(file, b"\n".join(dice.choice(lines) for _ in range(5)) + b"\n")
        os.close(file)


def break_clock(dice):
    """Let the wall clock jump, forwards and back."""
    real = time.time
    time.time = lambda: real() + dice.uniform(-1e6, 1e6)


class Vandal:
    """A sink that takes the folder away below the others."""

    def __init__(self, folder, *, leaves_a_file):
        self.folder = folder
        self.leaves_a_file = leaves_a_file

    def write(self, _payload):
        """Do it, each time anew."""
        if self.folder.is_dir():
            shutil.rmtree(self.folder, ignore_errors=True)
            if self.leaves_a_file:
                self.folder.write_text("no folder")

    def close(self):
        """Raise here, too."""
        raise OSError("cannot close")


class Raising:
    """A sink and a collector that raise."""

    def write(self, _payload):
        """Refuse."""
        raise ConnectionError("no")

    def add(self, _event):
        """Refuse."""
        raise KeyError("no")

    def collect(self, _split):
        """Return what is no payload."""
        return {"mine": float("nan"), 7: 1, "too much": 10**400}

    def close(self):
        """Nothing to do."""


def signals(telemetry, stop):
    """Have a signal handler flush, hundreds of times, wherever the main thread is."""

    def handler(*_):
        if telemetry is not None:
            telemetry.flush()

    signal.signal(signal.SIGUSR1, handler)

    def send():
        while not stop.wait(0.003):
            os.kill(os.getpid(), signal.SIGUSR1)

    thread = threading.Thread(target=send, daemon=True)
    thread.start()
    return thread


def hostile_server(dice):
    """Draw what goes wrong at the server; what is slow or never answered is left out."""
    names = [field.name for field in fields(Faults) if field.name not in ("hung", "exhausted")]
    return Faults(**{name: dice.choice((0.0, 0.1)) for name in names}, exhausted=dice.choice((0.0, 0.05)))


def said(request, impossible):
    """Give an answer, and at times token counts that cannot be."""
    dice = random.Random(request.key)
    text = dice.choice(("True", "False", "Hm.")) if request.user.startswith("Right?") else dice.choice("45")
    return Reply(text, tokens=dice.choice((Tokens(10**400, 1), Tokens(-3, 2)))) if impossible else Reply(text)
