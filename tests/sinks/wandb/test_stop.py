"""Where rows of W&B are the steps of a script, a stop comes out of the row that ends one, and the row is written."""

import sys
from pathlib import Path

import pytest

from llm_telemetry import instrument
from llm_telemetry.stopping import StopTraining
from tests.support.wandb_offline import Written, tear_down

SCRIPT = """
def accuracy_reward(problem, prediction):
    return float(prediction == "4")

def train_epoch(run):
    for step in range(5):
        accuracy_reward("2 + 2?", "4")
        run.log({"loss": 1.0})
"""


def test_the_row_that_ends_the_step_is_written_before_the_script_is_stopped(begin, tmp_path, monkeypatch):
    (tmp_path / "script_with_rows.py").write_text(SCRIPT)
    monkeypatch.syspath_prepend(tmp_path)
    script = __import__("script_with_rows")
    run = begin()
    folder = Path(run.dir).parent
    telemetry = instrument(script, run=run, console=0, folder=tmp_path, stop_when="cost/total_samples > 2")
    with pytest.raises(StopTraining, match="cost/total_samples is 3, above 2"):
        script.train_epoch(run)
    telemetry.uninstrument()
    run.finish()
    tear_down()
    del sys.modules["script_with_rows"]
    rows = Written(folder).rows
    assert [row["loss"] for row in rows if "loss" in row] == [1.0] * 3
    assert [row["cost/total_samples"] for row in rows if "cost/total_samples" in row] == [1, 2, 3]
