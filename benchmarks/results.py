"""`make bench`: runs what is in the table below, each in its environment, and writes RESULTS.md and the README's quote.

A program gives figures, and is run by itself, so that one does not warm or disturb the next. What cannot be installed
or run is said in RESULTS.md, and stops nothing else.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.metadata
import json
import os
import platform
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

HERE = Path(__file__).parent
ROOT = HERE.parent
sys.path[:0] = [str(HERE), str(ROOT)]

from figures import Figure  # noqa: E402 - beside this file
from peers import OURS, PEERS, SHARED_PACKAGES  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterable

RESULTS, README = HERE / "RESULTS.md", ROOT / "README.md"
BEGINS, ENDS = "<!-- quoted from benchmarks/RESULTS.md -->", "<!-- end of the quote -->"
LONGEST = 600
"""Seconds that one program may take; all of them together take a quarter of an hour, what is installed first aside."""


class Program(NamedTuple):
    """A module here whose `figures(*arguments)` returns figures."""

    module: str
    arguments: tuple[str, ...] = ()
    environment: str = ""
    """The folder of a virtual environment in the project's root; empty for that of `make test`."""
    packages: tuple[str, ...] = ()
    """What is installed there when it is missing; without any, it must be there already."""

    @property
    def python(self) -> str:
        """The interpreter that runs it."""
        return str(ROOT / self.environment / "bin/python") if self.environment else sys.executable


PROGRAMS = (
    Program("peers", (OURS,)),
    *(Program("peers", (n,), f".venv-bench/{n.lower()}", (*SHARED_PACKAGES, p.package)) for n, p in PEERS.items()),
    Program("flush"),
    Program("demo_step"),
    Program("wandb_sink"),
    Program("startup"),
    Program("trl_step", environment=".venv-trl"),
)


def prepare(program: Program) -> None:
    """Make the environment of a program, unless there is one.

    Raises:
        OSError: There is none, and nothing is known to be installed in it.
        subprocess.CalledProcessError: It cannot be made, or its packages cannot be installed.
    """
    folder = ROOT / program.environment
    ready = folder / ".ready"
    if not program.environment or ready.exists() or (not program.packages and Path(program.python).exists()):
        return
    if not program.packages:
        raise FileNotFoundError(f"there is no {program.environment} here")
    install = [program.python, "-m", "pip", "install", "--quiet", *program.packages]
    for command in ([sys.executable, "-m", "venv", str(folder)], install):
        subprocess.run(command, check=True, capture_output=True, text=True, timeout=2 * LONGEST)  # noqa: S603 - our words
    ready.touch()


def figures_of(program: Program) -> list[Figure]:
    """Run a program in its environment, and return what it has measured.

    Raises:
        OSError: There is no such environment.
        subprocess.SubprocessError: It has failed, or takes too long.
    """
    prepare(program)
    command = [program.python, __file__, "--program", program.module, *program.arguments]
    environ = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(  # noqa: S603 - our own words
        command, env=environ, cwd=ROOT, capture_output=True, text=True, check=True, timeout=LONGEST
    )
    return [Figure(*row) for row in json.loads(done.stdout.splitlines()[-1])]


def reason(error: Exception) -> str:
    """Return in a line why a program gave nothing."""
    if isinstance(error, subprocess.TimeoutExpired):
        return f"took longer than {error.timeout:.0f} s"
    said = error.stderr.strip().splitlines() if isinstance(error, subprocess.CalledProcessError) else []
    return f"{type(error).__name__}: {said[-1] if said else error}"[:200]


def measure(programs: Iterable[Program]) -> tuple[list[Figure], list[str]]:
    """Run them all, and say how far it is; return the figures, and what could not be measured."""
    found: list[Figure] = []
    missing: list[str] = []
    for program in programs:
        name, began = " ".join((program.module, *program.arguments)), time.monotonic()
        print(f"{name} …", end=" ", flush=True)
        try:
            found += (told := figures_of(program))
            print(f"{len(told)} figures in {time.monotonic() - began:.0f} s", flush=True)
        except (OSError, ValueError, subprocess.SubprocessError) as error:
            missing.append(f"{name}: {reason(error)}")
            print("not measured:", reason(error), flush=True)
    return found, missing


