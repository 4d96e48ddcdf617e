"""The doctor: what it says of real runs, of scripts it must not run, and of settings that cannot work."""

import datetime as dt
import importlib.metadata
import json
import os
import platform
import shutil
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from llm_telemetry import doctor
from llm_telemetry.collectors.eval_stats import MISMATCH
from llm_telemetry.doctor import Case, installed, losses, prices, startup
from llm_telemetry.doctor.answers import check_answers
from llm_telemetry.doctor.hooks import check_hooks
from llm_telemetry.doctor.installed import check_installed
from llm_telemetry.doctor.losses import check_losses
from llm_telemetry.doctor.prices import check_prices
from llm_telemetry.doctor.startup import Heard, check_startup
from llm_telemetry.doctor.variables import check_variables
from llm_telemetry.doctor.wandb import check_wandb
from llm_telemetry.settings.variables import VARIABLES

ROOT = Path(__file__).parents[2]
PROGRAMS = ROOT / "tests" / "activation" / "programs"
KEY = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(autouse=True)
def _nobodys_machine(monkeypatch, tmp_path):
    """A folder of its own, no variable of ours or W&B's, nobody's login."""
    for name in [name for name in os.environ if name.startswith(("LLM_TELEM", "WANDB_", "NETRC"))]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)


def train(folder, *arguments, **environ):
    clean = {k: v for k, v in os.environ.items() if not k.startswith(("WANDB_", "LLM_TELEMETRY"))}
    place = {"PYTHONPATH": str(ROOT), "WANDB_MODE": "offline", "WANDB_DIR": str(folder)}
    subprocess.run(
        [sys.executable, "-m", "tests.processes.programs.train", *map(str, arguments)],
        cwd=folder,
        env={**clean, **place, **environ},
        capture_output=True,
        timeout=120,
        check=False,
    )
    return folder


@pytest.fixture(scope="module")
def finished(tmp_path_factory):
    return train(tmp_path_factory.mktemp("finished"), "r1", 1, 8, "finish")


@pytest.fixture
def killed(tmp_path):
    return train(tmp_path, "r2", 1, 3, "kill")


@pytest.fixture
def edited(finished, tmp_path):
    """Give a copy of the finished run whose payloads were changed."""

    def edit(change=lambda payload: None, state=None):
        shutil.copytree(finished / "wandb", tmp_path / "wandb", symlinks=True)
        (file,) = (tmp_path / "wandb").glob("*run-*/*.jsonl")
        lines = [json.loads(line) for line in file.read_text().splitlines()]
        for line in lines:
            change(line["payload"])
            line["state"] |= state or {}
        file.write_text("".join(json.dumps(line) + "\n" for line in lines))
        return Case(environ={})

    return edit


def said(findings):
    """Everything in one text, as it is printed."""
    return doctor.format_section("", findings)


def bad(findings):
    return [finding.what for finding in findings if finding.ok is False]


def test_a_healthy_run_is_told_in_words_and_the_exit_code_is_0(finished, monkeypatch, capsys):
    monkeypatch.setattr(startup, "ask_python", lambda environ: Heard(live=True, said=""))
    monkeypatch.chdir(finished)
    code = doctor.run_doctor()
    out = capsys.readouterr().out
    assert (code, out.splitlines()[-1]) == (0, "All is well.")
    for line in (
        "8 payloads (8 train), up to step 8",
        "ok  all 8 payloads are in W&B run r1",
        "ok  judge: 8 judge evaluations, 0.0% unreadable, 0.0% without an answer",
        "ok  no row, no call and no payload was lost",
        "ok  dataset statistics: 8 rollouts of gsm8k",
        "ok  judge statistics: 8 evaluations",
        "uploads it",
    ):
        assert line in out
    assert "!!" not in out
    assert str(finished) not in out


