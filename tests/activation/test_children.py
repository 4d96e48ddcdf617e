"""With LLM_TELEMETRY=1, what spawned children see is in the payload of their owner."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from llm_telemetry.demo.models import CALM, demo_server

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize("method", ["spawn", "forkserver", "fork"])
def test_rollouts_of_a_process_pool_are_the_owner_s(tmp_path, method):
    with demo_server(day=CALM) as server:
        environment = {"PYTHONPATH": str(ROOT), "LLM_TELEMETRY": "1", "BASE_URL": server.base_url}
        done = subprocess.run(
            [sys.executable, "-W", "ignore", "-m", "tests.processes.programs.spawn", method],
            cwd=tmp_path,
            env={**os.environ, **environment},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert done.returncode == 0, done.stderr
    (file,) = (tmp_path / "llm_telemetry").glob("*.jsonl")
    train, val = [json.loads(line)["payload"] for line in file.read_text().splitlines()]
    assert [train[f"dataset/{key}"] for key in ("count", "accuracy")] == [6, 100]
    assert [val[f"val/{key}"] for key in ("count", "accuracy")] == [2, 100]
    assert (train["llm/executor/calls"], val["val/llm/executor/calls"]) == (6, 2)
    assert [train[f"judge/{key}"] for key in ("correct_count", "incorrect_count")] == [6, 6]
    told = server.books.tokens()
    assert val["tokens/total"] == told.prompt + told.completion
