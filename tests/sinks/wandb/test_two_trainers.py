"""Two trainers of one process in one W&B run: each has its own file, its own totals and its own keys."""

import json

import pytest

from llm_telemetry import instrument
from tests.support.loops import Grader, Loop, SyncExecutor
from tests.support.wandb_offline import Written, tear_down

pytest.importorskip("wandb")


class First(Loop):
    pass


class Second(Loop):
    pass


def trainer(kind, reward):
    def body(self):
        return self.reward.compute_reward("2 + 2?", self.executor.execute("2 + 2?"))

    return kind(body, executor=SyncExecutor(), reward=Grader(lambda _: reward))


def lines_of(path):
    return path.read_text(encoding="utf-8").splitlines()


def test_each_has_its_own_file_totals_and_keys(begin, tmp_path):
    run = begin()
    first, second = trainer(First, 1.0), trainer(Second, 0.0)
    handles = [instrument(one, console=0) for one in (first, second)]
    for step in (1, 2, 3):
        first.train_step(step)
        second.train_step(10 * step)
        second.train_step(10 * step + 1)
        run.log({"loss": 1 / step})
    paths = [handle.path for handle in handles]
    for handle in handles:
        handle.uninstrument()
    run.finish()
    tear_down()
    lines = [[json.loads(line) for line in path.read_text().splitlines()] for path in paths]
    assert [path.name for path in paths] == ["llm_telemetry.jsonl", "llm_telemetry-second.jsonl"]
    assert [[line["step"] for line in file] for file in lines] == [[1, 2, 3], [10, 11, 20, 21, 30, 31]]
    assert [file[-1]["payload"]["cost/total_samples"] for file in lines] == [3, 6]
    written = Written(paths[0].parent.parent if paths[0].parent.name == "files" else paths[0].parent)
    assert [row["loss"] for row in written.rows if "loss" in row] == [1.0, 0.5, 1 / 3]
    ours = [(row["llm_telemetry/step"], row["dataset/accuracy"]) for row in written.rows if "dataset/accuracy" in row]
    theirs = [
        (row["second/llm_telemetry/step"], row["second/dataset/accuracy"])
        for row in written.rows
        if "second/dataset/accuracy" in row
    ]
    assert ours == [(1, 100), (2, 100), (3, 100)]
    assert theirs == [(step, 0) for step in (10, 11, 20, 21, 30, 31)]
    assert [written.summary[f"{prefix}cost/total_samples"] for prefix in ("", "second/")] == [3, 6]
    assert written.metrics["second/dataset/accuracy"].step_metric == "second/llm_telemetry/step"


def test_one_after_the_other_both_have_the_plain_keys(begin):
    run = begin()
    for kind in (First, Second):
        one = trainer(kind, 1.0)
        with instrument(one, console=0) as handle:
            one.train_step(1)
            assert handle.path.name == "llm_telemetry.jsonl"
    run.finish()


def test_what_comes_after_the_run_s_end_is_in_the_file_and_told_once(begin, caplog):
    run = begin()
    one = trainer(First, 1.0)
    handle = instrument(one, console=0)
    one.train_step(1)
    run.finish()
    for step in (2, 3):
        one.train_step(step)
    handle.uninstrument()
    assert [json.loads(line)["step"] for line in handle.path.read_text().splitlines()] == [1, 2, 3]
    assert caplog.text.count("the W&B run has ended, and step 2 has come after it") == 1
    assert caplog.text.count("has ended") == 1


@pytest.mark.parametrize("named", [True, False])
def test_no_row_of_the_one_is_taken_for_the_trainer_s_by_the_other(begin, named):
    run = begin()
    first, second = trainer(First, 1.0), trainer(Second, 0.0)
    handles = [instrument(one, console=0) for one in (first, second)]
    for row in range(1, 5):
        for step in range(3 * row - 2, 3 * row + 1):
            first.train_step(step)
            second.train_step(step)
        run.log({"loss": 1 / row}, **({"step": 5 * row} if named else {}))
    paths = [handle.path for handle in handles]
    for handle in handles:
        handle.uninstrument()
    run.finish()
    tear_down()
    payloads = [json.loads(line)["payload"] for path in paths for line in lines_of(path)]
    assert {payload["telemetry/trainer_rows_dropped"] for payload in payloads} == {0}
    written = Written(paths[0].parent.parent if paths[0].parent.name == "files" else paths[0].parent)
    assert [row["loss"] for row in written.rows if "loss" in row] == [1, 1 / 2, 1 / 3, 1 / 4]
    for prefix in ("", "second/"):
        steps = [row[f"{prefix}llm_telemetry/step"] for row in written.rows if f"{prefix}dataset/accuracy" in row]
        assert steps == list(range(1, 13))


def test_a_script_s_window_is_not_ended_by_a_row_of_another_trainer_s(begin, tmp_path, monkeypatch):
    (tmp_path / "functions_of_mine.py").write_text(
        "def compute_reward(problem, prediction, source):\n    return 1.0\n\ndef train_on(step):\n    pass\n"
    )
    monkeypatch.syspath_prepend(tmp_path)
    module = __import__("functions_of_mine")
    run = begin()
    other = trainer(Second, 0.0)
    handles = [instrument(one, console=0) for one in (module, other)]
    for row in range(3):
        for step in range(2):
            module.compute_reward("2 + 2?", "4", "sums")
            other.train_step(2 * row + step)
        run.log({"loss": 1.0}, step=5 * row + 5)
    lines = [json.loads(line) for line in lines_of(handles[0].path)]
    for handle in handles:
        handle.uninstrument()
    run.finish()
    counts = [(line["step"], line["payload"]["dataset/count"]) for line in lines if "dataset/count" in line["payload"]]
    assert counts == [(5, 2), (10, 2), (15, 2)]
