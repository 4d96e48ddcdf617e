"""Real runs for those who read what a run leaves behind: one that ended well, one that was killed, edited copies."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from llm_telemetry.runs.findings import Severity, format_findings
from llm_telemetry.runs.last import find_last_run

ROOT = Path(__file__).parents[2]


@pytest.fixture
def nobodys_machine(monkeypatch, tmp_path):
    """A folder of its own, no variable of ours or W&B's, nobody's login."""
    for name in [name for name in os.environ if name.startswith(("LLM_TELEM", "WANDB_", "NETRC"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def train(folder, *arguments, **environ):
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("WANDB_", "LLM_TELEMETRY"))}
    place = {"PYTHONPATH": str(ROOT), "WANDB_MODE": "offline", "WANDB_DIR": str(folder)}
    subprocess.run(
        [sys.executable, "-m", "tests.processes.programs.train", *map(str, arguments)],
        cwd=folder,
        env={**clean, **place, **environ},
        capture_output=True,
        timeout=120,
        check=False,
    )
    return folder


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return train(tmp_path_factory.mktemp("finished"), "r1", 1, 8, "finish")


@pytest.fixture
def killed(nobodys_machine, tmp_path):
    return train(tmp_path, "r2", 1, 3, "kill")


@pytest.fixture
def edited(nobodys_machine, finished, tmp_path):
    """Give a copy of the finished run whose payloads were changed."""

    def edit(change=lambda payload: None, state=None):
        shutil.copytree(finished / "wandb", tmp_path / "wandb", symlinks=True)
        (file,) = (tmp_path / "wandb").glob("*run-*/*.jsonl")
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        for line in lines:
            change(line["payload"])
            line["state"] |= state or {}
        file.write_text("".join(json.dumps(line) + "\n" for line in lines))
        return find_last_run([file])

    return edit


def said(findings):
    """Everything in one text, as it is printed with every detail; the columns are drawn together."""
    return re.sub(r" +", " ", format_findings(findings, verbose=True))


def bad(findings):
    """What asks for something to be done."""
    return [finding.sentence for finding in findings if finding.severity >= Severity.WARNING]
