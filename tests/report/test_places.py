"""The same run has the same report, from its JSONL, from W&B's own file, and from a server."""

import dataclasses
import shutil

import pytest

from llm_telemetry.cli import main
from llm_telemetry.report.audit import audit
from llm_telemetry.report.page import make_page
from llm_telemetry.report.report import Report, make_report
from llm_telemetry.runs import wandb_rows
from llm_telemetry.runs.find import find_run
from tests.support.left_runs import train
from tests.support.wandb_offline import tear_down
from tests.support.wandb_server import Server

wandb = pytest.importorskip("wandb")
needs_history = pytest.mark.skipif(
    tuple(map(int, wandb.__version__.split(".")[:2])) < (0, 31), reason="the server speaks to W&B 0.31's public API"
)
pytestmark = [pytest.mark.usefixtures("nobodys_machine"), pytest.mark.filterwarnings("ignore"), pytest.mark.long]


@pytest.fixture
def server(monkeypatch):
    server = Server()
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("WANDB_SILENT", "true")
    yield server
    tear_down()
    server.close()


def page_of(run, times):
    """The page of a run; W&B's rows are a little later than the payloads, so all get the same times."""
    tables = {split: dataclasses.replace(table, times=times[split]) for split, table in run.tables.items()}
    (report,) = make_report([dataclasses.replace(run, tables=tables)]).runs
    return make_page(Report([], [report._replace(title="the run", findings=[])]))


@pytest.fixture
def trained(server, tmp_path):
    """The folder of a run on the server, whose judge could not decide."""
    said = {"JUDGE_SAYS": "I cannot tell.", "LLM_TELEMETRY_CAPTURE_FAILURES": "2"}
    train(tmp_path, "r5", 1, 6, "finish", **server.environment, **said)
    (folder,) = tmp_path.glob("wandb/run-*")
    return folder


@needs_history
def test_jsonl_offline_file_and_server_give_one_report_with_the_evidence(trained, tmp_path):
    from_jsonl = find_run(trained)
    copy = shutil.copytree(trained, tmp_path / "copy" / trained.name)
    (copy / "llm_telemetry.jsonl").unlink()
    from_file, from_server = find_run(copy), find_run("me/p/r5")
    assert (len(from_jsonl.files), from_file.files, from_server.files) == (1, (), ())
    times = {split: table.times for split, table in from_jsonl.tables.items()}
    expected = page_of(from_jsonl, times)
    assert len(from_jsonl.train) == 6
    assert [one["step"] for one in from_jsonl.evidence] == [1, 2, 3, 4, 5, 6]
    assert expected.count("<pre>I cannot tell.</pre>") == 6
    assert page_of(from_file, times) == expected
    assert page_of(from_server, times) == expected


@needs_history
def test_evidence_that_the_server_does_not_give_is_told(trained, server, monkeypatch):
    monkeypatch.setattr(wandb_rows, "FETCHED", 4)
    tables = sorted(path for path in server.uploads if "captured_failures" in path)
    del server.uploads[tables[-1]]
    run = find_run("me/p/r5")
    assert (len(run.evidence), run.unfetched) == (3, 2 + 1)
    said = [finding.sentence for finding in audit(run)]
    assert "the captured failures of 3 payloads were left on the server; the run's JSONL has all" in said


@needs_history
def test_a_run_that_the_server_does_not_have_is_said_plainly(server, capsys):
    assert main(["report", "me/p/none"]) == 2
    assert capsys.readouterr().err.startswith("llm-telemetry report: there is no run me/p/none that W&B would give: ")
