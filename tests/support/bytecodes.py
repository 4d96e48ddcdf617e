"""Counting what work takes of ours: bytecodes, which no load of the machine changes."""

import sys
from pathlib import Path

import pytest

import llm_telemetry

OURS = str(Path(llm_telemetry.__file__).parent)
COUNTED = [
    pytest.mark.skipif(sys.gettrace() is not None, reason="whoever traces would be in the way: coverage does"),
    pytest.mark.skipif(sys.version_info >= (3, 12), reason="from 3.12 on not every bytecode is told to a tracer"),
]
"""Marks of tests that count."""


def bytecodes(work):
    """Return how many bytecodes of ours this thread runs in `work`."""
    count = 0

    def follow(_frame, event, _):
        nonlocal count
        count += event == "opcode"
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
    return count
