"""Makes calls for callgrind to count: what they take in instructions, which no load of the machine changes.

    PYTHONHASHSEED=0 valgrind --tool=callgrind --toggle-collect=_PyEval_CallTracing --callgrind-out-file=calls.out \
        .venv/bin/python benchmarks/callgrind.py watched plain 64

The line `Collected` is the sum; only what runs within `sys.call_tracing` is in it, which nobody else calls: no import,
no set-up. `callgrind_annotate calls.out` tells the functions of C; `--inclusive=yes` adds what they have called.

1. In the midst of real calls: each is a call of the SDK over a mock transport, and is booked. In a loop of our hooks
   alone, code and data stay in the processor's caches, as they do not between two calls.
2. What is done once falls out of a difference: a call takes what 128 do less what 64 do, divided by 64.
3. What is added by us is the difference again: `watched` less `plain`. `async` and `stream` are the other kinds.
4. Why a call's time is more than its instructions: `--cache-sim=yes` counts misses, too. `I1mr` and `D1mr` are those of
   the nearest cache for code and for data, `ILmr` and `DLmr` of the last one: some 10 and some 100 cycles each.
5. A function of Python's has no name in C: take a part of it away, and count again. `tests/support/bytecodes.py`
   takes seconds, not minutes; it does not see C.

A minute to five minutes a run. Time is measured by `peers.py`: in blocks of the process's CPU time, with and without
by turns and in both orders, the median with its spread, the garbage collector on.
"""

from __future__ import annotations

import logging
import sys
import tempfile
from contextlib import ExitStack

from calls import Kind, Sdk
from peers import Trainer

from llm_telemetry import instrument
from llm_telemetry.session.sessions import active

FIRST = 100
"""Calls that are not counted: Python learns which classes and methods it meets."""


def main(who: str, kind: str, calls: str) -> None:
    """Make so many calls of a kind, `watched` or `plain`, where callgrind counts."""
    logging.disable()  # a trainer without rewards is worth a word elsewhere
    sdk, trainer = Sdk(), Trainer()

    def work(count: int) -> None:
        sdk.call(Kind(kind, count, 1, 1))
        for session in active:
            session.counted()  # have the calls booked, as the end of a step would

    with tempfile.TemporaryDirectory() as folder, ExitStack() as hooks:
        if who == "watched":
            hooks.enter_context(instrument(trainer, folder=folder, run=False, console=0))
        trainer.train_step(1, lambda: work(FIRST))
        trainer.train_step(2, lambda: sys.call_tracing(work, (int(calls),)))
    sdk.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
