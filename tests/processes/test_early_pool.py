"""Workers that were started before their trainer was watched are heard; of those that cannot be heard it is said."""

import itertools
import json
import tempfile
from pathlib import Path
from types import SimpleNamespace

import pytest

from llm_telemetry.demo.models import CALM, demo_server
from llm_telemetry.processes import owner
from llm_telemetry.words import machine
from tests.support.children import payloads_in, python
from tests.support.trainers import Trainer, watch


def run(folder, program, *arguments, **environ):
    return python(*program, *arguments, cwd=folder, TMPDIR=str(folder), **environ)


@pytest.mark.long
@pytest.mark.parametrize("way", ["instrument", "env"])
@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_the_calls_rollouts_and_evaluations_of_a_pool_made_before_are_counted(tmp_path, method, way):
    switch = {"LLM_TELEMETRY": "1"} if way == "env" else {}
    with demo_server(day=CALM) as server:
        program = ("-m", "tests.processes.programs.early_pool")
        run(tmp_path, program, method, way, BASE_URL=server.base_url, **switch)
    (payload,) = payloads_in(tmp_path)
    assert payload["llm/executor/calls"] == 6
    assert "llm/other/calls" not in payload
    assert [payload[f"dataset/{key}"] for key in ("count", "accuracy")] == [6, 100]
    assert payload["judge/calls"] == 12
    told = server.books.tokens()
    assert payload["tokens/total"] == told.prompt + told.completion
    assert list(tmp_path.glob("llm_telemetry-*")) == []


@pytest.mark.long
def test_a_program_that_is_started_by_an_unwatched_one_is_watched_for_itself(tmp_path):
    (tmp_path / "inner.py").write_text(
        "import openai\n"
        "class Trainer:\n"
        "    def train_step(self, step): self.compute_reward()\n"
        "    def compute_reward(self): return 1.0\n"
        "openai.OpenAI(api_key='k')\n"
        "Trainer().train_step(1)\n"
    )
    (tmp_path / "outer.py").write_text(
        "import subprocess, sys\nsubprocess.run([sys.executable, 'inner.py'], check=True)\n"
    )
    done = run(tmp_path, ["outer.py"], LLM_TELEMETRY="1")
    assert done.returncode == 0, done.stderr
    (file,) = (tmp_path / "llm_telemetry").glob("*.jsonl")
    assert json.loads(file.read_text().splitlines()[0])["payload"]["dataset/count"] == 1
    assert list(tmp_path.glob("llm_telemetry-*")) == []


@pytest.mark.long
def test_no_folder_is_left_by_a_program_whose_children_were_seen_by_nobody(tmp_path):
    (tmp_path / "inner.py").write_text("import openai\n")
    (tmp_path / "outer.py").write_text(
        "import subprocess, sys\nsubprocess.run([sys.executable, 'inner.py'], check=True)\n"
    )
    assert run(tmp_path, ["outer.py"], LLM_TELEMETRY="1").returncode == 0
    assert list(tmp_path.glob("llm_telemetry-*")) == []


def test_children_that_cannot_be_heard_are_told_once(tmp_path, caplog, monkeypatch):
    trainer = Trainer()
    telemetry, _ = watch(trainer, tmp_path)
    session = telemetry._session
    roll = owner._Roll(session)
    clock = itertools.chain([0.0, 59.0, 61.0], itertools.repeat(200.0))
    monkeypatch.setattr(owner, "time", SimpleNamespace(monotonic=lambda: next(clock)))
    monkeypatch.setattr(owner, "_started", lambda: {11, 12, 13})
    session.children.heard = {(machine(), 12), ("elsewhere", 13)}
    roll.call()
    roll.call()
    assert caplog.messages == []
    roll.call()
    roll.call()
    (message,) = caplog.messages
    assert "2 child processes cannot be heard" in message
    assert "LLM_TELEMETRY=1" in message


def test_the_folder_of_a_process_has_a_name_that_cannot_be_guessed_and_is_closed_to_others(tmp_path):
    trainer = Trainer()
    telemetry, _ = watch(trainer, tmp_path)
    folder = telemetry._session.children.folder
    assert folder.parent == Path(tempfile.gettempdir())
    assert len(folder.name.rpartition("-")[2]) == 16
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in folder.iterdir()} == {0o600}
