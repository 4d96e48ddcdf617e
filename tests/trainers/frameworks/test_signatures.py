"""What we know of frameworks' functions: what was read, what stands in for them, and what is said when they change."""

import importlib
import inspect

import pytest

from llm_telemetry import instrument
from llm_telemetry.trainers.frameworks import table
from llm_telemetry.trainers.frameworks.table import FRAMEWORKS
from tests.support.frameworks import framework  # noqa: F401 - a fixture
from tests.support.signatures import READ, read_in, signature_now
from tests.support.trainers import Memory
from tests.trainers.frameworks import standin_roll, standin_verl, test_kinds

STAND_INS = {"verl": standin_verl.MODULES, "roll": standin_roll.MODULES, "tinker-cookbook": test_kinds.MODULES}
SEAMS = {(one.name, seam.module, seam.path): seam for one in FRAMEWORKS for seam in (one.log, *one.seams) if seam}


@pytest.fixture(autouse=True)
def _nothing_said(monkeypatch):
    monkeypatch.setattr(table, "_tell", type(table._tell)())


def test_each_function_was_read_in_a_source_that_is_named():
    assert {(one["framework"], one["module"], one["path"]) for one in READ} == SEAMS.keys()
    assert all(one["source"] and one["version"] and one["file"].endswith(".py") for one in READ)


@pytest.mark.parametrize("row", READ, ids=lambda row: row["path"])
def test_what_is_read_of_a_call_is_a_parameter_of_the_function(row):
    seam = SEAMS[row["framework"], row["module"], row["path"]]
    names = {}
    exec(f"def function{row['signature']}: ...", names)
    assert set(seam.kind.reads + seam.reads) <= inspect.signature(names["function"]).parameters.keys()


@pytest.mark.parametrize("name", STAND_INS)
def test_a_stand_in_has_all_functions_with_the_signatures_of_the_real_ones(framework, name):  # noqa: F811
    framework(STAND_INS[name])
    rows = read_in(name, *STAND_INS[name])
    assert rows
    assert [signature_now(row) for row in rows] == [row["signature"] for row in rows]


def test_a_stand_in_is_not_said_to_have_changed(framework, caplog):  # noqa: F811
    framework(standin_verl.MODULES)
    trainer = importlib.import_module("verl.trainer.ppo.v1.trainer_base").PPOTrainer(float)
    with instrument(trainer.logger, sinks=[Memory()], jsonl=False, run=False):
        pass
    assert "is not the function that was read" not in caplog.text


LOG, WORKER = "verl.utils.tracking", "verl.experimental.reward_loop.reward_loop"
CHANGES = [
    (LOG, "data", "values", "verl.utils.tracking.Tracking.log has no parameter data"),
    (LOG, "def log(", "def write(", "verl.utils.tracking.Tracking.log is not there"),
    (WORKER, "compute_score(self, data)", "compute_score(self, rows)", "compute_score has no parameter data"),
    (WORKER, "class RewardLoopWorker", "class Worker", "RewardLoopWorker.compute_score is not there"),
]


@pytest.mark.parametrize(("module", "was", "now", "said"), CHANGES)
def test_a_function_that_has_changed_is_told_in_a_line_and_its_numbers_are_absent(
    framework,  # noqa: F811
    caplog,
    module,
    was,
    now,
    said,
):
    framework({name: code.replace(was, now) if name == module else code for name, code in standin_verl.MODULES.items()})
    memory = Memory()
    tracking = importlib.import_module(LOG).Tracking("project", "run")
    importlib.import_module(WORKER)
    with instrument(tracking, sinks=[memory], jsonl=False, run=False) as telemetry:
        getattr(tracking, "write" if now == "def write(" else "log")({"loss": 0.5}, 1)
    assert telemetry._session.failures.total() == 0
    assert caplog.text.count(said) == 1
    assert tracking.rows == [(1, {"loss": 0.5})]
    assert [key for payload in memory.payloads for key in payload.values if key.startswith("dataset/")] == []
