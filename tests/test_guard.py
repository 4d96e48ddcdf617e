"""The guard itself: what it reports may be hostile, and what the user calls by hand fails open too."""

import ast
import functools
import subprocess
import sys
from pathlib import Path

import pytest

import _llm_telemetry_autostart as door
import llm_telemetry
from llm_telemetry import guard
from llm_telemetry.handle import Telemetry, handles
from llm_telemetry.hooks.patching import patches
from llm_telemetry.session.session import Session
from llm_telemetry.session.sessions import active
from tests.chaos.breaking import HostileError
from tests.support.loops import Grader, Loop
from tests.support.trainers import watch

ROOT = Path(guard.__file__).parent
OURS = [path for path in sorted(ROOT.rglob("*.py")) if path.relative_to(ROOT).parts[0] != "demo"]


@pytest.fixture(autouse=True)
def _as_in_production(monkeypatch):
    monkeypatch.setattr(guard, "failures", guard.Failures())


def trainer():
    return Loop(lambda loop: loop.reward.compute_reward("p", "p"), reward=Grader())


class Nameless:
    """A callable that does not like to be looked at."""

    def __getattr__(self, name):
        raise LookupError(name)

    def __repr__(self):
        raise RuntimeError("nobody reads")

    def __call__(self, *_):
        raise HostileError


class Collector:
    """One whose methods are no functions, and raise what nobody can read."""

    def __init__(self):
        self.add = functools.partial(Nameless())
        self.collect = functools.partial(Nameless())


def test_a_failure_that_cannot_be_read_of_a_function_without_a_name_is_counted_and_passes(tmp_path):
    loop = trainer()
    _, memory = watch(loop, tmp_path, collectors=[Collector()])
    assert [loop.train_step(step) for step in (1, 2)] == [1.0, 1.0]
    assert memory.last["telemetry/errors"] >= 3
    assert memory.last["dataset/count"] == 1


@pytest.mark.parametrize("broken", ["flush_rest", "close"])
def test_the_handle_fails_open_and_leaves_nothing_behind(tmp_path, monkeypatch, broken):
    loop = trainer()
    telemetry, _ = watch(loop, tmp_path)
    monkeypatch.setattr(Session, broken, lambda *_, **__: 1 / 0)
    telemetry.flush()
    with telemetry:
        telemetry.print_summary()
    assert (active, handles, patches._applied) == ([], {}, {})


@pytest.mark.parametrize("place", ["Telemetry.__init__", "SpoolReader.__init__", "Place.__init__"])
def test_a_failure_of_ours_in_instrument_is_told_and_the_training_begins_without_telemetry(
    tmp_path, monkeypatch, caplog, place
):
    from llm_telemetry.runs.place import Place  # noqa: PLC0415
    from llm_telemetry.session.reader import SpoolReader  # noqa: PLC0415

    owner, name = place.split(".")
    owners = {"Session": Session, "Telemetry": Telemetry, "SpoolReader": SpoolReader, "Place": Place}
    monkeypatch.setattr(owners[owner], name, lambda *_, **__: 1 / 0)
    loop = trainer()
    with llm_telemetry.instrument(loop, folder=tmp_path, run=False, console=0) as telemetry:
        assert loop.train_step(1) == 1.0
        telemetry.flush()
    assert "failed in" in caplog.text
    assert patches._applied == {}


def test_a_mistake_in_the_call_is_still_the_caller_s():
    with pytest.raises(llm_telemetry.InstrumentError, match="None"):
        llm_telemetry.instrument(None)


def test_an_interrupt_passes_every_guard():
    @guard.guarded
    def stopped():
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    done = []
    guard.after_own_work(done.append)("at once")
    assert done == ["at once"]


AT_EXIT = """
import atexit
from llm_telemetry import guard
guard._postponed.append((-1, print))
atexit.register(guard.guarded(print), "ended")
"""


def test_what_another_thread_has_put_off_is_in_no_guard_s_way_where_python_itself_calls():
    ended = subprocess.run([sys.executable, "-c", AT_EXIT], capture_output=True, text=True, check=True)
    assert (ended.stdout, ended.stderr) == ("ended\n", "")


def test_a_failure_that_cannot_be_read_does_not_pass_the_startup_door(capsys):
    def fail():
        raise HostileError("why")

    assert door.attempt(fail) is None
    assert "(HostileError: why)" in capsys.readouterr().err


def imported_by(tree):
    """Yield what a module imports, and the names of what it asks of `logging`."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            yield node.module or ""
        elif isinstance(node, ast.Attribute) and getattr(node.value, "id", "") == "logging":
            yield f"logging.{node.attr}"


def test_every_line_of_the_log_goes_through_the_one_logger_that_says_whose_it_is():
    asks = {path.name: set(imported_by(ast.parse(path.read_text(encoding="utf-8")))) for path in OURS}
    assert {name for name, found in asks.items() if "logging.getLogger" in found} == {"guard.py"}
    assert {name for name, found in asks.items() if "logging" in found} == {"guard.py"}


def test_no_module_of_ours_can_begin_a_collective_of_torch_s():
    found = {name for path in OURS for name in imported_by(ast.parse(path.read_text(encoding="utf-8")))}
    assert {name for name in found if name.partition(".")[0] in ("torch", "accelerate", "deepspeed")} == set()
