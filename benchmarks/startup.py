"""What the startup file costs: starts of Python with nothing installed, installed, switched on, and with the import.

Run: `python benchmarks/startup.py`. Each state has a venv of its own; the installed ones hold the files of the wheel
that Python looks at when it starts. What counts is the CPU time of each started process: a start waits for files and
for other processes, so that the clock differs by milliseconds from one to the next. How much of it is the kernel's own
is guessed by ticks of 4 ms, but the sum of both is exact to a microsecond. All run on one processor, where caches stay.
What one state takes longer than another is the difference within a round, in which each state starts once, each round
in another order; the median of some hundred rounds is known to some hundredths of a millisecond.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from figures import figure

if TYPE_CHECKING:
    from figures import Figure

ROOT = Path(__file__).parent.parent
FILES = ("autostart/llm_telemetry.pth", "autostart/llm_telemetry.start", "_llm_telemetry_autostart.py")
PACKAGE = "llm_telemetry"
ROUNDS, WARM = 600, 3
"""Rounds that count, and those before the first, which write bytecode."""


class State(NamedTuple):
    """One way to start Python."""

    name: str
    installed: bool = False
    value: str | None = None
    """Of LLM_TELEMETRY; `None` where it is not set."""
    code: str = "pass"


BARE = State("not installed")
UNSET = State("a start, installed, not set", installed=True)
ON = State("a start, installed, LLM_TELEMETRY=1", installed=True, value="1")
IMPORT = State("`import llm_telemetry`", installed=True, code="import llm_telemetry")
FIGURES = (
    (UNSET, BARE, "what each start of Python takes longer where the package is installed and not used"),
    (ON, BARE, "the same for a program with the variable and without LLM calls"),
    (IMPORT, UNSET, "what the import takes by itself"),
)
"""What is told: a state, the one that it is held against, and what that means."""


def make_venv(folder: Path, *, installed: bool) -> str:
    """Make a venv and return its interpreter."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)  # noqa: S603 - our own words
    site = next((folder / "lib").glob("python*")) / "site-packages"
    for file in FILES if installed else ():
        shutil.copy(ROOT / file, site)
    if installed:
        shutil.copytree(ROOT / PACKAGE, site / PACKAGE)
    return str(folder / "bin" / "python")


def start(python: str, state: State) -> float:
    """Start Python once; return the milliseconds of CPU time that its process took, in the kernel and out of it.

    Raises:
        RuntimeError: It has failed.
    """
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("LLM_TELEMETRY", "PYTHON"))}
    environ |= {} if state.value is None else {"LLM_TELEMETRY": state.value}
    process = os.posix_spawn(python, [python, "-c", state.code], environ)
    _, status, used = os.wait4(process, 0)
    if status:
        raise RuntimeError(f"python -c {state.code!r} has failed")
    return (used.ru_utime + used.ru_stime) * 1000


def measure(rounds: int) -> dict[State, list[float]]:
    """Return the milliseconds of each start, by state."""
    states = (BARE, UNSET, ON, IMPORT)
    took: dict[State, list[float]] = {state: [] for state in states}
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    with tempfile.TemporaryDirectory() as folder:
        pythons = {on: make_venv(Path(folder) / str(on), installed=on) for on in (False, True)}
        for number in range(-WARM, rounds):
            first = number % len(states)
            order = states[first:] + states[:first]
            for state in order[:: -1 if number // len(states) % 2 else 1]:
                milliseconds = start(pythons[state.installed], state)
                took[state] += [milliseconds] if number >= 0 else []
    return took


def figures(rounds: int = ROUNDS) -> list[Figure]:
    """Return what a start takes longer, and what the import takes."""
    took = measure(rounds)
    return [
        figure(ours.name, [a - b for a, b in zip(took[ours], took[than], strict=True)], "ms", meaning)
        for ours, than, meaning in FIGURES
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Measure what the startup file costs.")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help=f"starts of each state ({ROUNDS})")
    for one in figures(parser.parse_args().rounds):
        print(one.what, one)
