"""A run read back: from each kind of place, whole, and nothing of it twice."""

import json
import math
import os
import shutil
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import llm_telemetry
from llm_telemetry.collectors import keys
from llm_telemetry.events import ALL_SPLITS
from llm_telemetry.runs.find import add_file, find_run
from llm_telemetry.runs.history import NoRunError
from llm_telemetry.runs.reading import Reading
from llm_telemetry.sources import TAKEN, SourceNames
from tests.support.children import lines_of, payloads_in
from tests.support.left_runs import train
from tests.support.made_runs import VERSION, payload, proof, write_run

pytestmark = pytest.mark.usefixtures("nobodys_machine")


def accuracies(run, source="math"):
    return [(point.step, point.value) for point in run.train.points(keys.ACCURACY, source)]


def numbers(run):
    """Every number of a run that is one of ours, but for the time."""
    return {
        (split, step, key): column[row]
        for split, table in run.tables.items()
        for key, column in table.columns.items()
        for row, step in enumerate(table.steps)
        if not math.isnan(column[row])
    }


@pytest.mark.parametrize("split", ["train", "val", "eval"])
@pytest.mark.parametrize("key", keys.CATALOGUE, ids=lambda key: key.name)
def test_a_key_is_told_apart_into_what_it_was_made_of(key, split):
    holes = {"role": "judge", "kind": "timeout", "failure": "empty", "function": "length", "k": "8"}
    made = {hole: holes[hole] for hole in holes if f"{{{hole}}}" in key.name}
    for source in ("", "gsm8k") if key.by_source else ("",):
        told = keys.tell_apart(key.of(split, source, **made))
        assert (told.key, told.source, told.holes) == (key, source, made)
        assert told.split == ("train" if key.shared else split)


def test_a_count_of_groups_is_no_dataset():
    assert keys.COUNT.sources(["val/group/count", "val/math/count"], "val") == ["math"]


def test_no_key_of_a_dataset_is_another_key_but_by_the_names_that_are_taken():
    plain = [key for key in keys.CATALOGUE if "{" not in key.name]
    overall = {key.of(split): key for key in plain for split in ALL_SPLITS}
    places = {name.split("/")[-2] for name in overall if "/" in name}
    of_dataset = [(name, key, split) for name in places for key in plain if key.by_source for split in ALL_SPLITS]
    clashes = {name for name, key, split in of_dataset if overall.get(key.of(split, name), key) is not key}
    assert clashes == set(TAKEN) == {"group"}
    assert SourceNames()("Group") == "group_"
    assert keys.tell_apart("val/group_/count").source == "group_"


def test_a_key_of_somebody_elses_is_nobody_s():
    assert keys.tell_apart("train/loss") is None
    assert keys.tell_apart("llm/judge/calls/x") is None


def test_jsonl_folder_and_wandb_file_tell_the_same(finished, tmp_path):
    (folder,) = finished.glob("wandb/offline-run-*")
    from_jsonl = find_run(folder / "llm_telemetry.jsonl")
    assert from_jsonl.payloads == {"train": 8}
    assert numbers(find_run(folder)) == numbers(from_jsonl)
    copy = shutil.copytree(folder, tmp_path / folder.name)
    (copy / "llm_telemetry.jsonl").unlink()
    from_wandb = find_run(copy)
    assert numbers(from_wandb) == numbers(from_jsonl)
    assert (from_wandb.run_id, from_wandb.files) == (from_jsonl.run_id, ())
    assert numbers(find_run(next(copy.glob("*.wandb")))) == numbers(from_jsonl)


@pytest.mark.long
def test_all_processes_of_a_wandb_run_are_one_run(tmp_path):
    train(tmp_path, "r3", 1, 3, "kill")
    train(tmp_path, "r3", 3, 5, "exit")
    run = find_run()
    assert (run.processes, len(run.files), run.step) == (2, 2, 5)
    assert list(run.train.steps) == [1, 2, 3, 3, 4, 5]
    assert len(payloads_in(tmp_path)) == 6


def test_files_that_go_on_numbering_are_one_run_and_others_are_not(tmp_path):
    first = write_run(tmp_path / "a.jsonl", [payload(s, {"math": s}) for s in (1, 2, 3)])
    second = write_run(tmp_path / "b.jsonl", [payload(s, {"math": 10 * s}) for s in (2, 3)], first=4, process=2)
    write_run(tmp_path / "other.jsonl", [payload(1, {"math": 99})])
    write_run(tmp_path / "c.jsonl", [payload(4, {"math": 40})], first=6, process=3)
    for file in (first, second):
        run = find_run(file)
        assert [path.name for path in run.files] == ["a.jsonl", "b.jsonl", "c.jsonl"]
        assert accuracies(run) == [(1, 1), (2, 2), (2, 20), (3, 3), (3, 30), (4, 40)]
        assert run.latest[keys.ACCURACY.of(source="math")] == 40
        assert run.processes == 3
    assert accuracies(find_run(tmp_path / "other.jsonl")) == [(1, 99)]


def test_a_file_is_read_on_where_it_had_ended_and_never_a_line_in_halves(tmp_path):
    file = write_run(tmp_path / "a.jsonl", [payload(s, {"math": s}) for s in (1, 2, 3)])
    whole = file.read_bytes()
    cut = len(whole) - 20
    file.write_bytes(whole[:cut])
    reading = Reading("a", (file,))
    position = add_file(reading, file)
    assert (list(reading.run().train.steps), reading.unread) == ([1, 2], 0)
    file.write_bytes(whole)
    assert add_file(reading, file, position) == len(whole)
    assert list(reading.run().train.steps) == [1, 2, 3]


