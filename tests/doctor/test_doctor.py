"""The doctor: what it says of a machine and of the last run, and of settings that cannot work."""

import importlib.metadata
import os
import sys
from pathlib import Path

import pytest

from llm_telemetry import doctor
from llm_telemetry.doctor import Case, check_last_run, installed, startup
from llm_telemetry.doctor.installed import check_installed
from llm_telemetry.doctor.startup import Heard, check_startup
from llm_telemetry.doctor.variables import check_variables
from llm_telemetry.runs import losses
from llm_telemetry.runs.findings import Severity
from llm_telemetry.settings.variables import VARIABLES
from tests.support.left_runs import bad, said

ROOT = Path(__file__).parents[2]
KEY = "0123456789abcdef0123456789abcdef01234567"

pytestmark = pytest.mark.usefixtures("nobodys_machine")


def test_a_healthy_run_is_told_in_few_words_and_the_exit_code_is_0(finished, monkeypatch, capsys):
    monkeypatch.setattr(startup, "ask_python", lambda environ: Heard(live=True, said=""))
    monkeypatch.chdir(finished)
    code = doctor.run_doctor()
    out = capsys.readouterr().out
    assert (code, out.splitlines()[-1]) == (0, "Nothing to do.")
    for line in (
        "8 payloads (8 train), up to step 8",
        "all 8 payloads are in W&B run r1",
        "judge: 8 judge evaluations, 0.0% unreadable, 0.0% without an answer",
        "of what was seen (16 calls) nothing is known to be lost",
        "8 rollouts of gsm8k",
        "uploads it",
    ):
        assert line in out
    assert "!!" not in out
    assert str(finished) not in out
    assert len(out.splitlines()) <= 20


def test_what_is_left_out_is_told_to_those_who_ask_for_it(finished, monkeypatch, capsys):
    monkeypatch.setattr(startup, "ask_python", lambda environ: Heard(live=True, said=""))
    monkeypatch.chdir(finished)
    doctor.run_doctor()
    brief = capsys.readouterr().out.splitlines()
    doctor.run_doctor(verbose=True)
    whole = capsys.readouterr().out.splitlines()
    assert [line for line in whole if line in brief] == brief
    assert any("LLM_TELEMETRY_THRESHOLD: a finite number" in line for line in set(whole) - set(brief))


def test_what_is_to_be_done_has_one_line_of_advice_and_the_exit_code_1(edited, monkeypatch, capsys):
    monkeypatch.setattr(startup, "ask_python", lambda environ: Heard(live=True, said=""))
    edited(lambda payload: payload.update({"telemetry/errors": 2, "telemetry/trainer_rows_dropped": 1}))
    assert doctor.run_doctor() == 1
    lines = capsys.readouterr().out.splitlines()
    marked = [i for i, line in enumerate(lines) if line.startswith("!!")]
    assert lines[-1] == f"{len(marked)} things to do, marked !!"
    assert len(marked) == 2
    assert all("-> " in lines[i + 1] and "-> " not in lines[i + 2] for i in marked)
    assert "nothing is known to be lost" not in "".join(lines)


def test_a_machine_on_which_nothing_was_run_has_nothing_to_do(monkeypatch, capsys):
    monkeypatch.setattr(startup, "ask_python", lambda environ: Heard(live=True, said=""))
    assert doctor.run_doctor() == 0
    assert "there is no JSONL of ours in wandb, llm_telemetry" in capsys.readouterr().out


# --- installed


class Distribution:
    version = "0.1.0"
    files = ()

    def __init__(self, *requires, tested=()):
        self.requires = list(requires)
        self.metadata = self
        self._tested = [f"Programming Language :: Python :: 3.{minor}" for minor in tested]

    def get_all(self, name):
        return self._tested


def test_what_is_installed_here_is_supported():
    findings = check_installed(Case())
    assert bad(findings) == []
    assert all(f"{name} " in findings[0].sentence for name in ("Python", "openai", "wandb", "wrapt", "genai-prices"))


