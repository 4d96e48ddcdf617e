"""The audit: one line a finding, an exit code for scripts, and the same findings as the doctor's."""

import json

import pytest

from llm_telemetry.cli import main
from llm_telemetry.doctor import Case, check_last_run
from llm_telemetry.report.audit import audit
from llm_telemetry.runs.find import read_run
from tests.support.made_runs import VERSION, fallen_run, payload, write_run

pytestmark = pytest.mark.usefixtures("nobodys_machine")
WELL = {"dataset/avg_reward": 0.5, "judge/total_calls": 10}


def well(step):
    judge = {"judge": (0.95, 0.05, 0.0)}
    return payload(step, {"math": 50.0}, **judge) | WELL | {"judge/total_calls": 10 * step}


def test_a_run_that_is_well_has_exit_code_0(tmp_path, capsys):
    path = write_run(tmp_path / "a.jsonl", [well(step) for step in range(1, 4)])
    assert main(["audit", str(path)]) == 0
    assert "!!" not in capsys.readouterr().out


def test_a_fall_is_a_warning_and_exit_code_1(tmp_path, capsys):
    path = fallen_run(tmp_path / "a.jsonl")
    assert main(["audit", str(path)]) == 1
    assert "!!  changes       math fell: from " in capsys.readouterr().out


def test_a_run_that_is_not_there_is_exit_code_2(capsys):
    assert main(["audit"]) == 2
    assert capsys.readouterr().err.startswith("llm-telemetry audit: there is no run below ")


def test_as_json_it_is_a_list_of_findings(tmp_path, capsys):
    path = fallen_run(tmp_path / "a.jsonl")
    assert main(["audit", str(path), "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert [set(finding) for finding in told] == [{"place", "severity", "sentence", "to_do"}] * len(told)
    assert [(f["place"], f["sentence"], f["to_do"]) for f in told] == [
        (finding.place, finding.sentence, finding.to_do) for finding in audit(read_run(path))
    ]


def test_the_doctor_says_the_same(tmp_path):
    path = fallen_run(tmp_path / "llm_telemetry" / "a.jsonl")
    assert check_last_run(Case(environ={})) == audit(read_run(path))


def test_lines_that_cannot_be_read_and_newer_versions_are_told(tmp_path, capsys):
    path = write_run(tmp_path / "a.jsonl", [well(1)], watched=VERSION | {"version": "9.1"})
    with path.open("a") as file:
        file.write("half a li\n")
    assert main(["audit", str(path)]) == 1
    printed = capsys.readouterr().out
    assert "1 lines or numbers cannot be read" in printed
    assert "written by llm_telemetry 9.1, newer than this one" in printed


def test_a_judge_that_got_worse_is_a_warning(tmp_path):
    steps = [
        well(s)
        | {
            "judge/calls": 50,
            "judge/success_rate": 0.98 - 0.1 * (s > 20),
            "judge/parse_failure_rate": 0.02 + 0.1 * (s > 20),
        }
        for s in range(1, 41)
    ]
    told = [finding.sentence for finding in audit(read_run(write_run(tmp_path / "a.jsonl", steps)))]
    assert "the judge's share with a verdict fell: from 98.0 % to 88.0 % since step 21." in told
