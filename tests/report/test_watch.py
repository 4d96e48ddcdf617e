"""A running training, followed: late, resumed, replaced, cut in the middle of a line, at its end."""

import io
import math
import os

import pytest

pytest.importorskip("rich")

from rich.console import Console

from llm_telemetry.cli import main
from llm_telemetry.report import watch
from llm_telemetry.report.watch import Follower, draw
from tests.support.made_runs import fallen_run, payload, proof, write_run

pytestmark = pytest.mark.usefixtures("nobodys_machine")


@pytest.fixture(autouse=True)
def _search_at_each_look(monkeypatch):
    monkeypatch.setattr(watch, "SEARCH", 0.0)
    monkeypatch.setattr(watch, "SHARE", math.inf)


def shown(run, *, steps=None, now=None):
    console = Console(width=80, file=io.StringIO())
    console.print(draw(run, steps, run.time if now is None else now))
    return console.file.getvalue()


def test_it_waits_for_the_first_payload_and_then_follows_each(tmp_path):
    follower = Follower(None)
    assert not follower.look()
    assert follower.run is None
    path = write_run(tmp_path / "llm_telemetry" / "a.jsonl", [payload(1, {"math": 50})])
    assert follower.look()
    assert follower.run.step == 1
    assert not follower.look()
    write_run(path, [payload(2, {"math": 60})], first=2)
    assert follower.look()
    assert list(follower.run.train.steps) == [1, 2]


def test_half_a_line_is_waited_for(tmp_path):
    path = write_run(tmp_path / "a.jsonl", [payload(1, {}), payload(2, {})])
    whole = path.read_bytes()
    path.write_bytes(whole[:-30])
    follower = Follower(str(path))
    assert follower.look()
    assert follower.run.step == 1
    assert not follower.look()
    path.write_bytes(whole)
    assert follower.look()
    assert list(follower.run.train.steps) == [1, 2]


def test_a_file_that_was_replaced_is_read_anew(tmp_path):
    path = write_run(tmp_path / "a.jsonl", [payload(s, {}) for s in (1, 2, 3)])
    follower = Follower(str(path))
    follower.look()
    other = write_run(tmp_path / "other.tmp", [payload(s, {}) for s in (7, 8, 9, 10)])
    other.replace(path)
    assert follower.look()
    assert list(follower.run.train.steps) == [7, 8, 9, 10]
    path.unlink()
    assert not follower.look()
    assert follower.run.step == 10


def test_a_resumed_run_is_followed_into_its_new_file(tmp_path):
    write_run(tmp_path / "a.jsonl", [payload(s, {}) for s in (1, 2, 3)])
    follower = Follower(None)
    follower.look()
    second = write_run(tmp_path / "b.jsonl", [payload(3, {})], first=4, process=2)
    os.utime(second, (2e9, 2e9))
    assert follower.look()
    assert (follower.run.processes, list(follower.run.train.steps)) == (2, [1, 2, 3, 3])


def test_another_run_is_turned_to_only_when_this_one_is_quiet(tmp_path, monkeypatch):
    write_run(tmp_path / "a.jsonl", [payload(1, {})])
    follower = Follower(None)
    follower.look()
    other = write_run(tmp_path / "b.jsonl", [payload(9, {})])
    os.utime(other, (2e9, 2e9))
    assert not follower.look()
    monkeypatch.setattr(watch, "QUIET", -1.0)
    assert follower.look()
    assert follower.run.step == 9


def test_datasets_judge_spending_and_the_last_failures_are_shown_in_80_columns(tmp_path):
    evidence = {60: [proof(60, answer="I am\nnot sure. " * 20)]}
    follower = Follower(str(fallen_run(tmp_path / "a.jsonl", evidence=evidence)))
    follower.look()
    text = shown(follower.run, steps=100)
    assert text.startswith("a · step 60 of 100 (60%) · 1.00 s a step · 40 s to go\n")
    assert [line for line in text.splitlines() if len(line) > 80] == []
    for part in ("gsm8k", "math", "mmlu", "judge  800 evaluations · success 95.0 %", "$0.6000 in all"):
        assert part in text
    assert "step 60 math no_verdict: I am not sure. I am not sure." in text


def test_what_is_not_well_is_shown(tmp_path):
    bad = {"judge": (0.5, 0.3, 0.2), "telemetry/errors": 1, "telemetry/trainer_rows_dropped": 12}
    path = write_run(tmp_path / "a.jsonl", [payload(s, {"math": 50}, **bad) for s in range(1, 6)])
    follower = Follower(str(path))
    follower.look()
    text = shown(follower.run)
    for part in ("!! 50.0 % of the evaluations have a verdict", "!! 30.0 % of", "!! 20.0 % of", "!! 12 rows dropped"):
        assert part in text
    assert "!! 1 failure of telemetry's own" in text


def test_the_number_of_steps_and_the_cost_at_the_end_are_those_of_the_latest_payload(tmp_path):
    path = tmp_path / "a.jsonl"
    write_run(path, [payload(s, {"math": 50}, **{"cost/projected": 0.5}) for s in (1, 2, 3)], steps=50)
    write_run(path, [payload(4, {"math": 50}, **{"cost/projected": 0.75})], first=4, steps=75)
    follower = Follower(str(path))
    follower.look()
    text = shown(follower.run)
    assert text.startswith("a · step 4 of 75 (5%) · 1.00 s a step · 71 s to go\n")
    assert "spent  $0.0400 in all · $0.0100 the latest step · $0.7500 after the last step\n" in text
    write_run(path, [payload(76, {"math": 50})], first=5)
    follower.look()
    text = shown(follower.run)
    assert text.startswith("a · step 76 · ")
    assert "after the last step" not in text


def test_of_a_long_run_the_latest_steps_are_kept_in_view(tmp_path):
    path = write_run(tmp_path / "a.jsonl", [payload(s, {"math": 50}) for s in range(1, 101)])
    write_run(path, [payload(s, {"math": 60}) for s in (98, 99)], first=101, process=2)
    follower = Follower(str(path))
    follower.look()
    assert list(follower.run.train.steps) == [*range(63, 98), 98, 98, 99, 99, 100]


def test_a_run_that_has_ended_is_told_to_be_quiet(tmp_path):
    follower = Follower(str(write_run(tmp_path / "a.jsonl", [payload(1, {})])))
    follower.look()
    assert "no payload for 10 min" in shown(follower.run, now=follower.run.time + 600)


def test_the_command_shows_what_there_is_once(tmp_path, capsys):
    fallen_run(tmp_path / "a.jsonl")
    assert main(["watch", "--once"]) == 0
    assert "step 60" in capsys.readouterr().out


@pytest.mark.parametrize("named", ["typo", "empty.jsonl", "folder"])
def test_where_there_is_nothing_yet_it_says_where_it_looks(tmp_path, capsys, named):
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty.jsonl").touch()
    assert main(["watch", named, "--once"]) == 0
    assert f"no payload yet in {named};" in capsys.readouterr().out


def test_only_what_was_appended_is_read(tmp_path, monkeypatch):
    path = write_run(tmp_path / "a.jsonl", [payload(s, {"math": 50}) for s in range(1, 200)])
    follower = Follower(str(path))
    follower.look()
    added = []
    monkeypatch.setattr(follower._reading, "add", added.append)
    write_run(path, [payload(200, {"math": 50})], first=200)
    follower.look()
    assert [line["step"] for line in added] == [200]