def test_versions_are_held_against_the_distribution(monkeypatch):
    own = Distribution(
        "old>=1.40", "gone>=2", "openai>=1.40", "just>=1.2.3", 'numpy>=1 ; extra == "demo"', tested=(1, 2)
    )
    versions = {"old": "1.9.5", "openai": "4.0.0rc1", "just": "1.2.3.post1"}

    def version(name):
        if name not in versions:
            raise importlib.metadata.PackageNotFoundError(name)
        return versions[name]

    monkeypatch.setattr(installed, "find_distribution", lambda: own)
    monkeypatch.setattr(installed, "version", version)
    text = said(check_installed(Case()))
    assert "not tested; 3.1 to 3.2 are" in text
    assert "!! installed old 1.9.5: too old, 1.40 is the least\n -> pip install 'old>=1.40'" in text
    assert "!! installed gone is not installed\n -> pip install 'gone>=2'" in text
    assert "!! installed openai 4.0.0rc1: not supported yet\n -> pip install 'openai<4'" in text
    assert "just 1.2.3.post1" in text
    assert "numpy" not in text


def test_files_that_are_not_installed_are_told(monkeypatch):
    monkeypatch.setattr(installed, "find_distribution", lambda: None)
    (what,) = bad(check_installed(Case()))
    assert what.startswith("llm_telemetry is importable, but not installed in this Python")


# --- the startup file; tests/activation/test_doctor.py has the real one


@pytest.fixture
def site(monkeypatch, tmp_path):
    folder = tmp_path / "site"
    folder.mkdir()
    monkeypatch.setattr(startup, "site_folders", lambda: [folder])
    monkeypatch.setattr(startup, "find_distribution", lambda: None)
    return folder


def deaf(monkeypatch, said=""):
    monkeypatch.setattr(startup, "ask_python", lambda environ: Heard(live=False, said=said))
    return check_startup(Case(environ={}))


def test_a_startup_file_that_is_missing_is_told_with_what_to_do(site, monkeypatch):
    monkeypatch.setattr(sys, "path", [])
    (finding,) = deaf(monkeypatch)
    assert finding.sentence.endswith(f"there is no {startup.FILE} in this Python's site directories")
    assert "pip install --force-reinstall" in finding.to_do


def test_a_startup_file_outside_of_the_site_directories_is_told(site, monkeypatch, tmp_path):
    (tmp_path / startup.FILE).write_text("pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert "which is no site directory of this Python (pip install --target, PYTHONPATH)" in said(deaf(monkeypatch))


def test_a_startup_file_that_fails_is_told_with_pythons_own_words(site, monkeypatch):
    (site / startup.FILE).write_text("import os; 1 / 0\n")
    text = said(deaf(monkeypatch, said="Remainder of file ignored"))
    assert (
        f"!! startup file LLM_TELEMETRY=1 is not heard, though site/{startup.FILE} is there: Remainder of file ignored"
        in text
    )
    assert f"site/{startup.FILE}: import os; 1 / 0" in text


def test_a_hidden_startup_file_is_told(site, monkeypatch):
    (site / startup.FILE).write_text("pass\n")
    monkeypatch.setattr(startup, "_is_hidden", lambda status: True)
    assert "-> chflags nohidden site/" in said(deaf(monkeypatch))


def test_a_fresh_python_is_asked_without_the_variables_of_this_one():
    assert startup.ask_python({"LLM_TELEMETRY": "maybe", "LLM_TELEMETRY_TRAINER": "x", **os.environ}).said == ""


# --- variables


def test_the_variables_that_are_set_are_shown_and_the_others_for_those_who_ask():
    findings = check_variables(Case(environ={"LLM_TELEMETRY": "1", "LLM_TELEMETRY_THRESHOLD": "0.5"}))
    assert findings[0].sentence == "LLM_TELEMETRY=1, LLM_TELEMETRY_THRESHOLD=0.5"
    others = [finding.sentence.partition(":")[0] for finding in findings if finding.severity is Severity.DETAIL]
    assert {"LLM_TELEMETRY", "LLM_TELEMETRY_THRESHOLD", *others} == {variable.name for variable in VARIABLES}
    assert bad(findings) == []


def test_a_key_that_was_pasted_into_a_variable_is_not_shown():
    text = said(check_variables(Case(environ={"LLM_TELEMETRY_FOLDER": f"sk-proj-{KEY}", "LLM_TELEMETRY": "1"})))
    assert KEY not in text


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("LLM_TELEMETRY", "maybe", "LLM_TELEMETRY='maybe' must be 1, true, yes, on"),
        ("LLM_TELEMETRY_CONSOLE", "often", "LLM_TELEMETRY_CONSOLE='often' must be a whole number of steps"),
        ("LLM_TELEMETRY_JUDGE_PARSER", "(", "LLM_TELEMETRY_JUDGE_PARSER='(' must be a regular expression"),
        ("LLM_TELEMETRY_PRICES", "prices.json", "prices['m']: unknown keys ['imput'], missing keys ['input']"),
    ],
)
def test_a_value_that_cannot_work_is_told(tmp_path, name, value, told):
    (tmp_path / "prices.json").write_text('{"m": {"imput": 1, "output": 2}}')
    (what,) = bad(check_variables(Case(environ={name: value})))
    assert told in what


