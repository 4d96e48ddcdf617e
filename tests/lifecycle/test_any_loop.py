"""Whatever loop a trainer is, and whatever its reward function is told: no reward goes to another dataset."""

import random
import tempfile
from dataclasses import dataclass
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.loops import Loop, payload_of

SOURCES = ("gsm8k", "math")


@dataclass
class Made:
    item: dict
    text: str


class Executor:
    def __init__(self, told, fails):
        self.told, self.fails, self.runs = told, fails, 0

    def execute(self, given):
        self.runs += 1
        if self.runs % 7 in self.fails:
            raise TimeoutError
        text = f"{self.runs}: about {given if isinstance(given, str) else given['question']}"
        return Made(given, text) if self.told == "trajectory" else text


class Grader:
    """Everything of gsm8k is right, nothing of math: a reward in the wrong place shows."""

    def compute_reward(self, truth, **told):
        return float(truth)


TOLD = {
    "problem": lambda item, made: {"question": item["question"]},
    "item": lambda item, made: {"item": item},
    "trajectory": lambda item, made: {"trajectory": made},
    "answer": lambda item, made: {"response": made},
    "cleaned answer": lambda item, made: {"response": made.split()[-1]},
    "source": lambda item, made: {"data_source": item["dataset"]},
    "nothing": lambda item, made: {},
}
GIVEN = {"item": lambda item: item, "problem": lambda item: item["question"], "prompt": lambda i: f"Q: {i['question']}"}


ORDERS = {"one by one": iter, "batch first": list, "backwards": lambda pairs: list(pairs)[::-1]}


def attempt(trainer, given):
    try:
        return trainer.executor.execute(given)
    except TimeoutError:
        return None


@given(
    told=st.sampled_from(sorted(TOLD)),
    given_as=st.sampled_from(sorted(GIVEN)),
    order=st.sampled_from(sorted(ORDERS)),
    samples=st.integers(1, 3),
    fails=st.sets(st.integers(0, 6), max_size=2),
    again=st.booleans(),
    seed=st.integers(0, 99),
)
@settings(max_examples=40, deadline=None)
def test_no_reward_goes_to_another_dataset(told, given_as, order, samples, fails, again, seed):
    items = [{"question": f"{source} {i}?", "dataset": source} for source in SOURCES for i in range(3)]
    todo = [item for item in items for _ in range(samples)]
    random.Random(seed).shuffle(todo)

    def reward(trainer, item, made):
        for _ in range(0 if made is None else 1 + again):
            trainer.reward.compute_reward(item["dataset"] == "gsm8k", **TOLD[told](item, made))

    def body(trainer):
        trainer.data.sample_batch()
        pairs = ((item, attempt(trainer, GIVEN[given_as](item))) for item in todo)
        for item, made in ORDERS[order](pairs):
            reward(trainer, item, made)

    class Data:
        def sample_batch(self):
            return items

    with tempfile.TemporaryDirectory() as folder:
        executor = Executor(told, fails)
        payload = payload_of(Loop(body, data=Data(), executor=executor, reward=Grader()), Path(folder))
    hold(payload)
    if (told in ("problem", "item", "trajectory") and not (again and given_as == "prompt")) or order == "one by one":
        assert payload["dataset/unmatched_rewards"] == 0


def hold(payload):
    """Hold what is told of each dataset against what its rewards were."""
    counts = {source: payload.get(f"dataset/{source}/count", 0) for source in (*SOURCES, "unknown")}
    for source in SOURCES:
        accuracy = payload.get(f"dataset/{source}/accuracy")
        if accuracy is not None:
            scored = counts[source] - payload[f"dataset/{source}/unscored"]
            right = scored - payload[f"dataset/{source}/failed"] if source == "gsm8k" else 0
            assert round(accuracy * scored / 100) == right
