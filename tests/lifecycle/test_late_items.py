"""The items of a function that may be a judge: what it was given is looked at when a call is made, and not before."""

import pytest

from llm_telemetry.events import Evaluation
from llm_telemetry.hooks.scopes import Scope
from llm_telemetry.lifecycle.evaluation import Item, OpenEvaluation, judge
from llm_telemetry.session.rollouts import OpenRollout, Phase
from llm_telemetry.session.session import Session
from llm_telemetry.settings.config import Config

REQUEST = {"messages": [{"role": "user", "content": "Is 4 right?"}]}


class Collector:
    def __init__(self):
        self.evaluations = []

    def add(self, event):
        if isinstance(event, Evaluation):
            self.evaluations.append(event)

    def collect(self, split):
        return {}


class Given:
    """What a function was given, and how often it was looked at."""

    def __init__(self, *sources):
        self.looks = 0
        self.rollouts = [OpenRollout("train", None, source, None) for source in sources or ("sums", "capitals")]

    def __call__(self):
        self.looks += 1
        return [Item(rollout, f"answer {i}") for i, rollout in enumerate(self.rollouts)]


@pytest.fixture
def collector():
    return Collector()


@pytest.fixture
def session(collector):
    return Session(Config(run=False, jsonl=False, collectors=[collector]))


def asked(session, given):
    return OpenEvaluation(Scope(session, Phase("train", 1), "judge"), "judge", given, implied=True)


def test_a_function_that_asks_nobody_is_not_looked_into(session, collector):
    given = Given()
    evaluation = asked(session, given)
    evaluation.begin()
    evaluation.end([1.0, 0.0], None)
    session.counted()
    assert (given.looks, evaluation.keys, collector.evaluations) == (0, [], [])


def test_what_a_judge_is_asked_about_is_looked_at_once(session, collector):
    given = Given()
    evaluation = asked(session, given)
    evaluation.ask(REQUEST)
    assert evaluation.rollout is None  # it is about several
    evaluation.end([1.0, 0.0], None)
    session.flush(Phase("train", 1))
    assert given.looks == 1
    assert evaluation.keys == [rollout.key for rollout in given.rollouts]
    assert collector.evaluations


def test_a_judge_within_a_batch_of_one_source_judges_the_item_that_it_is_told(session, collector):
    given = Given("sums", "sums")
    scope = Scope(session, Phase("train", 1), "judge", source="sums")
    batch = OpenEvaluation(scope, "reward", given, given.rollouts[0], implied=True)
    for i in (1, 0):
        inner = judge("llm_judge")(session, batch.begin(), {"prediction": f"answer {i}"})
        inner.begin()
        inner.end(True, None)
    session.flush(Phase("train", 1))
    assert [one.rollout for one in collector.evaluations] == [given.rollouts[1].key, given.rollouts[0].key]
    assert [one.source for one in collector.evaluations] == ["sums", "sums"]
    assert batch.keys == [rollout.key for rollout in given.rollouts]
