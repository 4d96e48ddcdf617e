"""What a run will have cost at its end, and how many steps it will have."""

import json
from types import SimpleNamespace

import pytest

from llm_telemetry import InstrumentError, instrument
from llm_telemetry.collectors.projection import Projection
from llm_telemetry.trainers.length import steps_of
from tests.support.mocking import chat, openai_api
from tests.support.trainers import Trainer, train_step, watch


def projected(spent, steps, first=1):
    """What is projected after each of these steps, which have cost so much together."""
    projection = Projection()
    said = []
    for step, usd in enumerate(spent, first):
        projection.begin(step, usd)
        said.append(projection.at_end(step, steps, usd))
    return said


def test_the_steps_to_come_cost_what_those_after_the_first_have_cost():
    assert projected([9.0, 10.0, 13.0], steps=5) == [None, 13.0, 17.0]


def test_after_the_last_step_it_is_what_the_run_has_cost():
    assert projected([1.0, 3.0, 4.0], steps=3)[-1] == 4.0
    assert projected([1.0, 3.0, 4.0], steps=3, first=0)[-1] == 4.0


def test_nothing_is_projected_beyond_the_number_of_steps_or_without_it():
    assert projected([1.0, 2.0, 3.0], steps=2) == [None, 2.0, None]
    assert projected([1.0, 2.0], steps=None) == [None, None]
    assert projected([None, None], steps=5) == [None, None]


def test_a_run_that_goes_on_projects_from_its_beginning():
    before, after = Projection(), Projection()
    before.begin(10, 1.0)
    after.restore(json.loads(json.dumps(before.state())))
    after.begin(60, 60.0)
    assert after.at_end(60, 110, 101.0) == 201.0


@pytest.mark.parametrize(
    "trainer",
    [
        SimpleNamespace(max_steps=7, state=SimpleNamespace(max_steps=0)),
        SimpleNamespace(max_steps=9, state=SimpleNamespace(max_steps=7)),
        SimpleNamespace(args=SimpleNamespace(max_steps=-1), config={"steps": 7}),
        SimpleNamespace(total_training_steps=7, steps=3),
    ],
)
def test_the_number_of_steps_is_read_off_the_trainer(trainer):
    assert steps_of(trainer) == 7


def test_what_may_be_the_steps_taken_so_far_is_no_number_of_steps():
    assert steps_of(SimpleNamespace(steps=3, max_steps=True, args=SimpleNamespace(max_steps=-1))) is None


def test_each_line_and_payload_say_how_many_steps_there_will_be_and_what_they_cost(tmp_path):
    trainer = Trainer()
    with openai_api() as api:
        api.post("/chat/completions").mock(side_effect=chat("true"))
        telemetry, memory = watch(trainer, tmp_path)
        train_step(trainer, 1)
        trainer.max_steps = 10
        train_step(trainer, 2)
        telemetry.uninstrument()
    first, second = map(json.loads, telemetry.path.read_text().splitlines())
    assert "steps" not in first
    assert (second["steps"], memory.payloads[-1].steps) == (10, 10)
    assert "cost/projected" not in first["payload"]
    assert second["payload"]["cost/projected"] == pytest.approx(10 * first["payload"]["cost/total_cost"])


def test_what_is_told_wins_over_what_the_trainer_says(tmp_path):
    trainer = Trainer()
    trainer.max_steps = 10
    with openai_api() as api:
        api.post("/chat/completions").mock(side_effect=chat("true"))
        telemetry, memory = watch(trainer, tmp_path, steps=4)
        train_step(trainer)
        telemetry.uninstrument()
    assert memory.payloads[0].steps == 4


def test_a_number_of_steps_that_cannot_be_is_refused():
    with pytest.raises(InstrumentError, match="steps must be a whole number of steps above 0, not 0"):
        instrument(Trainer(), steps=0)