def table(figures: Iterable[Figure]) -> str:
    """Return a line for each figure, those of one kind together."""
    told = list(figures)
    order = list(dict.fromkeys(one.what for one in told))
    told.sort(key=lambda one: order.index(one.what))
    rows = [
        f"| {one.what} | {one.who} | {one} | {one.told(one.lower)}, {one.told(one.upper)} | {one.meaning} |"
        for one in told
    ]
    head = "| | whose | median (it is between these, with 95 %) | quartiles | what it is |"
    return "\n".join([head, "| --- | --- | --- | --- | --- |", *rows])


def quote(figures: Iterable[Figure]) -> str:
    """Return the table of the README: ours beside the peers'."""
    by_kind: dict[str, dict[str, str]] = {}
    for one in figures:
        number = str(one).partition(" (")[0]
        by_kind.setdefault(one.what, {})[one.who.partition(" ")[0]] = number
    who = [OURS, *PEERS]
    lines = [f"| {what} | " + " | ".join(told.get(name, "") for name in who) + " |" for what, told in by_kind.items()]
    return "\n".join(["| | " + " | ".join(who) + " |", "| --- |" + " --: |" * len(who), *lines])


def caution(load: float) -> str:
    """Return a word on how far these figures can be trusted; none where the machine had nothing else to do."""
    if load < 1:
        return ""
    return (
        f"**Provisional**: measured while the machine was busy with other work (load {load:.1f} on {os.cpu_count()} "
        "cores).\n\n"
    )


def machine() -> str:
    """Say what all of this was measured on."""
    info = Path("/proc/cpuinfo")
    lines = info.read_text(encoding="utf-8").splitlines() if info.exists() else []
    model = next((line.partition(":")[2].strip() for line in lines if line.startswith("model name")), "")
    packages = ("openai", "wandb", "wrapt", "genai-prices")
    versions = ", ".join(f"{name} {importlib.metadata.version(name)}" for name in packages)
    cores = f"{os.cpu_count()} cores{f' ({model})' if model else ''}"
    return f"{platform.system()}, {cores}; Python {platform.python_version()}; {versions}; {time.strftime('%B %Y')}."


def page(machine: str, quote: str, figures: list[Figure], missing: list[str]) -> str:
    """Return RESULTS.md."""
    parts = [
        "# What it costs, measured\n\nWritten by `make bench`; not to be edited.\n",
        machine + "\n",
        "CPU time (of W&B's `log` that of the thread that logs), with and without by turns.\n",
        "`×` is the ratio to the same without. The README quotes this:\n",
        quote + "\n",
        "## Each figure with its spread\n",
        table(figures) + "\n",
    ]
    if missing:
        parts.append("## Not measured here\n\n" + "\n".join(f"- {line}" for line in missing) + "\n")
    return "\n".join(parts)


def quoted(readme: str, text: str) -> str:
    """Return the README with this quote in its place."""
    before, _, rest = readme.partition(BEGINS)
    _, _, after = rest.partition(ENDS)
    return f"{before}{BEGINS}\n{text}\n{ENDS}{after}"


def main() -> None:
    """Measure, and write; or run one program, in its own environment, and print its figures."""
    parser = argparse.ArgumentParser(description="Measure what telemetry costs.")
    parser.add_argument("--program", nargs="+", help="run this one alone, and print its figures as JSON")
    parser.add_argument("--only", help="write nothing; measure the programs whose module is called so")
    options = parser.parse_args()
    if options.program:
        module, *arguments = options.program
        print("\n" + json.dumps(importlib.import_module(module).figures(*arguments)))
        return
    load = os.getloadavg()[0]
    figures, missing = measure(one for one in PROGRAMS if options.only in (None, one.module))
    if options.only:
        print(table(figures))
        return
    text = caution(load) + quote(figures)
    RESULTS.write_text(page(machine(), text, figures, missing), encoding="utf-8")
    README.write_text(quoted(README.read_text(encoding="utf-8"), text), encoding="utf-8")
    print(f"written: {RESULTS.relative_to(ROOT)}, and the quote in README.md")


if __name__ == "__main__":
    main()
