"""Kinds of trainers: which adapter a trainer gets, and what a user's own one can do."""

import importlib.metadata
import logging

import pytest

from llm_telemetry import InstrumentError, guard, instrument
from llm_telemetry.trainers import registry
from llm_telemetry.trainers.adapter import Adapter, Found
from llm_telemetry.trainers.kinds import JUDGING_REWARD, ROLLOUT, STEP
from llm_telemetry.trainers.registry import adapter_for, register
from tests.support.trainers import Memory


class Camp:
    """A trainer of no shape that we know: everything on itself, under names of its own."""

    def advance(self, step):
        answer = self.attempt({"question": "2 + 2?", "source": "sums"})
        return self.points("2 + 2?", answer)

    def attempt(self, item):
        return "4"

    def points(self, question, answer):
        return 1.0


class CampAdapter(Adapter):
    name = "camp"

    def matches(self, trainer):
        return type(trainer) is Camp

    def find(self, trainer, config):
        watched = [STEP.of(trainer, "advance"), ROLLOUT.of(trainer, "attempt")]
        return Found([*watched, JUDGING_REWARD.of(trainer, "points", "camp")], lacks=["there is no campfire"])


@pytest.fixture(autouse=True)
def _forget():
    yield
    registry.forget(CampAdapter)


def payload_of(tmp_path, **settings):
    trainer, memory = Camp(), Memory()
    with instrument(trainer, folder=tmp_path, sinks=[memory], **settings):
        trainer.advance(3)
    return memory.last


def is_whole(payload):
    keys = ("llm_telemetry/step", "dataset/sums/accuracy", "dataset/count", "judge/calls", "judge/correct_count")
    return [payload.get(key) for key in keys] == [3, 100, 1, 1, 1]


@pytest.mark.parametrize("given", [CampAdapter, CampAdapter()])
def test_an_adapter_that_is_handed_in_says_what_is_watched(tmp_path, given):
    assert is_whole(payload_of(tmp_path, adapter=given))


def test_a_registered_adapter_is_asked_before_ours(tmp_path):
    register(CampAdapter)
    assert is_whole(payload_of(tmp_path))


def test_a_registered_adapter_has_a_name_to_be_chosen_by(tmp_path):
    with pytest.raises(InstrumentError, match=r"adapter='camp': there is no such adapter; there are .*by_shape"):
        payload_of(tmp_path, adapter="camp")
    register(CampAdapter)
    assert is_whole(payload_of(tmp_path, adapter="camp"))
    with pytest.raises(InstrumentError, match="has no step method"):
        payload_of(tmp_path, adapter="by_shape")


def test_an_installed_package_brings_its_adapter(tmp_path, monkeypatch):
    point = importlib.metadata.EntryPoint("camp", f"{__name__}:CampAdapter", registry.GROUP)
    broken = importlib.metadata.EntryPoint("gone", "no_such_package:Adapter", registry.GROUP)
    monkeypatch.setattr(importlib.metadata, "entry_points", lambda group: [broken, point])
    monkeypatch.setattr(registry, "_installed", None)
    monkeypatch.setattr(guard.failures, "strict", False)
    assert is_whole(payload_of(tmp_path))


def test_what_an_adapter_misses_is_told(tmp_path, caplog):
    with caplog.at_level(logging.WARNING, logger="llm_telemetry"):
        payload_of(tmp_path, adapter=CampAdapter)
    assert "Camp: there is no campfire" in caplog.text


def test_an_adapter_that_cannot_look_at_a_strangers_trainer_is_passed_over(monkeypatch):
    class Rash(CampAdapter):
        def matches(self, trainer):
            return trainer.camp.is_open

    monkeypatch.setattr(guard.failures, "strict", False)
    register(Rash)
    try:
        assert adapter_for(Camp()).name == "by_shape"
    finally:
        registry.forget(Rash)


@pytest.mark.parametrize("given", [object(), int, 3])
def test_what_is_no_adapter_is_told(given):
    with pytest.raises(InstrumentError, match="has not a method matches"):
        instrument(Camp(), adapter=given)
