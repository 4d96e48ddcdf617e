"""What the startup file costs: starts of Python with nothing installed, installed, switched on, and with the import.

Run: `python benchmarks/startup.py`. Each state has a venv of its own; the installed ones hold the files of the wheel
that Python looks at when it starts. What counts is the CPU time of each started process, which the kernel tells in
microseconds: a start waits for files and for other processes, so that the clock differs by milliseconds from one to the
next. The states take turns, each round in the other order, and what one takes longer is the difference of the medians
of a block of rounds.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
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
BLOCK, BLOCKS, WARM = 10, 20, 3
"""Rounds of a block; blocks; rounds before the first, which write bytecode."""


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


def measure(blocks: int) -> dict[State, list[float]]:
    """Return the median of each block of starts, by state."""
    states = (BARE, UNSET, ON, IMPORT)
    medians: dict[State, list[float]] = {state: [] for state in states}
    with tempfile.TemporaryDirectory() as folder:
        pythons = {on: make_venv(Path(folder) / str(on), installed=on) for on in (False, True)}
        for state in states * WARM:
            start(pythons[state.installed], state)
        for _ in range(blocks):
            took: dict[State, list[float]] = {state: [] for state in states}
            for number in range(BLOCK):
                for state in states[:: -1 if number % 2 else 1]:
                    took[state].append(start(pythons[state.installed], state))
            for state, values in took.items():
                medians[state].append(statistics.median(values))
    return medians


def figures(blocks: int = BLOCKS) -> list[Figure]:
    """Return what a start takes longer, and what the import takes."""
    medians = measure(blocks)
    return [
        figure(ours.name, [a - b for a, b in zip(medians[ours], medians[than], strict=True)], "ms", meaning)
        for ours, than, meaning in FIGURES
    ]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Measure what the startup file costs.")
    parser.add_argument("--blocks", type=int, default=BLOCKS, help=f"of {BLOCK} starts of each state ({BLOCKS})")
    for one in figures(parser.parse_args().blocks):
        print(one.what, one)
