"""The soft stop: asked for, it ends a training between two steps, and never breaks anything on its way."""

import asyncio

import pytest

from llm_telemetry import InstrumentError, guard, instrument
from llm_telemetry.settings.conditions import read_conditions
from llm_telemetry.settings.variables import configured
from llm_telemetry.stopping import StopTraining
from tests.support.mocking import chat, openai_api
from tests.support.trainers import Memory, Trainer, watch


@pytest.fixture(autouse=True)
def _judge():
    with openai_api(assert_all_called=False) as api:
        api.post("/chat/completions").mock(side_effect=lambda _: chat("true"))
        yield


class Stubborn(Trainer):
    """Tries again whatever a step has raised, as many trainers do."""

    def __init__(self):
        super().__init__()
        self.begun, self.ended = [], False

    def train(self, steps=5):
        try:
            for step in range(1, steps + 1):
                self.begun.append(step)
                try:
                    asyncio.run(self.train_step(step))
                except Exception:  # noqa: BLE001 - the way of real trainers
                    asyncio.run(self.train_step(step))
        finally:
            self.ended = True


def trained(tmp_path, stop_when, trainer=None):
    """A training, and what it was stopped by."""
    trainer = trainer or Stubborn()
    telemetry, memory = watch(trainer, tmp_path, stop_when=stop_when)
    stopped = None
    try:
        trainer.train()
    except StopTraining as reason:
        stopped = str(reason)
    telemetry.uninstrument()
    return trainer, [payload.step for payload in memory.payloads], stopped


def test_nothing_is_stopped_where_nobody_has_asked(tmp_path):
    assert trained(tmp_path, None)[1:] == ([1, 2, 3, 4, 5], None)


def test_a_limit_ends_the_training_after_the_step_whose_payload_is_beyond_it(tmp_path, caplog):
    trainer, told, stopped = trained(tmp_path, "judge/success_rate < 0.5, cost/total_samples > 2")
    assert (trainer.begun, told, trainer.ended) == ([1, 2, 3], [1, 2, 3], True)
    assert stopped == "cost/total_samples is 3, above 2"
    assert "the training is stopped after step 3: cost/total_samples is 3, above 2" in caplog.text


def test_a_function_of_the_payload_says_when_and_why(tmp_path):
    assert trained(tmp_path, lambda payload: payload.step == 2 and "enough")[1:] == ([1, 2], "enough")


def test_a_key_that_is_absent_is_beyond_no_limit(tmp_path):
    assert trained(tmp_path, "judge/inconsistent_rate > 0, val/accuracy < 50")[2] is None


def test_a_function_that_raises_is_counted_and_stops_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(guard.failures, "strict", False)
    _, told, stopped = trained(tmp_path, lambda payload: payload.values["no such key"] > 1)
    assert (told, stopped) == ([1, 2, 3, 4, 5], None)


def test_what_a_validation_says_stops_the_training_after_the_next_step(tmp_path):
    trainer = Stubborn()
    telemetry, _ = watch(trainer, tmp_path, stop_when="val/accuracy > 99")
    asyncio.run(trainer.evaluate_on_val_set(1))
    with pytest.raises(StopTraining, match="val/accuracy is 100, above 99"):
        trainer.train()
    telemetry.uninstrument()
    assert trainer.begun == [1]


def test_who_goes_on_nevertheless_is_told_again(tmp_path):
    trainer = Stubborn()
    telemetry, memory = watch(trainer, tmp_path, stop_when="cost/total_samples > 0")
    for _ in range(2):
        with pytest.raises(StopTraining):
            trainer.train(1)
    telemetry.uninstrument()
    assert len(memory.payloads) == 2


def test_a_step_that_fails_by_itself_raises_what_it_raises(tmp_path):
    trainer = Trainer()
    trainer.data_manager.sample_batch = lambda _size: 1 / 0
    telemetry, _ = watch(trainer, tmp_path, stop_when=lambda _: True)
    with pytest.raises(ZeroDivisionError):
        asyncio.run(trainer.train_step(1))
    telemetry.uninstrument()


def test_a_step_by_hand_is_stopped_where_its_block_ends():
    memory = Memory()
    telemetry = instrument(console=0, jsonl=False, run=False, sinks=[memory], stop_when="dataset/count > 0")
    with pytest.raises(StopTraining), telemetry.step(1), telemetry.rollout(source="math") as rollout:
        rollout.rewarded(1.0)
    telemetry.uninstrument()
    assert [payload.step for payload in memory.payloads] == [1]


def test_several_ranks_are_not_stopped_and_it_is_told_once(tmp_path, monkeypatch, caplog):
    trainer = Stubborn()
    telemetry, memory = watch(trainer, tmp_path, stop_when="cost/total_samples > 1")
    monkeypatch.setenv("RANK", "0")
    monkeypatch.setenv("WORLD_SIZE", "2")
    trainer.train()
    telemetry.uninstrument()
    assert len(memory.payloads) == 5
    assert caplog.text.count("this training has several ranks") == 1


@pytest.mark.parametrize(
    ("stop_when", "why"),
    [
        ("cost/total_cots > 5", r"no payload has a key 'cost/total_cots'"),
        ("cost/total_cost = 5", r"'cost/total_cost = 5' is no condition"),
        ("", "'' is no condition"),
        (5, "stop_when must be limits such as"),
    ],
)
def test_a_condition_that_cannot_be_is_refused(stop_when, why):
    with pytest.raises(InstrumentError, match=why):
        instrument(Trainer(), stop_when=stop_when)


def test_a_key_of_the_user_s_own_collector_is_taken_as_it_is(tmp_path):
    class Own:
        def add(self, event):
            pass

        def collect(self, split):
            return {"own/number": 7}

    trainer = Stubborn()
    telemetry, _ = watch(trainer, tmp_path, stop_when="own/number > 6", collectors=[Own()])
    with pytest.raises(StopTraining, match="own/number is 7, above 6"):
        trainer.train()
    telemetry.uninstrument()


def test_a_variable_says_it_in_the_same_words():
    text = "cost/total_cost > 5e1, judge/success_rate<.5"
    assert configured({}, {"LLM_TELEMETRY_STOP_WHEN": text}).stop_when == text
    assert [tuple(one) for one in read_conditions(text)] == [
        ("cost/total_cost", True, 50.0),
        ("judge/success_rate", False, 0.5),
    ]
    assert configured({}, {"LLM_TELEMETRY_STOP_WHEN": "math:isnan"}).stop_when.__name__ == "isnan"
