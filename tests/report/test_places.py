"""The same run has the same report, from its JSONL, from W&B's own file, and from a server."""

import dataclasses
import shutil

import pytest

from llm_telemetry.cli import main
from llm_telemetry.report.report import make_report
from llm_telemetry.runs.find import find_run
from tests.support.left_runs import train
from tests.support.wandb_offline import tear_down
from tests.support.wandb_server import Server

wandb = pytest.importorskip("wandb")
needs_history = pytest.mark.skipif(
    tuple(map(int, wandb.__version__.split(".")[:2])) < (0, 31), reason="the server speaks to W&B 0.31's public API"
)
pytestmark = [pytest.mark.usefixtures("nobodys_machine"), pytest.mark.filterwarnings("ignore")]


@pytest.fixture
def server(monkeypatch):
    server = Server()
    for name, value in server.environment.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("WANDB_SILENT", "true")
    yield server
    tear_down()
    server.close()


def sections_of(run, times):
    """What is said of a run; W&B's rows are a little later than the payloads, so all get the same times."""
    tables = {split: dataclasses.replace(table, times=times[split]) for split, table in run.tables.items()}
    (report,) = make_report([dataclasses.replace(run, tables=tables)]).runs
    return report.sections


@needs_history
def test_jsonl_offline_file_and_server_give_one_report(server, tmp_path):
    train(tmp_path, "r5", 1, 6, "finish", **server.environment)
    (folder,) = tmp_path.glob("wandb/run-*")
    from_jsonl = find_run(folder)
    copy = shutil.copytree(folder, tmp_path / "copy" / folder.name)
    (copy / "llm_telemetry.jsonl").unlink()
    from_file, from_server = find_run(copy), find_run("me/p/r5")
    assert (len(from_jsonl.files), from_file.files, from_server.files) == (1, (), ())
    times = {split: table.times for split, table in from_jsonl.tables.items()}
    expected = sections_of(from_jsonl, times)
    assert len(from_jsonl.train) == 6
    assert sections_of(from_file, times) == expected
    assert sections_of(from_server, times) == expected


@needs_history
def test_a_run_that_the_server_does_not_have_is_said_plainly(server, capsys):
    assert main(["report", "me/p/none"]) == 2
    assert capsys.readouterr().err.startswith("llm-telemetry report: there is no run me/p/none that W&B would give: ")
