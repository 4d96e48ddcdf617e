"""The view for `wandb leet`: the keys that answer the first questions, and shown so by the real program."""

import json
import os
import pty
import re
import select
import signal
import sys
import time

import pytest

from llm_telemetry.cli import main
from llm_telemetry.report.leet import choose
from llm_telemetry.runs.find import read_run
from tests.support.left_runs import train
from tests.support.made_runs import fallen_run, payload, write_run

pytestmark = pytest.mark.usefixtures("nobodys_machine")


def test_accuracies_the_judge_and_the_cost_are_shown_and_of_datasets_to_come_too(tmp_path):
    path = fallen_run(tmp_path / "a.jsonl")
    write_run(path, [payload(60, {"math": 50}, split="val")], first=61, split="val")
    run = read_run(path)
    shown = {key for table in run.tables.values() for key in table.columns if re.search(choose(run), key)}
    assert shown == {
        *(f"dataset/{name}accuracy" for name in ("", "gsm8k/", "math/", "mmlu/")),
        *("val/accuracy", "val/math/accuracy", "cost/total_cost", "cost/step_cost", "val/cost/step_cost"),
        *(f"judge/{rate}_rate" for rate in ("success", "parse_failure", "api_failure")),
    }
    assert re.search(choose(run), "dataset/humaneval/accuracy")
    assert not re.search(choose(run), "judge/gsm8k/success_rate")


def test_a_run_outside_of_wandb_s_folders_has_no_such_view(tmp_path, capsys):
    path = fallen_run(tmp_path / "a.jsonl")
    assert main(["dashboard", str(path), "--leet"]) == 2
    assert capsys.readouterr().err == (
        "llm-telemetry dashboard: a.jsonl is in no folder of W&B's, where `wandb leet` would look\n"
    )


@pytest.mark.long
def test_leet_shows_that_view_and_keeps_what_it_had_written(tmp_path, capsys):
    pytest.importorskip("wandb.cli.leet", reason="this W&B has no leet")
    train(tmp_path, "r6", 1, 3, "finish")
    view = tmp_path / "wandb" / ".wandb-leet.json"
    view.write_text('{"latest_run": "another", "metrics_filter": {"query": "loss"}}')
    assert main(["dashboard", "--leet"]) == 0
    *command, folder = capsys.readouterr().out.split()
    assert command == ["wandb", "leet"]
    assert json.loads(view.read_text())["latest_run"] == "another"
    assert b"of 7 filtered from" in screen_of(tmp_path / folder, until=b"of 7 filtered from")


def screen_of(folder, *, until):
    """Run leet in a terminal of its own until it has drawn something, and return what it has drawn."""
    command = [sys.executable, "-m", "wandb", "leet", str(folder)]
    quiet = {"WANDB_ERROR_REPORTING": "false", "WANDB_CONFIG_DIR": str(folder), "TERM": "xterm-256color"}
    process, terminal = pty.fork()
    if not process:
        os.execve(sys.executable, command, {**os.environ, **quiet, "COLUMNS": "160", "LINES": "50"})
    drawn, deadline = b"", time.monotonic() + 60
    while until not in drawn and time.monotonic() < deadline:
        if select.select([terminal], [], [], 1)[0]:
            drawn += os.read(terminal, 65536)
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    os.close(terminal)
    return drawn
