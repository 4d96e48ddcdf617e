"""Programs that tests start, and what they leave behind."""

import json
import os
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
PATIENCE = 300
"""Seconds until a child counts as hung: on a busy machine everything is late."""


def python(*arguments, cwd, check=True, patience=PATIENCE, **environ):
    """Run a Python program to its end, with the tests at hand and no variable of ours or W&B's but those given."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("WANDB_", "LLM_TELEMETRY"))}
    done = subprocess.run(
        [sys.executable, "-W", "ignore", *map(str, arguments)],
        cwd=cwd,
        env={**clean, "PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1", **environ},
        capture_output=True,
        text=True,
        timeout=patience,
        check=False,
    )
    assert not check or done.returncode == 0, done.stderr
    return done


def lines_of(path):
    """Everything in a JSONL file."""
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def payloads_in(folder):
    """The payloads of all JSONL files below a folder, the oldest file first."""
    files = sorted(folder.rglob("*.jsonl"), key=lambda path: path.stat().st_mtime_ns)
    return [line["payload"] for file in files for line in lines_of(file) if "payload" in line]
