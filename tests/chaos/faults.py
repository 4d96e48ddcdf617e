"""What goes wrong around a watched trainer: inside of telemetry, on the disk, with the clock, at the server."""

from __future__ import annotations

import functools
import importlib
import inspect
import os
import pkgutil
import random
import shutil
import signal
import threading
import time
from dataclasses import fields

from llm_telemetry.testing import Faults, Reply, Tokens

ROOMS = ("clients", "collectors", "hooks", "judging", "lifecycle", "session", "sinks", "trainers")


def functions():
    """Find every function and method of the rooms that run in a trainer's calls, by its module, owner and name."""
    found = []
    for room in ROOMS:
        package = importlib.import_module(f"llm_telemetry.{room}")
        for info in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            module = importlib.import_module(info.name)
            owners = [module, *(v for v in vars(module).values() if inspect.isclass(v) and v.__module__ == info.name)]
            for owner in owners:
                found += [
                    (owner, name)
                    for name, value in vars(owner).items()
                    if inspect.isfunction(value) and value.__module__ == info.name
                ]
    return sorted(found, key=lambda pair: (pair[0].__name__, pair[1]))


def break_inside(dice):
    """Let one of our functions raise, at its first, second or third call or at all of them."""
    owner, name = dice.choice(functions())
    real, at, calls = vars(owner)[name], dice.choice((1, 2, 3, 0)), []

    @functools.wraps(real)
    def raising(*args, **kwargs):
        calls.append(1)
        if at in (0, len(calls)):
            raise ArithmeticError(f"chaos in {owner.__name__}.{name}")
        return real(*args, **kwargs)

    setattr(owner, name, raising)
    return f"{owner.__name__}.{name} raises at call {at or 'all'}"


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