def test_what_is_to_be_done_has_one_line_of_advice_and_the_exit_code_1(edited, monkeypatch, capsys):
    monkeypatch.setattr(startup, "ask_python", lambda environ: Heard(live=True, said=""))
    edited(lambda payload: payload.update({"telemetry/errors": 2, "telemetry/trainer_rows_dropped": 1}))
    assert doctor.run_doctor() == 1
    lines = capsys.readouterr().out.splitlines()
    marked = [i for i, line in enumerate(lines) if line.startswith("  !!")]
    assert lines[-1] == f"{len(marked)} things to do, marked !!"
    assert len(marked) == 2
    assert all(lines[i + 1].startswith("      -> ") and not lines[i + 2].startswith("      -> ") for i in marked)


def test_a_machine_on_which_nothing_was_run_is_healthy(monkeypatch, capsys):
    monkeypatch.setattr(startup, "ask_python", lambda environ: Heard(live=True, said=""))
    assert doctor.run_doctor() == 0
    assert "offline logs: there is no JSONL of ours in wandb, llm_telemetry" in capsys.readouterr().out


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
    assert {finding.what.split()[0] for finding in findings} >= {"Python", "openai", "wandb", "wrapt", "genai-prices"}


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
    assert "!!  old 1.9.5: too old, 1.40 is the least\n      -> pip install 'old>=1.40'" in text
    assert "!!  gone is not installed\n      -> pip install 'gone>=2'" in text
    assert "!!  openai 4.0.0rc1: not supported yet\n      -> pip install 'openai<4'" in text
    assert "ok  just 1.2.3.post1" in text
    assert "numpy" not in text


def test_files_that_are_not_installed_are_told(monkeypatch):
    monkeypatch.setattr(installed, "find_distribution", lambda: None)
    assert bad(check_installed(Case())) == ["llm_telemetry is importable, but not installed in this Python"]


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
    assert finding.what.endswith(f"there is no {startup.FILE} in this Python's site directories")
    assert "pip install --force-reinstall" in finding.advice