def test_lines_that_nobody_can_read_are_left_out_and_counted(tmp_path):
    file = write_run(tmp_path / "a.jsonl", [payload(1, {"math": 50})])
    with file.open("ab") as opened:
        opened.write(b'{"sequence": 2, "payl\n\xff\xfe\n[1]\n\n{"payload": {}}\n')
    write_run(file, [payload(2, {"math": 60}) | {"odd": "text", "worse": None, "worst": math.nan}], first=2)
    write_run(file, [payload(3, {"math": 70})], first=3, split="test")
    run = find_run(file)
    assert accuracies(run) == [(1, 50), (2, 60)]
    assert run.unread == 3 + 1 + 3 + 1


def test_a_newer_version_is_noticed(tmp_path):
    for version, is_newer in (("0.1.0", False), ("0.0.9", False), ("0.10.0", True), ("1.0.0.dev3", True)):
        path = write_run(tmp_path / f"{version}.jsonl", [payload(1, {})], watched=VERSION | {"version": version})
        assert find_run(path).is_newer == is_newer


def test_the_newest_run_below_the_working_directory_is_meant_where_none_is_named(tmp_path):
    old = write_run(tmp_path / "llm_telemetry" / "old.jsonl", [payload(1, {"math": 1})])
    new = write_run(tmp_path / "deep" / "er" / "wandb" / "new.jsonl", [payload(1, {"math": 2})])
    hidden = write_run(tmp_path / ".venv" / "hidden.jsonl", [payload(1, {"math": 3})])
    (tmp_path / "items.jsonl").write_text('{"problem": 1}\n')
    for age, path in enumerate((tmp_path / "items.jsonl", hidden, new, old)):
        os.utime(path, (1.8e9 - age, 1.8e9 - age))
    assert find_run().name == "deep/er/wandb/new.jsonl"
    assert find_run(Path("llm_telemetry")).name == "llm_telemetry/old.jsonl"


def test_files_that_nobody_can_read_are_no_runs(tmp_path):
    write_run(tmp_path / "a.jsonl", [payload(1, {})])
    (tmp_path / "gone.jsonl").symlink_to("nowhere")
    (tmp_path / "folder.jsonl").mkdir()
    os.mkfifo(tmp_path / "pipe.jsonl")
    assert [file.name for file in find_run().files] == ["a.jsonl"]


@pytest.mark.parametrize("named", [None, ".", "items.jsonl", "empty.jsonl", "cut.jsonl", "nowhere", "nowhere.jsonl"])
def test_where_there_is_no_run_that_is_said_with_what_to_give(tmp_path, named):
    (tmp_path / "items.jsonl").write_text('{"problem": 1}\n')
    (tmp_path / "empty.jsonl").touch()
    (tmp_path / "cut.jsonl").write_bytes(write_run(tmp_path / "whole.tmp", [payload(1, {})]).read_bytes()[:-20])
    with pytest.raises(
        NoRunError, match=r"there is no run .*: give a JSONL, a W&B run's folder, or entity/project/run"
    ):
        find_run(named)


def test_the_evidence_of_all_steps_is_there(tmp_path):
    file = write_run(
        tmp_path / "a.jsonl", [payload(s, {}) for s in (1, 2)], evidence={1: [proof(1)], 2: [proof(2)] * 2}
    )
    assert [captured["step"] for captured in find_run(file).evidence] == [1, 2, 2]


# --- as a DataFrame


@settings(max_examples=30)
@given(st.lists(st.dictionaries(st.sampled_from(["gsm8k", "math", "a_b"]), st.floats(0, 100)), min_size=1, max_size=5))
def test_a_data_frame_has_each_number_once_and_says_what_it_is_of(tmp_path_factory, steps):
    pytest.importorskip("pandas")
    file = tmp_path_factory.mktemp("run") / "a.jsonl"
    write_run(file, [payload(step, accuracies) for step, accuracies in enumerate(steps, 1)])
    frame = llm_telemetry.load(file)
    told = {(row.step, row.key): row.value for row in frame.itertuples()}
    assert told == {(line["step"], key): value for line in lines_of(file) for key, value in line["payload"].items()}
    assert len(frame) == len(told)
    rows = frame[(frame["metric"] == "dataset/accuracy") & (frame["source"] != "")]
    assert {(r.step, r.source): r.value for r in rows.itertuples()} == {
        (step, source): accuracy for step, told in enumerate(steps, 1) for source, accuracy in told.items()
    }


def test_a_data_frame_has_both_splits_and_keys_of_your_own(tmp_path):
    pytest.importorskip("pandas")
    file = write_run(tmp_path / "a.jsonl", [payload(1, {"math": 1}) | {"mine/x": 3, "llm/judge/errors/timeout": 2}])
    write_run(file, [payload(1, {"math": 2}, split="val")], first=2, split="val")
    frame = llm_telemetry.load(file).set_index("key")
    assert frame.loc["mine/x", ["metric", "source", "value"]].tolist() == ["mine/x", "", 3]
    assert frame.loc["llm/judge/errors/timeout", ["metric", "role", "kind"]].tolist() == [
        "llm/{role}/errors/{kind}", "judge", "timeout",
    ]  # fmt: skip
    assert frame.loc["val/math/accuracy", ["metric", "split", "source", "value"]].tolist() == [
        "dataset/accuracy", "val", "math", 2,
    ]  # fmt: skip
    assert str(frame["time"].iloc[0]) == "2027-01-15 08:00:01+00:00"


def test_json_of_a_run_is_read_as_it_was_written(tmp_path):
    file = write_run(tmp_path / "a.jsonl", [payload(1, {"math": 1 / 3})])
    assert accuracies(find_run(file)) == [(1, json.loads(file.read_text())["payload"]["dataset/math/accuracy"])]
