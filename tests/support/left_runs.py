"""Real runs for those who read what a run leaves behind: one that ended well, one that was killed, edited copies."""

import json
import os
import re
import shutil

import pytest

from llm_telemetry.runs.find import newest_run
from llm_telemetry.runs.findings import Severity, format_findings
from tests.support.children import lines_of, python


@pytest.fixture
def nobodys_machine(monkeypatch, tmp_path):
    """A folder of its own, no variable of ours or W&B's, nobody's login."""
    for name in [name for name in os.environ if name.startswith(("LLM_TELEM", "WANDB_", "NETRC"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def train(folder, *arguments, **environ):
    """Run the training program in a folder, with W&B offline there; return how it ended."""
    place = {"WANDB_MODE": "offline", "WANDB_DIR": str(folder)}
    command = ("-m", "tests.processes.programs.train", *arguments)
    return python(*command, cwd=folder, check=False, **{**place, **environ})


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    folder = tmp_path_factory.mktemp("finished")
    train(folder, "r1", 1, 8, "finish")
    return folder


@pytest.fixture
def killed(nobodys_machine, tmp_path):
    train(tmp_path, "r2", 1, 3, "kill")
    return tmp_path


@pytest.fixture
def edited(nobodys_machine, finished, tmp_path):
    """Give a copy of the finished run whose payloads were changed."""

    def edit(change=lambda payload: None, state=None):
        shutil.copytree(finished / "wandb", tmp_path / "wandb", symlinks=True)
        (file,) = (tmp_path / "wandb").glob("*run-*/*.jsonl")
        lines = lines_of(file)
        for line in lines:
            change(line["payload"])
            line["state"] |= state or {}
        file.write_text("".join(json.dumps(line) + "\n" for line in lines))
        return newest_run([file])

    return edit


def said(findings):
    """Everything in one text, as it is printed with every detail; the columns are drawn together."""
    return re.sub(r" +", " ", format_findings(findings, verbose=True))


def bad(findings):
    """What asks for something to be done."""
    return [finding.sentence for finding in findings if finding.severity >= Severity.WARNING]
