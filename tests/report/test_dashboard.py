"""The workspace in W&B: of the keys that a run has, and of no other."""

import json

import pytest

from llm_telemetry.cli import main
from llm_telemetry.report.dashboard import build, plan
from llm_telemetry.runs.find import read_run
from tests.support.made_runs import fallen_run, payload, write_run
from tests.support.wandb_offline import tear_down
from tests.support.wandb_server import Server

pytestmark = pytest.mark.usefixtures("nobodys_machine")


@pytest.fixture
def run(tmp_path):
    path = fallen_run(tmp_path / "a.jsonl")
    write_run(path, [payload(60, {"math": 50}, split="val", judge=(1, 0, 0))], first=61, split="val")
    return read_run(path)


def metrics(panels):
    return {panel.title: panel.metrics for panel in panels}


def test_each_section_has_the_keys_that_the_run_has(run):
    sections = plan(run)
    assert list(sections) == ["Training", "Datasets", "Judge", "Validation", "Cost"]
    assert metrics(sections["Datasets"])["Accuracy, %"] == [f"dataset/{s}/accuracy" for s in ("gsm8k", "math", "mmlu")]
    assert metrics(sections["Validation"])["Accuracy, %"] == ["val/accuracy", "val/math/accuracy"]
    assert metrics(sections["Judge"])["Outcomes"] == [
        "judge/api_failure_rate", "judge/parse_failure_rate", "judge/success_rate",
    ]  # fmt: skip
    there = {key for table in run.tables.values() for key in table.columns}
    assert {key for panels in sections.values() for panel in panels for key in panel.metrics} <= there


def test_what_a_run_has_no_key_of_is_left_out(tmp_path):
    assert list(plan(read_run(write_run(tmp_path / "b.jsonl", [payload(1, {})])))) == ["Cost"]


def test_a_dry_run_prints_it_and_needs_nothing(run, capsys):
    assert main(["dashboard", *map(str, run.files), "--dry-run"]) == 0
    printed = capsys.readouterr().out
    assert "Datasets\n  Accuracy, %: dataset/gsm8k/accuracy, dataset/math/accuracy, dataset/mmlu/accuracy\n" in printed


def test_without_a_place_it_says_what_to_give(run, capsys):
    assert main(["dashboard", *map(str, run.files)]) == 2
    assert "--entity E --project P; or --leet, or --dry-run" in capsys.readouterr().err


@pytest.mark.filterwarnings("ignore")  # wandb-workspaces' own
def test_the_workspace_holds_every_panel_over_our_own_step(run):
    pytest.importorskip("wandb_workspaces")
    told = json.loads(build(run, "e", "p")._to_model().model_dump_json(by_alias=True, exclude_none=True))
    sections = told["spec"]["section"]["panelBankConfig"]["sections"]
    by_name = {section["name"]: section for section in sections}
    for name, panels in plan(run).items():
        configs = [panel["config"] for panel in by_name[name]["panels"]]
        assert [(config["chartTitle"], config["metrics"]) for config in configs] == [
            (p.title, p.metrics) for p in panels
        ]
        assert {config["xAxis"] for config in configs} == {"llm_telemetry/step"}


@pytest.mark.filterwarnings("ignore")
def test_it_is_saved_on_a_server(run, monkeypatch, capsys):
    pytest.importorskip("wandb_workspaces")
    server = Server()
    try:
        for name, value in server.environment.items():
            monkeypatch.setenv(name, value)
        assert main(["dashboard", *map(str, run.files), "--entity", "me", "--project", "p"]) == 0
    finally:
        tear_down()  # it would go on with this server
        server.close()
    (view,) = server.views
    assert (view["entityName"], view["projectName"]) == ("me", "p")
    assert "dataset/math/accuracy" in view["spec"]
    assert "/me/p" in capsys.readouterr().out
