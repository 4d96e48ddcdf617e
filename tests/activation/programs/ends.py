# ruff: noqa: T201, N818 - a program that a test runs
"""Ends in the way that it is told to."""

import atexit
import os
import signal
import sys
import threading
import time


class Trainer:
    def train_step(self, step):
        return step


def fails():
    raise ValueError("in a function")


def chained():
    try:
        fails()
    except ValueError as error:
        raise RuntimeError("caused") from error


class Bad(Exception):
    def __str__(self):
        return "of __main__"


def own_hook():
    sys.excepthook = lambda kind, error, trace: print("own hook", kind.__name__, trace.tb_frame.f_code.co_name, error)
    raise Bad


def class_body():
    class Trainer:
        def train_step(self):
            pass

        here = 1 / 0


ENDS = {
    "return": lambda: None,
    "three": lambda: sys.exit(3),
    "words": lambda: sys.exit("sorry"),
    "error": fails,
    "chained": chained,
    "class": class_body,
    "own": lambda: (_ for _ in ()).throw(Bad()),
    "hook": own_hook,
    "interrupt": lambda: os.kill(os.getpid(), signal.SIGINT) or time.sleep(5),
    "term": lambda: os.kill(os.getpid(), signal.SIGTERM) or time.sleep(5),
    "import": lambda: __import__("raises"),
    "missing": lambda: __import__("missing_module"),
}


def late():
    time.sleep(0.05)
    print("late thread", flush=True)


atexit.register(print, "at exit", flush=True)
threading.Thread(target=late).start()

ENDS[sys.argv[1]]()
