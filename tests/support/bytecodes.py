"""Counting what work takes of ours: bytecodes, which no load of the machine changes."""

import sys
from pathlib import Path
from threading import get_ident

import pytest

import llm_telemetry

OURS = str(Path(llm_telemetry.__file__).parent)
IS_TOLD = sys.version_info >= (3, 12)
"""There is `sys.monitoring`, which tells every bytecode; up to Python 3.11 a tracer is told."""
TOOL = 4
"""Its number among those that monitor: 0 is a debugger's, 1 is coverage's, 2 a profiler's, 5 an optimiser's."""
COUNTED = [
    pytest.mark.skipif(
        not IS_TOLD and sys.gettrace() is not None, reason="whoever traces would be in the way: coverage does"
    )
]
"""Marks of tests that count."""


def bytecodes(work):
    """Return how many bytecodes of ours this thread runs in `work`."""
    count = 0

    def tell():
        nonlocal count
        count += 1

    (_monitor if IS_TOLD else _trace)(work, tell)
    return count


def _trace(work, tell):
    def follow(_frame, event, _):
        if event == "opcode":
            tell()
        return follow

    def enter(frame, _event, _):
        if not frame.f_code.co_filename.startswith(OURS):
            return None
        frame.f_trace_lines, frame.f_trace_opcodes = False, True
        return follow

    sys.settrace(enter)
    try:
        work()
    finally:
        sys.settrace(None)


def _monitor(work, tell):
    # What is disabled stays so: it is no code of ours, and to restart all events would have coverage begin anew.
    monitoring, event, me = sys.monitoring, sys.monitoring.events.INSTRUCTION, get_ident()

    def run(code, _offset):
        if not code.co_filename.startswith(OURS):
            return monitoring.DISABLE
        if get_ident() == me:
            tell()
        return None

    monitoring.use_tool_id(TOOL, "bytecodes of ours")
    try:
        monitoring.register_callback(TOOL, event, run)
        monitoring.set_events(TOOL, event)
        work()
    finally:
        monitoring.set_events(TOOL, monitoring.events.NO_EVENTS)
        monitoring.register_callback(TOOL, event, None)
        monitoring.free_tool_id(TOOL)
