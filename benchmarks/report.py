"""What a report of a very long run takes, and following it. `python benchmarks/report.py [STEPS]`."""

import gc
import json
import os
import random
import resource
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.live import Live

from llm_telemetry.report.page import make_page
from llm_telemetry.report.report import make_report
from llm_telemetry.report.watch import Follower, draw
from llm_telemetry.runs.find import find_run

STEPS = 100_000
DATASETS = 7


def write_run(path: Path, steps: int) -> int:
    """Write a run of some 60 keys a step; returns how many there are."""
    rng = random.Random(0)  # noqa: S311 - the same run each time
    payload: dict[str, float] = {}
    with path.open("w", encoding="utf-8") as file:
        for step in range(1, steps + 1):
            payload = {"llm_telemetry/step": step, "dataset/accuracy": rng.uniform(0, 100), "dataset/count": 60}
            payload |= {"cost/step_cost": 0.01, "cost/total_cost": 0.01 * step, "cost/total_samples": 60 * step}
            payload |= {"judge/success_rate": 0.95, "judge/parse_failure_rate": 0.05, "judge/api_failure_rate": 0.0}
            payload |= {"judge/calls": 60, "judge/undecided": 0}
            for i in range(DATASETS):
                payload |= {
                    f"dataset/d{i}/{key}": rng.uniform(0, 100) for key in ("accuracy", "avg_reward", "avg_cost")
                }
                payload |= {f"dataset/d{i}/count": 10, f"dataset/d{i}/failed": 0}
            for role in ("executor", "judge"):
                payload |= {f"llm/{role}/{key}": 60 for key in ("calls", "errors", "retries", "no_usage")}
                payload |= {f"llm/{role}/latency_p50": rng.random(), f"llm/{role}/latency_p95": 1 + rng.random()}
            line = {"step": step, "split": "train", "time": 1.8e9 + step, "sequence": step, "payload": payload}
            file.write(json.dumps(line) + "\n")
    return len(payload)


def watch_run(path: Path, payloads: int = 200) -> float:
    """Follow a run, into which so many payloads are written; returns the milliseconds of CPU that each takes."""
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:-payloads]))
    follower = Follower(str(path))
    follower.look()
    spent = 0.0
    with Path(os.devnull).open("w") as nowhere:
        console = Console(file=nowhere, force_terminal=True, width=100, height=40)
        with Live(console=console, auto_refresh=False) as live:
            for line in lines[-payloads:]:
                with path.open("ab") as file:
                    file.write(line)
                began = time.process_time()
                follower.look()
                live.update(draw(follower.run, None, time.time()), refresh=True)
                spent += time.process_time() - began
    return 1000 * spent / payloads


def main(steps: int) -> None:
    """Write, read, report, and print what that took."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "run.jsonl")
        keys = write_run(path, steps)
        gc.disable()  # as the command does
        began = time.process_time()
        run = find_run(path)
        read = time.process_time()
        page = make_page(make_report([run]))
        ended = time.process_time()
        memory = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
        gc.enable()
        each = watch_run(path)
    print(f"{steps:,} steps of {keys} keys: read in {read - began:.1f} s, page in {ended - read:.1f} s of CPU")
    print(f"page {len(page.encode()) / 1000:,.0f} kB, at most {memory:,.0f} MB of memory")
    print(f"watch takes {each:.1f} ms of CPU a payload: {each / 10:.2f} % of a core at one a second")


if __name__ == "__main__":
    main(int(sys.argv[1]) if len(sys.argv) > 1 else STEPS)