def test_a_startup_file_outside_of_the_site_directories_is_told(site, monkeypatch, tmp_path):
    (tmp_path / startup.FILE).write_text("pass\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert "which is no site directory of this Python (pip install --target, PYTHONPATH)" in said(deaf(monkeypatch))


def test_a_startup_file_that_fails_is_told_with_pythons_own_words(site, monkeypatch):
    (site / startup.FILE).write_text("import os; 1 / 0\n")
    text = said(deaf(monkeypatch, said="Remainder of file ignored"))
    assert f"!!  LLM_TELEMETRY=1 is not heard, though site/{startup.FILE} is there: Remainder of file ignored" in text
    assert f"site/{startup.FILE}: import os; 1 / 0" in text


def test_a_hidden_startup_file_is_told(site, monkeypatch):
    (site / startup.FILE).write_text("pass\n")
    monkeypatch.setattr(startup, "_is_hidden", lambda status: True)
    assert "-> chflags nohidden site/" in said(deaf(monkeypatch))


def test_a_fresh_python_is_asked_without_the_variables_of_this_one():
    assert startup.ask_python({"LLM_TELEMETRY": "maybe", "LLM_TELEMETRY_TRAINER": "x", **os.environ}).said == ""


# --- variables


def test_every_variable_is_listed_with_its_value_and_where_it_is_from():
    findings = check_variables(Case(environ={"LLM_TELEMETRY": "1", "LLM_TELEMETRY_THRESHOLD": "0.5"}))
    lines = {finding.what.split()[0]: finding.what for finding in findings}
    assert list(lines) == [variable.name for variable in VARIABLES]
    assert lines["LLM_TELEMETRY"].split()[1:] == ["1", "environment"]
    assert lines["LLM_TELEMETRY_THRESHOLD"].split()[1:] == ["0.5", "environment"]
    assert lines["LLM_TELEMETRY_CONSOLE"].split()[1:] == ["10", "default"]
    assert lines["LLM_TELEMETRY_STRICT"].split()[1:] == ["off", "default"]
    assert bad(findings) == []


@pytest.mark.parametrize(
    ("name", "value", "told"),
    [
        ("LLM_TELEMETRY", "maybe", "LLM_TELEMETRY='maybe' must be 1, true, yes, on"),
        ("LLM_TELEMETRY_CONSOLE", "often", "LLM_TELEMETRY_CONSOLE='often' must be a whole number of steps"),
        ("LLM_TELEMETRY_JUDGE_PARSER", "(", "LLM_TELEMETRY_JUDGE_PARSER='(' must be a regular expression"),
        ("LLM_TELEMETRY_JUDGE_PARSER", "nowhere:f", "there is no module nowhere"),
        ("LLM_TELEMETRY_JUDGE_PARSER", "mine:g", "there is no such function in mine"),
        ("LLM_TELEMETRY_JUDGE_PARSER", "broken:f", "broken cannot be read"),
        ("LLM_TELEMETRY_PRICES", "prices.json", "prices['m']: unknown keys ['imput'], missing keys ['input']"),
    ],
)
def test_a_value_that_cannot_work_is_told(tmp_path, name, value, told):
    (tmp_path / "mine.py").write_text("raise SystemExit('it was run')\ndef f(text): ...\n")
    (tmp_path / "broken.py").write_text("def f(:\n")
    (tmp_path / "prices.json").write_text('{"m": {"imput": 1, "output": 2}}')
    (what,) = bad(check_variables(Case(environ={name: value})))
    assert told in what


def test_a_parser_of_the_users_is_looked_for_and_not_imported(tmp_path):
    (tmp_path / "mine.py").write_text("raise SystemExit('it was run')\ndef f(text): ...\n")
    assert bad(check_variables(Case(environ={"LLM_TELEMETRY_JUDGE_PARSER": "mine:f"}))) == []


def test_a_variable_that_nobody_reads_is_told_with_the_nearest():
    environ = {"LLM_TELEMETRY_TRESHOLD": "1", "LLM_TELEMTRY": "1", "LLM_TELEMETRY_SPOOL": "x", "OTHER": "1"}
    text = said(check_variables(Case(environ=environ)))
    assert (
        "!!  LLM_TELEMETRY_TRESHOLD is set, but there is no such variable\n      -> perhaps LLM_TELEMETRY_THRESHOLD"
        in text
    )
    assert "!!  LLM_TELEMTRY is set, but there is no such variable\n      -> perhaps LLM_TELEMETRY is meant" in text
    assert text.count("!!") == 2


# --- what would be hooked


def write(folder, **files):
    for name, text in files.items():
        path = folder / f"{name.replace('__', '/', 1)}.py"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
    return folder / "train.py"


def hooks(script, **environ):
    return check_hooks(Case(script=script, environ=environ))


def test_the_demos_trainer_is_found_through_its_modules_with_all_its_parts():
    text = said(hooks(ROOT / "examples" / "train_watched.py"))
    for line in (
        "train_watched.py:26 calls instrument()",
        "would be watched: train_step, evaluate_on_val_set",
        "executor: self.executor, Executor.execute_workflow",
        "reward computer: self.reward_computer, RewardComputer.compute_reward",
        "judge: RewardComputer._llm_judge_compare",
    ):
        assert line in text


def test_nothing_of_the_script_is_run(tmp_path):
    script = write(
        tmp_path,
        train="from pkg.training import Trainer\nfrom pkg import parts as p\nraise SystemExit('it was run')\n",
        pkg____init__="raise SystemExit('it was run')\n",
        pkg__training="""
            import openai, requests, wandb
            from typing import Optional
            from .parts import Reward, Engine as Motor
            raise SystemExit('it was run')
            class Base:
                def __init__(self, grader: "Optional[Reward]", engine=None):
                    self.grader = grader
                    self.backend: Motor = engine or Motor()
            class Trainer(Base):
                def train_step(self, step): ...
                def validate(self): ...
        """,
        pkg__parts="""
            class Reward:
                def score(self, prediction): ...
                def ask_judge(self, answer): ...
                def build_judge_prompt(self, answer): ...
            class Engine:
                async def run_workflow(self, item): ...
        """,
    )
    text = said(hooks(script))
    assert "Trainer (training.py:10) would be watched: train_step, validate" in text
    assert "executor: self.backend, Engine.run_workflow" in text
    assert "reward computer: self.grader, Reward.score" in text
    assert "judge: Reward.ask_judge\n" in text
    assert "ok  openai, requests are imported: LLM calls through them are seen" in text
    assert bad(hooks(script)) == []


def test_what_cannot_be_known_is_said_plainly(tmp_path):
    script = write(
        tmp_path,
        train="""
            import importlib, sys
            from concurrent.futures import ThreadPoolExecutor
            importlib.import_module(sys.argv[1])
            import broken
            class Trainer:
                def __init__(self, config, runner):
                    self.executor = ThreadPoolExecutor(4)
                    self.rollout_size = config.size
                    self.reward_fn = config.reward_fn
                def train_step(self, step): ...
        """,
        broken="def f(:\n",
    )
    text = said(hooks(script))
    assert "--  cannot tell: train.py:4 imports a module whose name is computed" in text
    assert "--  cannot tell: broken.py cannot be read" in text
    assert "reward computer: self.reward_fn, by its name; what it holds is not known before it runs" in text
    assert "no executor seen" in text
    assert "judge: cannot tell" in text
    assert "Trainer: in the main file" in text
    assert "no LLM client is imported here" in text
    assert "wandb is not imported here" in text


@pytest.mark.parametrize(
    ("program", "told", "advice"),
    [
        ("x = 1", "no class with a method train_step or training_step in 1 file", "LLM_TELEMETRY_TRAINER=module:Class"),
        ("class Net:\n    def train_step(self): ...", "no executor and no reward computer", "TRAINER=__main__:Net"),
        ("def f():\n    class Net:\n        def train_step(self): ...", "no executor", "llm-telemetry run"),
        ("class T(:", "train.py cannot be parsed", "python itself will not run it"),
    ],
)
def test_a_script_without_a_trainer_is_told(tmp_path, program, told, advice):
    (finding,) = [finding for finding in hooks(write(tmp_path, train=program)) if finding.ok is False]
    assert told in finding.what
    assert advice in finding.advice


def test_a_script_that_is_not_there_is_told(tmp_path):
    assert bad(hooks(tmp_path / "gone.py")) == ["gone.py cannot be read: No such file or directory"]
    assert "name the script" in said(hooks(None))


def test_a_librarys_trainer_is_left_open(tmp_path):
    text = said(hooks(write(tmp_path, train="from trl import GRPOTrainer\nclass Mine(GRPOTrainer[int]): ...")))
    assert "--  cannot tell: Mine (train.py:2) has its step from trl.GRPOTrainer, which is not read" in text
    assert "LLM_TELEMETRY_TRAINER=__main__:Mine" in text


def test_a_judge_function_beside_the_reward_computer_is_seen(tmp_path):
    program = """
        def llm_judge(problem, answer): ...

        def judge_unasked(answer): ...

        class Trainer:
            def train_step(self, step): ...
            def compute_reward(self, problem, answer):
                return float(llm_judge(problem, answer))
    """
    assert "  judge: llm_judge\n" in said(hooks(write(tmp_path, train=program))) + "\n"


def test_a_trainer_made_inside_of_a_function_needs_the_launcher(tmp_path):
    program = """
        def main():
            class Trainer:
                def train_step(self): ...
                def compute_reward(self): ...
    """
    text = said(hooks(write(tmp_path, train=program)))
    assert "reward computer: main.<locals>.Trainer.compute_reward, its own" in text
    assert "made inside of a function, where LLM_TELEMETRY=1 alone does not see it" in text
    assert "no judge function seen" in text


@pytest.mark.parametrize(
    ("target", "told"),
    [
        ("__main__:Mine", "Mine (train.py:2) would be watched: \n"),
        ("__main__:Mine.one_round", "Mine (train.py:2) would be watched: one_round\n"),
        ("__main__:Yours", "!!  LLM_TELEMETRY_TRAINER: there is no Yours in __main__"),
        ("elsewhere:Mine", "--  cannot tell: elsewhere, of LLM_TELEMETRY_TRAINER, is not among the files read"),
    ],
)
def test_a_trainer_that_is_named_is_looked_up(tmp_path, target, told):
    script = write(tmp_path, train="\nclass Mine:\n    def one_round(self): ...\n")
    assert told in said(hooks(script, LLM_TELEMETRY_TRAINER=target))


def test_a_librarys_trainer_that_is_named_is_read_where_it_is(tmp_path, monkeypatch):
    library = tmp_path / "site-packages"
    write(library, lib="class Trainer:\n    def train_step(self): ...\n    def compute_reward(self): ...\n")
    monkeypatch.setattr(sys, "path", [*sys.path, str(library)])
    script = write(tmp_path, train="import lib\n")
    assert "no class with a method train_step" in said(hooks(script))
    assert "Trainer (lib.py:1) would be watched: train_step" in said(hooks(script, LLM_TELEMETRY_TRAINER="lib:Trainer"))


@pytest.mark.parametrize("program", sorted(PROGRAMS.glob("*.py")), ids=lambda path: path.stem)
def test_any_program_can_be_read(program):
    assert hooks(program)


# --- W&B


def netrc(tmp_path, host="api.wandb.ai"):
    (tmp_path / "home").mkdir(exist_ok=True)
    file = tmp_path / "home" / ".netrc"
    file.write_text(f"machine {host}\n  login user\n  password {KEY}\n")
    file.chmod(0o600)


@pytest.mark.parametrize(
    ("environ", "told"),
    [
        ({"WANDB_API_KEY": KEY}, "ok  a key for api.wandb.ai is configured (WANDB_API_KEY)"),
        ({"WANDB_BASE_URL": "https://wandb.example"}, "ok  a key for wandb.example is configured (netrc)"),
        ({}, "--  no key for api.wandb.ai is configured"),
        ({"WANDB_PROJECT": "p"}, "!!  no key for api.wandb.ai is configured"),
        ({"WANDB_MODE": "dryrun"}, "--  mode offline (WANDB_MODE): runs stay on disk"),
    ],
)
def test_login_is_told_and_the_key_is_not(tmp_path, environ, told):
    netrc(tmp_path, "wandb.example")
    text = said(check_wandb(Case(environ=environ)))
    assert told in text
    assert KEY not in text


def test_wandbs_own_settings_files_are_read(tmp_path):
    (tmp_path / "home" / ".config" / "wandb").mkdir(parents=True)
    (tmp_path / "home" / ".config" / "wandb" / "settings").write_text(f"[default]\nmode = offline\napi_key = {KEY}\n")
    assert "mode offline (W&B's settings file)" in said(check_wandb(Case(environ={})))
    (tmp_path / "wandb").mkdir()
    (tmp_path / "wandb" / "settings").write_text("[default]\nmode = online\n")
    text = said(check_wandb(Case(environ={})))
    assert "mode online (W&B's settings file)" in text
    assert "a key for api.wandb.ai is configured (W&B's settings file)" in text
    assert KEY not in text
    (tmp_path / "wandb" / "settings").write_text("mode = online\n")
    assert "mode online (default)" in said(check_wandb(Case(environ={})))


def test_a_netrc_that_cannot_be_read_is_no_login(tmp_path):
    netrc(tmp_path)
    (tmp_path / "home" / ".netrc").write_text(f"machinery {KEY}\n")
    text = said(check_wandb(Case(environ={})))
    assert "no key for api.wandb.ai" in text
    assert KEY not in text


def test_a_latest_run_that_was_not_watched_is_told(edited):
    case = edited()
    assert "was not watched" not in said(check_wandb(case))
    case.run_folders[-1].with_name("offline-run-29991231_235959-new").mkdir()
    assert "offline-run-29991231_235959-new; it was not watched" in said(check_wandb(Case(environ={})))


# --- prices


def test_models_without_a_price_are_named_with_what_to_do(edited):
    case = edited(
        lambda payload: payload.update({"cost/unpriced_calls": 3}), {"unpriced_models": ["mine", "gpt-4o-mini"]}
    )
    text = said(check_prices(case))
    assert "!!  3 calls of the last run without a price: mine\n" in text
    assert '-> LLM_TELEMETRY_PRICES=prices.json, with {"mine": {"input": 0.1, "output": 0.4}}' in text


def test_a_price_that_has_come_since_is_no_trouble(edited, tmp_path):
    (tmp_path / "prices.json").write_text('{"mine": {"input": 1, "output": 2}}')
    edited(lambda payload: payload.update({"cost/unpriced_calls": 3}), {"unpriced_models": ["mine"]})
    findings = check_prices(Case(environ={"LLM_TELEMETRY_PRICES": "prices.json"}))
    assert "had no price for mine; there is one now" in said(findings)
    assert bad(findings) == []


def test_without_names_the_number_of_calls_is_told(edited):
    case = edited(lambda payload: payload.update({"cost/unpriced_calls": 1}))
    assert "!!  1 call of the last run without a price\n" in said(check_prices(case))


def test_an_old_price_table_is_told():
    finding = prices._check_age(dt.date(2999, 1, 1))
    assert (finding.ok, finding.advice) == (False, "pip install --upgrade genai-prices")
    assert prices._check_age(dt.date(1999, 1, 1)).what.endswith("its prices have no date")


# --- the last run


def test_payloads_that_wandb_does_not_have_are_told_with_the_command(killed):
    (file,) = killed.glob("wandb/*run-*/*.wandb")
    file.write_bytes(file.read_bytes()[:7])
    text = said(check_losses(Case(environ={})))
    assert "!!  3 of 3 payloads are not in W&B run r2\n      -> llm-telemetry sync wandb/offline-run-" in text


def test_a_run_that_is_still_going_on_has_lost_nothing_yet(killed):
    (file,) = killed.glob("wandb/*run-*/*.jsonl")
    alive = [platform.node(), os.getppid()]
    lines = [{**json.loads(line), "process": alive} for line in file.read_text().splitlines()]
    file.write_text("".join(json.dumps(line) + "\n" for line in lines))
    assert "--  W&B run r2 is still going on" in said(check_losses(Case(environ={})))


def test_a_run_without_wandb_is_found_where_it_is(tmp_path):
    train(tmp_path, "-", 1, 2, "exit")
    text = said(check_losses(Case(environ={})))
    assert "2 payloads (2 train), up to step 2" in text
    assert "there was no W&B run" in text
    (tmp_path / "llm_telemetry").rename(tmp_path / "logs")
    assert Case(environ={}).last_run is None
    assert Case(environ={"LLM_TELEMETRY_FOLDER": "logs"}).last_run is not None
    assert Case(folder=Path("logs"), environ={}).last_run is not None


def test_a_file_of_somebody_elses_is_no_run(tmp_path):
    (tmp_path / "items.jsonl").write_text('{"problem": 1}\n[1]\nno json\n{"payload": {}}\n')
    assert Case(folder=tmp_path, environ={}).last_run is None


def test_a_judge_that_fails_is_told_with_its_likely_cause(edited):
    failures = {"judge/failures/truncated": 1, "val/judge/failures/unclosed_think": 1, "judge/failures/ambiguous": 1}
    rates = {"judge/parse_failure_rate": 0.75, "judge/calls": 4}
    (told,) = [f for f in check_losses(edited(lambda p: p.update(rates | failures))) if f.ok is False]
    assert told.advice.startswith("likely cause: max_tokens too small (16 of 24). ")


@pytest.mark.parametrize(
    ("values", "told"),
    [
        ({"telemetry/trainer_rows_dropped": 1}, "1 row of your trainer dropped by W&B"),
        ({"telemetry/errors": 2}, "2 failures of telemetry's own"),
        (
            {"telemetry/eval_stats_mismatch": 2},
            "16 contradictions between eval_stats of your reward computer and what was seen, in 8 of 8",
        ),
        ({"llm/other/calls": 2}, "16 of 32 calls belong to no executor"),
        ({"llm/judge/no_usage": 1}, "8 of 8 judge calls did not tell their tokens"),
        ({"judge/parse_failure_rate": 0.25, "judge/calls": 4}, "25.0% of 32 judge evaluations ended in text without"),
        (
            {"val/judge/api_failure_rate": 1.0, "val/judge/calls": 1},
            "50.0% of 16 judge evaluations got no usable answer",
        ),
    ],
)
def test_each_loss_is_told(edited, values, told):
    (what,) = bad(check_losses(edited(lambda payload: payload.update(values))))
    assert what.startswith(told)


def test_eval_stats_that_agree_in_the_end_have_contradicted_all_the_same(edited):
    numbers = iter([0, 3, 1, 0, 0, 0, 0, 0])
    (what,) = bad(check_losses(edited(lambda payload: payload.update({MISMATCH: next(numbers)}))))
    assert what.startswith("4 contradictions between eval_stats")
    assert what.endswith("in 2 of 8 payloads")


def test_eval_stats_that_agree_are_no_finding(edited):
    assert bad(check_losses(edited(lambda payload: payload.update({MISMATCH: 0})))) == []


def test_a_few_calls_that_belong_to_nobody_are_no_trouble(edited):
    findings = check_losses(edited(lambda payload: payload.update({"llm/other/calls": 1, "llm/executor/calls": 99})))
    assert "8 of 808 calls belong to no executor" in said(findings)
    assert bad(findings) == []


# --- the questions


def drop(*prefixes):
    def change(payload):
        for key in [key for key in payload if key.startswith(prefixes)]:
            del payload[key]

    return change


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (
            drop("dataset/"),
            "dataset statistics are empty: calls were seen, but neither an executor nor a reward computer",
        ),
        (drop("dataset/", "llm/", "judge/"), "dataset statistics are empty: not one LLM call and not one rollout"),
        (drop("dataset/avg_reward", "dataset/gsm8k/avg_reward"), "but none got a reward, so all count as wrong"),
        (drop("judge/"), "judge statistics do not move: 8 calls of a judge, but its function was not found"),
        (
            lambda payload: payload.update({"judge/total_calls": 1}),
            "judge statistics do not move: none was asked for in",
        ),
    ],
)
def test_each_question_has_its_answer(edited, change, told):
    (what,) = bad(check_answers(edited(change)))
    assert told in what


