"""The startup file: what it is, what it costs, what happens when something is wrong with it."""

import ast
import subprocess
import sys
import zipfile

import pytest

from tests.activation.conftest import HERE, ROOT, everywhere, isolation, pip

PTH = b'import os; os.environ.get("LLM_TELEMETRY") and __import__("_llm_telemetry_autostart").start()\n'
START = b"_llm_telemetry_autostart:start\n"
STARTUP = ("llm_telemetry.pth", "llm_telemetry.start", "_llm_telemetry_autostart.py")
STATE = """
import sys
avoided = ("wrapt", "openai", "typing", "logging", "pathlib", "encodings.ascii", "__future__")
names = [name for name in sys.modules if "llm_telemetry" in name or name in avoided]
print(sorted(names), [type(f).__name__ for f in sys.meta_path].count("Finder"))
"""
NOTHING = "[] 0\n"
WAITING = [
    "_llm_telemetry_autostart",
    "llm_telemetry",
    "llm_telemetry.activation",
    "llm_telemetry.activation.finder",
    "llm_telemetry.imports",
    "llm_telemetry.names",
    "llm_telemetry.words",
]


def imported_by(path):
    """The modules that a file imports, wherever in it."""
    nodes = [*ast.walk(ast.parse(path.read_bytes()))]
    plain = {alias.name for node in nodes if isinstance(node, ast.Import) for alias in node.names}
    return plain | {node.module for node in nodes if isinstance(node, ast.ImportFrom)}


def contents(wheel):
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist() if "dist-info" not in name}


def test_the_wheel_holds_the_startup_files_byte_by_byte(wheel):
    files = contents(wheel)
    assert files["llm_telemetry.pth"] == PTH
    assert files["llm_telemetry.start"] == START
    assert {name.partition("/")[0] for name in files} == {
        "llm_telemetry",
        "llm_telemetry.pth",
        "llm_telemetry.start",
        "_llm_telemetry_autostart.py",
    }


def test_the_startup_file_leads_to_the_finder_alone_and_nothing_leads_to_it():
    """The import contract cannot say this: import-linter takes packages, and the startup file is a single module."""
    door = ROOT / "_llm_telemetry_autostart.py"
    foreign = {"sys", "collections.abc", "typing"}
    assert imported_by(door) - foreign == {"llm_telemetry.activation.finder"}
    assert [path for path in (ROOT / "llm_telemetry").rglob("*.py") if door.stem in imported_by(path)] == []


def test_the_document_shows_the_same_bytes():
    page = (ROOT / "docs" / "activation.md").read_text(encoding="utf-8")
    assert PTH.decode() in page
    assert START.decode() in page


@everywhere("value", [None, "", "0", "false", "No", " OFF "], few=[None])
def test_nothing_starts_unless_the_variable_says_so(venv, tmp_path, value):
    done = venv.run("-c", STATE, cwd=tmp_path, **({} if value is None else {"LLM_TELEMETRY": value}))
    assert done.out == NOTHING if not (value or "").strip() else done.out.endswith(" 0\n")
    assert done.err == ""


@everywhere("value", ["1", "TRUE", "yes", "on "], few=["1"])
def test_one_finder_waits_and_nothing_else_is_imported(venv, tmp_path, value):
    done = venv.run("-c", STATE, cwd=tmp_path, LLM_TELEMETRY=value)
    assert (done.out, done.err, done.code) == (f"{WAITING} 1\n", "", 0)


def test_the_line_may_run_as_often_as_it_likes(venv, tmp_path):
    again = f"import site; site.addsitedir({str(venv.site)!r}); import _llm_telemetry_autostart as a; a.start()\n"
    assert venv.run("-c", again + STATE, cwd=tmp_path, LLM_TELEMETRY="1").out.endswith(" 1\n")


@pytest.mark.parametrize(
    ("variables", "told"),
    [
        pytest.param({"LLM_TELEMETRY": "maybe"}, "LLM_TELEMETRY='maybe' must be 1, true, yes, on (on) or 0,", id="on"),
        pytest.param(
            {"LLM_TELEMETRY": "1", "LLM_TELEMETRY_TRAINER": "Trainer"},
            "LLM_TELEMETRY_TRAINER='Trainer' must be module:Class",
            id="trainer",
        ),
    ],
)
def test_a_bad_value_is_one_clear_line(venv, tmp_path, variables, told):
    done = venv.run("-c", "print('trained')", cwd=tmp_path, **variables)
    assert (done.out, done.code) == ("trained\n", 0)
    assert done.err.startswith(f"llm_telemetry: {told}")
    assert done.err.endswith("Your program goes on without telemetry.\n")
    assert done.err.count("\n") == 1


def test_where_it_runs_and_where_not(full, tmp_path):
    alive = [
        full.run(flag, "-c", STATE, cwd=tmp_path, LLM_TELEMETRY="1").out.endswith(" 1\n") for flag in ("-I", "-E", "-S")
    ]
    assert alive == [True, True, False]


def test_a_broken_installation_starts_python_and_uninstalling_leaves_nothing(make_venv, wheel, tmp_path, venv):
    version = venv.site.parent.name.removeprefix("python")
    own = make_venv(version)
    (own.site / "other.py").touch()  # pip removes a folder that would be empty
    before = {path.relative_to(own.site) for path in own.site.rglob("*")}
    pip("install", "--no-deps", "--no-index", wheel, python=own.bin / "python")
    module = own.site / "_llm_telemetry_autostart.py"
    kept = module.read_bytes()
    for broken in (None, b"raise RuntimeError('broken')\n"):
        module.unlink() if broken is None else module.write_bytes(broken)
        done = own.run("-c", "print('trained')", cwd=tmp_path, LLM_TELEMETRY="1")
        assert (done.out, done.code) == ("trained\n", 0)
        assert own.run("-c", "print('trained')", cwd=tmp_path).err == ""
    module.write_bytes(kept)
    pip("uninstall", "-y", "llm_telemetry", python=own.bin / "python")
    assert {path.relative_to(own.site) for path in own.site.rglob("*")} == before


@pytest.mark.long
def test_a_wheel_made_of_the_sdist_is_the_same(wheel, tmp_path):
    pytest.importorskip("hatchling")
    build = [sys.executable, "-m", "hatchling", "build", "-t", "sdist", "-d", str(tmp_path)]
    subprocess.run(build, check=True, cwd=ROOT, capture_output=True)
    pip("wheel", "--no-deps", *isolation(), "-w", tmp_path, next(tmp_path.glob("*.tar.gz")))
    again, first = contents(next(tmp_path.glob("*.whl"))), contents(wheel)
    assert again.keys() == first.keys()
    assert [again[name] for name in STARTUP] == [first[name] for name in STARTUP]


def test_an_editable_installation_starts_too_and_stays_editable(make_venv, tmp_path):
    pytest.importorskip("hatchling")
    own = make_venv(HERE)
    pip("install", "--no-deps", *isolation(), "-e", ROOT, python=own.bin / "python")
    assert (own.site / "llm_telemetry.pth").read_bytes() == PTH
    where = "import sys; print(sys.modules['_llm_telemetry_autostart'].__file__)"
    done = own.run("-c", where, cwd=tmp_path, LLM_TELEMETRY="1")
    assert done.out == f"{ROOT / '_llm_telemetry_autostart.py'}\n"