def test_a_parser_of_the_users_is_not_imported_and_said_to_be_unknown(tmp_path, monkeypatch):
    (tmp_path / "mine.py").write_text("raise SystemExit('it was run')\ndef f(text): ...\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    findings = check_variables(Case(environ={"LLM_TELEMETRY_JUDGE_PARSER": "mine:f"}))
    assert "whether there is mine:f is seen when your program runs" in said(findings)
    assert bad(findings) == []


def test_a_variable_that_nobody_reads_is_told_with_the_nearest():
    environ = {"LLM_TELEMETRY_TRESHOLD": "1", "LLM_TELEMTRY": "1", "LLM_TELEMETRY_SPOOL": "x", "OTHER": "1"}
    text = said(check_variables(Case(environ=environ)))
    assert (
        "!! variables LLM_TELEMETRY_TRESHOLD is set, but there is no such variable\n -> perhaps LLM_TELEMETRY_THRESHOLD"
        in text
    )
    assert "!! variables LLM_TELEMTRY is set, but there is no such variable\n -> perhaps LLM_TELEMETRY is meant" in text
    assert text.count("!!") == 2


# --- no trace of a run


@pytest.mark.parametrize(
    ("environ", "folder", "told"),
    [
        ({}, None, "-- last run there is no JSONL of ours in wandb, llm_telemetry\n"),
        ({}, "logs", "!! last run there is no JSONL of ours in logs\n"),
        ({"LLM_TELEMETRY": "0"}, None, "and LLM_TELEMETRY turns us off"),
        ({"LLM_TELEMETRY_SINKS": "wandb"}, None, "and LLM_TELEMETRY_SINKS turns it off"),
    ],
)
def test_why_there_are_no_logs_is_told(environ, folder, told):
    assert told in said(check_last_run(Case(folder=folder and Path(folder), environ=environ)))


def test_a_run_of_wandbs_without_a_jsonl_is_a_finding(tmp_path):
    (tmp_path / "wandb" / "offline-run-20260101_000000-x").mkdir(parents=True)
    assert bad(check_last_run(Case(environ={}))) == ["there is no JSONL of ours in wandb, llm_telemetry"]


# --- the document


def test_the_document_has_a_line_for_each_place(finished, monkeypatch):
    monkeypatch.chdir(finished)
    page = (ROOT / "docs" / "doctor.md").read_text(encoding="utf-8")
    rows = page.partition("## What it looks at")[2].partition("\n## ")[0].splitlines()
    told = dict.fromkeys(finding.place for check in doctor.CHECKS for finding in check(Case(environ={})))
    places = [row.split("|")[1].strip() for row in rows if row.startswith("|")][2:]
    assert [place for place in places if place not in ("files", "changes")] == list(told)  # these tell what is wrong
    assert {"files", "changes"} < set(places)


def test_the_document_names_the_thresholds():
    page = (ROOT / "docs" / "doctor.md").read_text(encoding="utf-8")
    for share, words in (
        (losses.LOST, "of the calls"),
        (losses.PARSE_FAILURES, "of the judge's evaluations may be unreadable"),
        (losses.API_FAILURES, "without an answer"),
    ):
        assert f"up to {share:.0%}".replace("%", f" % {words}") in page
