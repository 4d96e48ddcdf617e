"""How work grows with its size, told by the CPU time of this thread: a busy machine makes it wait, not work more."""

import time

FACTOR = 4
ALLOWED = 9
"""Times the CPU time for FACTOR times the size: a linear reader needs 4, a quadratic one 16."""
GRAIN = 0.01
"""Seconds below which a measurement says nothing."""


def cpu_seconds(work, size):
    """Return the least CPU time of three."""
    times = []
    for _ in range(3):
        began = time.thread_time()
        work(size)
        times.append(time.thread_time() - began)
        if times[-1] < GRAIN / 10:
            break
    return min(times)


def assert_linear(work, size):
    """Let `work(size)` need at most in proportion more for a FACTOR times greater size."""
    small, great = cpu_seconds(work, size), cpu_seconds(work, FACTOR * size)
    assert great <= ALLOWED * small + GRAIN, f"{small:.3f} s of CPU for {size}, {great:.3f} s for {FACTOR} times that"
