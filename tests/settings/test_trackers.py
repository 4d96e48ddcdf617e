"""Trackers by name: what can be asked for, and what is said where one cannot."""

import importlib.util
import sys

import pytest

from llm_telemetry import instrument
from llm_telemetry.settings import trackers
from llm_telemetry.settings.config import Config, InstrumentError
from llm_telemetry.settings.variables import VariableError, configured
from llm_telemetry.sinks.trackers.runs import TRACKERS
from tests.support.children import ROOT, python
from tests.support.trainers import Memory, Trainer


@pytest.fixture
def installed(monkeypatch):
    """All of them are, whatever this environment has."""
    monkeypatch.setattr(trackers, "_is_installed", lambda name: True)


def test_the_names_of_the_settings_are_those_of_the_sinks():
    assert tuple(TRACKERS) == trackers.TRACKERS


def test_an_unknown_name_is_told_with_those_that_there_are():
    with pytest.raises(InstrumentError, match=r"sinks: there is no tracker 'trackyo'; there are: mlflow, .*trackio"):
        instrument(Trainer(), sinks=["trackyo"])


@pytest.mark.parametrize("name", trackers.TRACKERS)
def test_one_that_is_not_installed_is_told_with_what_to_install(monkeypatch, name):
    monkeypatch.delitem(sys.modules, name, raising=False)
    monkeypatch.setattr(importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(
        InstrumentError, match=rf"sinks: {name} is not installed: pip install 'llm_telemetry\[{name}\]'"
    ):
        instrument(Trainer(), sinks=[name])
    with pytest.raises(VariableError, match=rf"LLM_TELEMETRY_SINKS='{name}' .*{name} is not installed"):
        configured({}, {"LLM_TELEMETRY_SINKS": name})


def test_a_folder_of_that_name_is_no_package(monkeypatch, tmp_path):
    (tmp_path / "trackio").mkdir()
    monkeypatch.delitem(sys.modules, "trackio", raising=False)
    monkeypatch.setattr(sys, "path", [str(tmp_path)])
    with pytest.raises(ValueError, match="trackio is not installed"):
        trackers.check_tracker("trackio")


@pytest.mark.usefixtures("installed")
def test_names_and_objects_are_mixed_as_one_likes():
    memory = Memory()
    assert configured({"sinks": ["trackio", memory, "mlflow"]}, {}).sinks == ("trackio", memory, "mlflow")


@pytest.mark.usefixtures("installed")
@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("tensorboard,mlflow", {"sinks": ("mlflow", "tensorboard")}),
        ("jsonl, Trackio", {"sinks": ("trackio",), "run": False, "console": 0}),
        ("jsonl,wandb,console,swanlab", {"sinks": ("swanlab",)}),
    ],
)
def test_trackers_in_the_variable_are_added_and_the_places_named_beside_them_are_the_only_ones(value, expected):
    config = configured({}, {"LLM_TELEMETRY_SINKS": value})
    assert set(config.differences(Config())) == set(expected)
    assert {name: getattr(config, name) for name in expected} == expected


def test_no_tracker_is_imported_that_nobody_asked_for():
    code = """
import sys
from llm_telemetry import instrument
class Trainer:
    def train_step(self, step): pass
trainer = Trainer()
with instrument(trainer, console=0, jsonl=False):
    trainer.train_step(1)
print(*sorted({"mlflow", "swanlab", "tensorboard", "trackio", "wandb", "torch"} & set(sys.modules)))
"""
    assert python("-c", code, cwd=ROOT).stdout.split() == []
