"""`source=` and `correct=`: which field tells a rollout's dataset, and which reward function what is correct."""

import pytest

from llm_telemetry import InstrumentError, instrument
from tests.support.mocking import chat, openai_api
from tests.support.trainers import Memory, RewardComputer, Trainer, train_step, watch


def counts(payload):
    sources = [key.split("/")[1] for key in payload if key.startswith("dataset/") and key.count("/") == 2]
    return {source: payload[f"dataset/{source}/count"] for source in dict.fromkeys(sources)}


def payload_of(tmp_path, items, **settings):
    trainer = Trainer(items, reward_computer=RewardComputer(lambda *_: True))
    with openai_api() as api:
        api.post("/chat/completions").side_effect = lambda _: chat("4")
        telemetry, memory = watch(trainer, tmp_path, **settings)
        train_step(trainer)
        telemetry.uninstrument()
    return memory.last


ITEM = {"problem": "2 + 2?", "problem_type": "math", "ground_truth": "4", "subset": "sums", "source": "all"}


@pytest.mark.parametrize(
    ("named", "source"), [(None, "all"), ("subset", "sums"), ("=mine", "mine")], ids=["usual", "field", "constant"]
)
def test_a_named_field_or_a_constant_is_the_source(tmp_path, named, source):
    assert counts(payload_of(tmp_path, [ITEM], source=named)) == {source: 1}


def test_a_number_in_a_named_field_is_a_source_too(tmp_path):
    assert counts(payload_of(tmp_path, [{**ITEM, "level": 3}], source="level")) == {"3": 1}


def by_hand(tmp_path, tell, **settings):
    memory = Memory()
    with instrument(folder=tmp_path, sinks=[memory], console=0, **settings) as telemetry, telemetry.step(1):
        for _ in range(8):
            tell(telemetry)
    return memory.last


def rewarded(reward, parts=None, source=None):
    def tell(telemetry):
        with telemetry.rollout(source=source) as rollout:
            rollout.rewarded(reward, parts)

    return tell


def test_a_field_that_no_item_has_is_told_once_and_nothing_is_guessed(tmp_path, caplog):
    payload = by_hand(tmp_path, rewarded(1.0), source="subset")
    assert counts(payload) == {"unknown": 8}
    assert caplog.text.count("8 of 8 rollouts (100 %) have no field that is called as source= says") == 1


def test_what_code_says_of_a_rollout_is_nearer_than_a_setting(tmp_path):
    assert counts(by_hand(tmp_path, rewarded(1.0, source="sums"), source="=mine")) == {"sums": 8}
    assert counts(by_hand(tmp_path, rewarded(1.0), source="=mine")) == {"mine": 8}


def test_a_named_function_says_what_is_correct(tmp_path):
    parts = {"judge": 1.0, "form": -2.0}
    payload = by_hand(tmp_path, rewarded(-1.0, parts, "sums"), correct="judge")
    assert (payload["dataset/accuracy"], payload["dataset/avg_reward"]) == (100, -1)
    assert by_hand(tmp_path, rewarded(-1.0, parts, "sums"), correct="form")["dataset/accuracy"] == 0


def test_a_rollout_of_which_the_named_function_says_nothing_is_unscored(tmp_path):
    payload = by_hand(tmp_path, rewarded(1.0, {"judge": None, "form": 1.0}, "sums"), correct="judge")
    assert "dataset/accuracy" not in payload
    assert (payload["dataset/unscored"], payload["dataset/avg_reward"]) == (8, 1)


def test_a_trainer_of_one_reward_function_has_none_to_name():
    with pytest.raises(InstrumentError, match="correct='judge': there is no such reward function; there is one reward"):
        instrument(Trainer(), correct="judge")


@pytest.mark.parametrize("name", ["", "=", 3])
def test_a_name_must_be_one(name):
    with pytest.raises(InstrumentError, match="source must be the name of a column or a field, or = and a constant"):
        instrument(Trainer(), source=name)
