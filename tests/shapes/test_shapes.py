"""Each shape of the table is watched, in this process and in one of its own, and held against the server's books."""

import json
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from llm_telemetry import instrument
from tests.shapes import page
from tests.shapes.scripted import PRICES, server
from tests.shapes.table import PROGRAMS, SHAPES
from tests.support.children import PATIENCE
from tests.support.trainers import Memory

ROOT = Path(__file__).parent.parent.parent
SPLITS = {"train": "dataset", "val": "val", "eval": "eval"}


@pytest.fixture
def books(monkeypatch, tmp_path):
    monkeypatch.setenv("WANDB_MODE", "offline")  # for those that log rows themselves
    monkeypatch.setenv("WANDB_SILENT", "true")
    monkeypatch.setenv("WANDB_DIR", str(tmp_path))
    with server() as running:
        monkeypatch.setenv("SHAPES_URL", running.base_url)
        yield running.books


def watched_here(shape, tmp_path, capsys, caplog):
    """Run it in this process; return its payloads and what was told."""
    train, trainer, watched = shape.made()
    memory = Memory()
    settings = {"folder": tmp_path, "run": False, "console": 0, "prices": PRICES, "sinks": [memory]}
    handles = [instrument(one, **settings, **shape.settings) for one in watched]
    train(trainer)
    for handle in handles:
        handle.uninstrument()
    return [dict(payload.values) for payload in memory.payloads], caplog.text


def watched_alone(shape, tmp_path):
    """Run it as a program, unedited, with `LLM_TELEMETRY=1`; return its payloads and what was told."""
    (tmp_path / "prices.json").write_text(json.dumps(PRICES))
    given = {
        "PRICES": str(tmp_path / "prices.json"),
        "FOLDER": str(tmp_path),
        "CONSOLE": "0",
        **(shape.variables or shape.settings),
    }
    environ = {key: value for key, value in os.environ.items() if not key.startswith("LLM_TELEMETRY")}
    environ |= {f"LLM_TELEMETRY_{name.upper()}": str(value) for name, value in given.items() if value is not None}
    done = subprocess.run(
        [sys.executable, "-m", f"tests.shapes.programs.{shape.program}"],
        cwd=ROOT,
        env={**environ, "LLM_TELEMETRY": "1"},
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for path in sorted(tmp_path.glob("*.jsonl")) for line in path.read_text().splitlines()]
    return [line["payload"] for line in lines if "payload" in line], done.stderr


def totals(payloads, suffix):
    """Add up a key over all payloads."""
    return sum(payload.get(suffix, 0) for payload in payloads)


def over_splits(payloads, key):
    """Add it up over training, validation and evaluation."""
    return sum(totals(payloads, before + key) for before in ("", "val/", "eval/"))


def by_source(payloads, split):
    """Return, by source, the rollouts, and those that are right (`None` where no accuracy is told)."""
    rollouts, right = Counter(), {}
    for payload in payloads:
        for key in payload:
            prefix, _, name = key.removesuffix("/count").partition("/")
            if key.endswith("/count") and prefix == SPLITS[split] and name not in ("", "group") and "/" not in name:
                count, unscored = payload[key], payload[f"{prefix}/{name}/unscored"]
                accuracy = payload.get(f"{prefix}/{name}/accuracy")
                rollouts[name] += count
                right.setdefault(name, None)
                if accuracy is not None:
                    right[name] = (right[name] or 0) + round(accuracy * (count - unscored) / 100)
    return dict(rollouts), right


def hold(shape, payloads, told, books):
    """Hold what was counted against the table, and against the books."""
    assert by_source(payloads, "train") == (shape.rollouts, shape.right)
    assert by_source(payloads, "val") == (shape.val, shape.val_right)
    assert by_source(payloads, "eval") == (shape.eval, shape.eval_right)
    passed = {int(key.rpartition("@")[2]): payload[key] for payload in payloads for key in payload if key in PASSED}
    assert passed == shape.passed
    for key in ("failed", "unscored", "unmatched"):
        name = "unmatched_rewards" if key == "unmatched" else key
        assert (key, totals(payloads, f"dataset/{name}")) == (key, getattr(shape, key))
    seen = {role: over_splits(payloads, f"llm/{role}/calls") for role in ROLES}
    asked = {shape.role: books.calls(role="executor"), "judge": books.calls(role="judge")}
    assert {role: calls for role, calls in seen.items() if calls} == {role: n for role, n in asked.items() if n}
    spent = over_splits(payloads, "cost/step_cost")
    assert spent == pytest.approx(float(books.usd()), rel=1e-9)
    for kind in ("prompt", "completion"):
        tokens = sum(over_splits(payloads, f"tokens/{role}/{kind}") for role in ROLES)
        assert (kind, tokens) == (kind, getattr(books.tokens(), kind))
    outcomes = books.outcomes(role="judge")
    assert over_splits(payloads, "judge/calls") == outcomes.total()
    assert over_splits(payloads, "judge/correct_count") == outcomes["correct"]
    assert over_splits(payloads, "judge/incorrect_count") == outcomes["incorrect"]
    assert "was removed by somebody else" not in told
    assert told.count(shape.says) == 1 if shape.says else "unscored" not in told


ROLES = ("executor", "judge", "policy", "other")
PASSED = {f"eval/pass@{k}" for k in range(1, 9)}


def named(shape):
    return f"{shape.program}-{len(shape.settings)}"


@pytest.mark.parametrize("shape", SHAPES, ids=named)
def test_a_trainer_of_this_shape_is_counted_exactly(books, shape, tmp_path, capsys, caplog):
    hold(shape, *watched_here(shape, tmp_path, capsys, caplog), books)


@pytest.mark.long
@pytest.mark.parametrize("shape", [shape for shape in SHAPES if shape.alone], ids=named)
def test_a_program_of_this_shape_is_counted_exactly_without_an_edit(books, shape, tmp_path):
    payloads, told = watched_alone(shape, tmp_path)
    hold(shape, payloads, told, books)
    assert shape.payloads in (None, len(payloads))


def test_the_page_of_shapes_is_that_of_the_table():
    text = page.PAGE.read_text(encoding="utf-8")
    assert page.with_table(text) == text, "run: python -m tests.shapes.page"


def test_every_program_is_in_the_table():
    programs = {path.stem for path in PROGRAMS.glob("*.py")} - {"__init__", "world"}
    assert programs == {shape.program for shape in SHAPES}
    assert len(programs) >= 20


def test_the_readme_gives_their_number():
    told = re.findall(r"(\d+) small trainers", (ROOT / "README.md").read_text(encoding="utf-8"))
    assert told
    assert {int(number) for number in told} == {len({shape.program for shape in SHAPES})}
