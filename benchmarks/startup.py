"""What the startup file costs: interleaved starts of Python with nothing installed, installed, and switched on.

Run: `python benchmarks/startup.py`. Each state has a venv of its own; the installed ones hold the files of the wheel
that Python looks at when it starts.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import TYPE_CHECKING

from figures import figure

if TYPE_CHECKING:
    from figures import Figure

ROOT = Path(__file__).parent.parent
FILES = ("autostart/llm_telemetry.pth", "autostart/llm_telemetry.start", "_llm_telemetry_autostart.py")
PACKAGE = "llm_telemetry"
STATES = {"not installed": (False, None), "installed, not set": (True, None), "installed, LLM_TELEMETRY=1": (True, "1")}


def make_venv(folder: Path, *, installed: bool) -> Path:
    """Make a venv and return its interpreter."""
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)  # noqa: S603 - our own words
    site = next((folder / "lib").glob("python*")) / "site-packages"
    for file in FILES if installed else ():
        shutil.copy(ROOT / file, site)
    if installed:
        shutil.copytree(ROOT / PACKAGE, site / PACKAGE)
    return folder / "bin" / "python"


def start(python: Path, value: str | None, code: str) -> float:
    """Start Python once; returns milliseconds."""
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("LLM_TELEMETRY", "PYTHON"))}
    environ |= {} if value is None else {"LLM_TELEMETRY": value}
    began = time.perf_counter()
    subprocess.run([str(python), "-c", code], env=environ, check=True)  # noqa: S603 - our own words
    return (time.perf_counter() - began) * 1000


def measure(starts: int, code: str, *only: str) -> dict[str, list[float]]:
    """Start each state in turn, or those that are named, so that what else the machine does falls on all of them."""
    states = {state: what for state, what in STATES.items() if state in (only or STATES)}
    with tempfile.TemporaryDirectory() as folder:
        pythons = {
            state: make_venv(Path(folder) / str(i), installed=on) for i, (state, (on, _)) in enumerate(states.items())
        }
        times: dict[str, list[float]] = {state: [] for state in states}
        for i in range(starts + 3):
            for state, (_, value) in states.items():
                took = start(pythons[state], value, code)
                if i >= 3:  # noqa: PLR2004 - the first ones write bytecode
                    times[state].append(took)
    return times


MEANINGS = {
    "installed, not set": "what each start of Python takes longer where the package is installed and not used",
    "installed, LLM_TELEMETRY=1": "the same for a program with the variable and without LLM calls",
}


def figures(starts: int = 100) -> list[Figure]:
    """Return what a start takes longer, and what the import takes."""
    times, imports = measure(starts, "pass"), measure(starts, "import llm_telemetry", "installed, not set")
    base = times["not installed"]
    added = {state: [a - b for a, b in zip(times[state], base, strict=True)] for state in MEANINGS}
    told = [figure(f"a start, {state}", added[state], "ms", meaning) for state, meaning in MEANINGS.items()]
    took = [a - b for a, b in zip(*imports.values(), times["installed, not set"], strict=True)]
    return [*told, figure("`import llm_telemetry`", took, "ms", "what the import takes by itself")]


def main(starts: int, code: str) -> None:
    """Print medians and quartiles, and what each state adds to the first."""
    times = measure(starts, code)
    base = times["not installed"]
    print(f"{starts} interleaved starts of: python -c {code!r}\n")
    print(f"{'':28}{'median':>10}{'added':>10}   quartiles of the paired difference")
    for state, took in times.items():
        added = [ours - theirs for ours, theirs in zip(took, base, strict=True)]
        low, _, high = statistics.quantiles(added, n=4)
        difference = statistics.median(took) - statistics.median(base)
        print(f"{state:28}{statistics.median(took):7.2f} ms{difference:+7.2f} ms   {low:+.2f} … {high:+.2f} ms")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Measure what the startup file costs.")
    parser.add_argument("--starts", type=int, default=300, help="starts of each state (default: 300)")
    parser.add_argument("--code", default="pass", help="what each start runs (default: pass)")
    options = parser.parse_args()
    main(options.starts, options.code)
