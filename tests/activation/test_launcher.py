"""`llm-telemetry run` against plain `python`: what a program sees, and how it ends."""

import shutil

import pytest

from tests.activation.conftest import PROGRAMS, everywhere, without_addresses

ENDS = [
    "return",
    "three",
    "words",
    "error",
    "chained",
    "class",
    "own",
    "hook",
    "interrupt",
    "term",
    "import",
    "missing",
]


@pytest.fixture
def folder(tmp_path):
    return shutil.copytree(PROGRAMS, tmp_path / "programs")


def both(venv, folder, *program, **variables):
    """Run a program plainly and by the launcher; neither has written bytecode that the other would find."""
    variables["PYTHONDONTWRITEBYTECODE"] = "1"
    plain = venv.run(*program, cwd=folder, **variables)
    ours = venv.run("run", *program, program="llm-telemetry", cwd=folder, **variables)
    return plain, ours


def ends(done):
    return done.code, without_addresses(done.out), without_addresses(done.err)


@everywhere("path", ["shown.py", "./shown.py", "../programs/shown.py", "linked.py"], few=["./shown.py"])
def test_a_script_sees_what_it_always_sees(venv, folder, path):
    (folder.parent / "real.py").write_text((folder / "shown.py").read_text())
    (folder / "linked.py").symlink_to(folder.parent / "real.py")
    plain, ours = both(venv, folder, path, "--steps", "3", "-m", "x")
    assert ours.out.splitlines()[:-1] == plain.out.splitlines()[:-1]
    assert (ours.code, ours.err) == (plain.code, plain.err)
    assert (plain.out.split()[-1], ours.out.split()[-1]) == ("False", "True")


@everywhere("how", ENDS, few=["chained", "interrupt"])
def test_a_script_ends_as_it_always_ends(venv, folder, how):
    plain, ours = both(venv, folder, "ends.py", how)
    assert ends(ours) == ends(plain)
    assert "at exit" in ours.out or how == "term"


def test_a_module_sees_what_it_always_sees(venv, folder):
    plain, ours = both(venv, folder, "-m", "shown", "--steps", "3")
    assert ours.out.splitlines()[:-1] == plain.out.splitlines()[:-1]
    assert (ours.code, ours.err) == (plain.code, plain.err)


MODULES = [["ends", "error"], ["ends", "three"], ["ends", "interrupt"], ["package", "-m"], ["nope"]]


@everywhere("program", MODULES, few=[["package", "-m"]])
def test_a_module_ends_as_it_always_ends(venv, folder, program):
    plain, ours = both(venv, folder, "-m", *program)
    assert ends(ours) == ends(plain)


@everywhere("program", ["raises.py", "no_python.py"], few=["no_python.py"])
def test_a_script_that_fails_at_once(venv, folder, program):
    (folder / "no_python.py").write_text("class Trainer:\n    def train_step(self, step)\n        return step\n")
    plain, ours = both(venv, folder, program)
    assert ends(ours) == ends(plain)


def test_a_script_that_is_not_there(full, folder):
    plain, ours = both(full, folder, "nope.py")
    assert ours.code == plain.code == 2
    assert ours.err.partition("can't open")[2] == plain.err.partition("can't open")[2]


@everywhere("program", [["spawns.py"], ["-m", "spawns"]], few=[["spawns.py"]])
def test_spawned_children_find_the_main_file_and_are_switched_on(venv, folder, program):
    plain, ours = both(venv, folder, *program)
    assert plain.out == "[(42, '__mp_main__', None, False)]\n"
    assert (ours.out, ours.err) == ("[(42, '__mp_main__', '1', True)]\n", "")


def test_zero_runs_the_program_without_telemetry(full, folder):
    ours = full.run("run", "shown.py", program="llm-telemetry", cwd=folder, LLM_TELEMETRY="0")
    assert (ours.out.split()[-1], ours.code) == ("False", 0)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "name a script, or a module with -m"),
        (["-m"], "name a script, or a module with -m"),
        (["--console", "often", "shown.py"], "LLM_TELEMETRY_CONSOLE='often' must be a whole number of steps"),
        (["--colour", "red", "shown.py"], "unrecognized arguments: --colour red"),
    ],
)
def test_wrong_options_are_told(full, folder, arguments, told):
    done = full.run("run", *arguments, program="llm-telemetry", cwd=folder)
    assert done.code == 2
    assert told in done.err


def test_options_set_the_variables_for_the_program_and_its_children(full, folder):
    (folder / "told.py").write_text("import os, sys; print(os.environ['LLM_TELEMETRY_SINKS'], sys.argv)")
    done = full.run("run", "--sinks=jsonl", "told.py", "--sinks", "x", program="llm-telemetry", cwd=folder)
    assert done.out == "jsonl ['told.py', '--sinks', 'x']\n"


def test_an_import_that_fails_looks_the_same_when_watched(venv, folder):
    plain = venv.run("-B", "ends.py", "import", cwd=folder)
    assert ends(venv.run("-B", "ends.py", "import", cwd=folder, LLM_TELEMETRY="1")) == ends(plain)
