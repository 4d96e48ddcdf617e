"""`LLM_TELEMETRY=1` and a script of TRL's that nobody has edited."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PROGRAM = ROOT / "tests" / "trainers" / "trl" / "programs" / "plain.py"


@pytest.mark.parametrize("kind", ["grpo", "rloo", "unsloth"])
def test_an_unedited_script_is_watched(tmp_path, judge_server, kind):
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("WANDB_", "LLM_TELEMETRY"))}
    command = [sys.executable, "-m", "llm_telemetry", "run", PROGRAM, kind]
    done = subprocess.run(
        command,
        cwd=tmp_path,
        env={**environ, "PYTHONPATH": str(ROOT), "LLM_TELEMETRY_CONSOLE": "0", "WANDB_MODE": "offline"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    (path,) = (tmp_path / "llm_telemetry").glob("*.jsonl")
    payloads = [line["payload"] for line in map(json.loads, path.read_text().splitlines()) if "payload" in line]
    assert [payload["llm_telemetry/step"] for payload in payloads] == [1, 2, 2]
    counts = [
        (p.get("dataset/count"), p.get("val/count"), p.get("judge/calls"), p.get("val/judge/calls")) for p in payloads
    ]
    assert counts == [(4, None, 4, None), (4, None, 4, None), (None, 8, None, 8)]
    assert payloads[-1]["cost/judge_calls"] == judge_server.books.calls() == 16


ELSEWHERE = """
import contextlib
from trl.experimental.async_grpo import AsyncGRPOTrainer

with contextlib.suppress(AttributeError):  # it is not built: that needs a server
    object.__new__(AsyncGRPOTrainer).train()
"""


def test_a_trainer_that_computes_rewards_elsewhere_is_told_what_to_do(tmp_path):
    pytest.importorskip("trl.experimental.async_grpo")
    (tmp_path / "train.py").write_text(ELSEWHERE)
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("WANDB_", "LLM_TELEMETRY"))}
    done = subprocess.run(
        [sys.executable, "-m", "llm_telemetry", "run", "train.py"],
        cwd=tmp_path,
        env={**environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert "AsyncGRPOTrainer is not watched: AsyncGRPOTrainer has reward functions" in done.stderr


def test_the_example_runs_as_it_stands(tmp_path):
    environ = {k: v for k, v in os.environ.items() if not k.startswith(("OPENAI_", "LLM_TELEMETRY"))}
    example = ROOT / "examples" / "trl_grpo_judge.py"
    done = subprocess.run(
        [sys.executable, example, "--steps", "1"],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    path = Path(done.stdout.splitlines()[-1].removeprefix("payloads: "))
    last = json.loads((tmp_path / path).read_text().splitlines()[-1])["payload"]
    assert (last["llm_telemetry/step"], last["dataset/count"], last["judge/calls"]) == (1, 4, 4)
