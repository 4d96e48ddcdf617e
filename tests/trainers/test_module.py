"""A script without a trainer object: its functions are found, and its own rows in W&B are its steps."""

import sys
import types

import pytest

from llm_telemetry import InstrumentError, instrument
from llm_telemetry.trainers.module import ModuleFunctions
from tests.support.trainers import Memory

SCRIPT = """
def rollout(problem):
    return "4"

def parse_reward(text):
    return 0.5

def make_reward_model(prediction):
    return None

def accuracy_reward(problem, prediction):
    return 1.0 if judge_answer(problem, prediction) else 0.0

def judge_answer(problem, prediction):
    return prediction == "4"

def build_judge(prediction):
    return judge_answer

def epoch():
    return [accuracy_reward("2 + 2?", rollout("2 + 2?")) for _ in range(2)]
"""


@pytest.fixture
def script(tmp_path, monkeypatch):
    """A module of the user's own."""
    path = tmp_path / "script_of_functions.py"
    path.write_text(SCRIPT)
    monkeypatch.syspath_prepend(tmp_path)
    module = __import__("script_of_functions")
    yield module
    del sys.modules["script_of_functions"]


class Run:
    """A W&B run, as far as its rows go."""

    def __init__(self):
        self.rows = []

    def log(self, data, step=None, commit=None):
        self.rows.append(dict(data))


def test_what_looks_like_a_part_is_found_and_what_only_makes_one_is_not(script):
    found = {(row.kind.name, row.part.name) for row in ModuleFunctions().find(script, None).watched}
    assert found == {("executor", "rollout"), ("reward", "accuracy_reward"), ("judges", "judge_answer")}


def test_functions_of_a_library_are_none_of_the_script_s():
    module = types.ModuleType("mine")
    module.compute_reward = pytest.importorskip("inspect").getsource
    with pytest.raises(InstrumentError, match="mine has no function that looks like a reward or a judge"):
        instrument(module)


def test_a_script_that_logs_nowhere_has_one_payload(script, tmp_path):
    memory = Memory()
    with instrument(script, run=False, console=0, folder=tmp_path, sinks=[memory]):
        script.epoch()
    assert len(memory.payloads) == 1
    assert [memory.last[f"dataset/{key}"] for key in ("count", "accuracy")] == [2, 100]
    assert memory.last["judge/correct_count"] == 2
    assert not hasattr(script.accuracy_reward, "__wrapped__")