def test_rollouts_of_an_unknown_source_are_told(edited):
    def rename(payload):
        for key in [key for key in payload if key.startswith("dataset/gsm8k/")]:
            payload[key.replace("gsm8k", "unknown")] = payload.pop(key)

    assert "all rollouts are of the source unknown" in said(check_answers(edited(rename)))


def test_a_training_without_a_judge_is_healthy(edited):
    findings = check_answers(edited(drop("judge/", "llm/judge/")))
    assert "no judge was asked" in said(findings)
    assert bad(findings) == []


@pytest.mark.parametrize(
    ("environ", "folder", "told"),
    [
        ({}, None, "--  offline logs: there is no JSONL of ours in wandb, llm_telemetry\n"),
        ({}, "logs", "!!  offline logs: there is no JSONL of ours in logs\n"),
        ({"LLM_TELEMETRY": "0"}, None, "and LLM_TELEMETRY turns us off"),
        ({"LLM_TELEMETRY_SINKS": "wandb"}, None, "and LLM_TELEMETRY_SINKS turns it off"),
    ],
)
def test_why_there_are_no_logs_is_told(environ, folder, told):
    assert told in said(check_answers(Case(folder=folder and Path(folder), environ=environ)))


def test_a_run_of_wandbs_without_a_jsonl_is_a_finding(tmp_path):
    (tmp_path / "wandb" / "offline-run-20260101_000000-x").mkdir(parents=True)
    assert bad(check_answers(Case(environ={}))) == ["offline logs: there is no JSONL of ours in wandb, llm_telemetry"]


# --- the document


def test_the_document_has_a_line_for_each_section():
    page = (ROOT / "docs" / "doctor.md").read_text(encoding="utf-8")
    rows = page.partition("## What it looks at")[2].partition("\n## ")[0].splitlines()
    assert [row.split("|")[1].strip() for row in rows if row.startswith("|")][2:] == [
        title for title, _ in doctor.CHECKS
    ]


def test_the_document_names_the_thresholds():
    page = (ROOT / "docs" / "doctor.md").read_text(encoding="utf-8")
    for share, words in (
        (losses.LOST, "of the calls"),
        (losses.PARSE_FAILURES, "of the judge's evaluations may be unreadable"),
        (losses.API_FAILURES, "without an answer"),
    ):
        assert f"up to {share:.0%}".replace("%", f" % {words}") in page
