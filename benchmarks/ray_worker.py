"""What the start of a worker of Ray costs more with us: CPU time of Ray's own script for it, in pairs.

The script imports all that it needs and ends at `--help`, before it looks for a cluster: what follows is the same with
us and without, up to the first method. Needs Ray (`tests/matrix ray` makes an environment with it). Run:
`python benchmarks/ray_worker.py [PAIRS]`.
"""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import ray

import llm_telemetry.ray

if TYPE_CHECKING:
    from collections.abc import Mapping

PAIRS = 40
WORKER = Path(ray.__file__).parent / "_private" / "workers" / "default_worker.py"


def started(variables: Mapping[str, str]) -> float:
    """Run the script with such variables, and return the CPU time that it took, in milliseconds."""
    process = subprocess.Popen([sys.executable, WORKER, "--help"], env=variables, stdout=subprocess.DEVNULL)  # noqa: S603
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, status
    return (usage.ru_utime + usage.ru_stime) * 1e3


def main(pairs: int = PAIRS) -> None:
    """Print what a worker takes with us and without: the fastest, which others disturb least, and the median."""
    without = {name: value for name, value in os.environ.items() if not name.startswith("LLM_TELEMETRY")}
    ours = without | llm_telemetry.ray.runtime_env()["env_vars"]
    took = [(started(ours), started(without)) for _ in range(pairs)]
    for name, choose in (("fastest", min), ("median", statistics.median)):
        with_us, alone = (choose(times) for times in zip(*took, strict=True))
        print(
            f"{name} of {pairs} workers: {with_us:.0f} ms CPU with us, {alone:.0f} without: {with_us - alone:.0f} more"
        )


if __name__ == "__main__":
    main(*map(int, sys.argv[1:]))
