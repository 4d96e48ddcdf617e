"""With LLM_TELEMETRY=1 and no edit: programs that never import openai, and the processes that they start."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROGRAM = Path(__file__).parent / "programs" / "train.py"


def trained(server, tmp_path, by, *command):
    """The payload of the program's one step."""
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "ROOT": str(ROOT),
        "LLM_TELEMETRY": "1",
        "BASE_URL": server.url,
        "BY": by,
    }
    done = subprocess.run(
        [sys.executable, "-W", "ignore", *command],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (file,) = (tmp_path / "llm_telemetry").glob("*.jsonl")
    (line,) = file.read_text().splitlines()
    return json.loads(line)["payload"]


def assert_true(payload, server):
    assert payload["llm/executor/calls"] == len(server.books) == 3
    assert payload["tokens/executor/prompt"] == server.books.tokens().prompt
    assert payload["tokens/executor/cache_write"] == server.books.tokens().cache_write
    assert payload["telemetry/errors"] == 0


@pytest.mark.parametrize("method", ["spawn", "fork"])
@pytest.mark.parametrize("by", ["httpx", "requests", "anthropic"])
def test_calls_of_worker_processes_are_the_owner_s(server, tmp_path, by, method):
    payload = trained(server, tmp_path, by, "-m", "tests.clients.programs.train", method)
    assert_true(payload, server)
    assert payload["dataset/count"] == 3


def test_a_script_is_watched_whose_only_client_is_anthropic_s(server, tmp_path):
    assert_true(trained(server, tmp_path, "anthropic", PROGRAM), server)


@pytest.mark.parametrize("by", ["httpx", "requests", "anthropic"])
def test_a_module_is_watched_that_never_imports_openai(server, tmp_path, by):
    assert_true(trained(server, tmp_path, by, "-m", "tests.clients.programs.train"), server)
