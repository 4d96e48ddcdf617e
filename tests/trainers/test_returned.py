"""What a reward function or an executor may return, and how it may fail."""

import re
import types
from collections import UserDict
from decimal import Decimal

import numpy as np
import pytest

from tests.support.loops import GSM, MMLU, Grader, Items, Loop, SyncExecutor, counts, payload_of, right
from tests.trainers.test_rewards import one_by_one


def stable(value):
    """Name a value in a test's name, without its address."""
    return re.sub(r" at 0x[0-9a-f]+", "", repr(value))


class Tensor:
    """As much of a tensor as a reward has; its truth is not to be asked for."""

    def __init__(self, values):
        self.values = np.array(values)
        self.shape = self.values.shape

    def tolist(self):
        return self.values.tolist()

    def __float__(self):
        return float(self.values)

    def __bool__(self):
        raise RuntimeError("the truth of a tensor is ambiguous")

    __len__ = __iter__ = None


class Asked:
    """A result that computes its reward when it is asked for it."""

    times = 0

    @property
    def reward(self):
        self.times += 1
        return 1.0


@pytest.mark.parametrize(
    "result",
    [
        1,
        1.0,
        True,
        Decimal(1),
        np.float64(1),
        np.float32(1),
        np.int64(1),
        np.bool_(True),
        np.array(1.0),
        np.array([1.0]),
        "1.0",
        " 1 ",
        (1.0, {"why": "it is 4"}),
        ({"why": "it is 4"}, 1.0),
        ("4", 1.0),
        ("it is 4", {"reward": 1.0}),
        (1.0, True, {}),
        [1.0],
        [{"rewards": 1.0}],
        {"rewards": np.array([1.0])},
        {"overall": 1.0, "format": 0.0, "accuracy": 1.0},
        {"accuracy": 1.0, "why": "it is 4"},
        ([0.5, 0.5], 1.0),
        {"reward": 1.0, "format": 0.0},
        {"score": 1},
        types.SimpleNamespace(reward=1.0),
        types.SimpleNamespace(score=np.float32(1.0), reward=None),
        Tensor(1.0),
        Tensor([1.0]),
        UserDict(reward=1.0),
        Asked(),
    ],
    ids=stable,
)
def test_what_a_reward_function_may_return(tmp_path, result):
    payload = payload_of(Loop(one_by_one, executor=SyncExecutor(), reward=Grader(lambda _: result)), tmp_path)
    assert payload["dataset/avg_reward"] == 1
    assert payload["dataset/accuracy"] == 100


@pytest.mark.parametrize(
    ("result", "seen"),
    [
        (None, "a NoneType"),
        ("right", "a str"),
        (float("nan"), "a float"),
        (float("inf"), "a float"),
        (10**400, "a int"),
        ({}, "a dict"),
        ([], "a list"),
        ({"reward": None}, "a dict with reward"),
        ({"format": 1.0, "accuracy": 0.0}, "a dict with format, accuracy"),
        (object(), "a object"),
        ([1.0, 0.5], "a list of 2 (float)"),
        ((1.0, 0.0), "a tuple of 2 (float)"),
        (np.array([1.0, 2.0]), "a ndarray of shape (2,)"),
        (np.ones((2, 2)), "a ndarray of shape (2, 2)"),
        (iter([1.0]), "a list_iterator"),
    ],
    ids=stable,
)
def test_a_rollout_without_a_readable_reward_is_in_no_accuracy_and_it_is_told(tmp_path, caplog, result, seen):
    payload = payload_of(Loop(one_by_one, executor=SyncExecutor(), reward=Grader(lambda _: result)), tmp_path)
    assert not [key for key in payload if key.endswith(("avg_reward", "accuracy", "reward_std"))]
    assert (payload["dataset/count"], payload["dataset/unscored"], payload["dataset/gsm8k/unscored"]) == (2, 2, 1)
    assert caplog.text.count(f"the reward function returned {seen}, in which no reward can be told") == 1


def test_a_trainer_without_a_reward_computer_has_no_accuracy(tmp_path):
    def body(trainer):
        for item in trainer.data.sample_batch():
            trainer.executor.execute(item["problem"])

    payload = payload_of(Loop(body, executor=SyncExecutor()), tmp_path)
    assert (payload["dataset/count"], payload["dataset/unscored"]) == (2, 2)
    assert not [key for key in payload if key.endswith("accuracy")]


def test_what_a_reward_function_returned_is_read_once_and_consumed_never(tmp_path):
    asked, left = Asked(), iter([1.0, 2.0])
    results = iter([asked, {"trace": left, "reward": 0.0}])
    payload_of(Loop(one_by_one, executor=SyncExecutor(), reward=Grader(lambda _: next(results))), tmp_path)
    assert asked.times == 1
    assert list(left) == [1.0, 2.0]


@pytest.mark.parametrize(
    "result",
    [
        [1.0, 0.0, 1.0],
        (1.0, 0.0, 1.0),
        Tensor([1.0, 0.0, 1.0]),
        np.array([[1.0], [0.0], [1.0]]),
        ["1.0", "0.0", "1.0"],
        [(1.0, {}), (0.0, {}), (1.0, {})],
        [types.SimpleNamespace(reward=r) for r in (1, 0, 1)],
        {"reward_tensor": np.array([[0, 1.0], [0, 0], [1.0, 0]]), "reward_extra_info": {}},
        ({"why": "…"}, [1.0, 0.0, 1.0]),
        np.array([1.0, 0.0, 1.0]),
        [{"reward": r} for r in (1, 0, 1)],
        ([1.0, 0.0, 1.0], {"why": "…"}),
        {"rewards": [1.0, 0.0, 1.0]},
    ],
    ids=stable,
)
@pytest.mark.parametrize("executed", [True, False])
def test_a_reward_function_for_a_batch_gives_a_reward_to_each_rollout(tmp_path, result, executed):
    class Batch:
        def compute_rewards(self, problems, predictions):
            return result

    def body(trainer):
        problems = [item["problem"] for item in trainer.data.sample_batch()]
        answers = [trainer.executor.execute(problem) if executed else "4" for problem in problems]
        trainer.reward.compute_rewards(problems, answers)

    data = Items(GSM, MMLU, {**MMLU, "problem": "Of Italy?"})
    payload = payload_of(Loop(body, executor=SyncExecutor(), reward=Batch(), data=data), tmp_path)
    assert counts(payload) == {"gsm8k": 1, "mmlu": 2}
    assert right(payload) == {"gsm8k": 1, "mmlu": 1}


def test_a_list_of_acceptable_answers_is_one_rollout(tmp_path):
    class Trivia:
        def compute_reward(self, problem, prediction, answers):
            return float(prediction in answers)

    def body(trainer):
        for item in trainer.data.sample_batch():
            answer = trainer.executor.execute(item["problem"])
            trainer.reward.compute_reward(item["problem"], answer, answers=[answer, "four"])

    payload = payload_of(Loop(body, executor=SyncExecutor(), reward=Trivia()), tmp_path)
    assert right(payload) == counts(payload) == {"gsm8k": 1, "mmlu": 1}


def failing(how):
    def work(problem):
        if isinstance(how, Exception):
            raise how
        return how

    return SyncExecutor(work)


@pytest.mark.parametrize(
    "how",
    [
        ValueError("no"),
        TimeoutError(),
        ("", 0.0, {"success": False}),
        {"answer": None, "error": "SyntaxError"},
        ("", {"timed_out": True}),
        types.SimpleNamespace(answer="", exception=KeyError("x")),
    ],
    ids=stable,
)
def test_an_execution_that_fails_is_a_rollout_and_wrong(tmp_path, how):
    caught = []

    def attempt(item):
        try:
            trainer.executor.execute(item["problem"])
        except Exception as error:  # noqa: BLE001 - the way of real trainers
            caught.append(error)

    def body(trainer):
        for item in trainer.data.sample_batch():
            attempt(item)

    trainer = Loop(body, executor=failing(how), reward=Grader())
    payload = payload_of(trainer, tmp_path)
    assert counts(payload) == {"gsm8k": 1, "mmlu": 1}
    assert payload["dataset/gsm8k/failed"] == payload["dataset/mmlu/failed"] == 1
    assert payload["dataset/accuracy"] == 0
    assert caught == ([how] * 2 if isinstance(how, Exception) else [])


@pytest.mark.parametrize(
    "how", [("4", 0.0, {"success": True, "error": ""}), {"error": None}, {"timeout": 30.0}], ids=stable
)
def test_an_execution_that_does_not_say_that_it_failed_has_not(tmp_path, how):
    payload = payload_of(Loop(one_by_one, executor=failing(how), reward=Grader()), tmp_path)
    assert (payload["dataset/gsm8k/failed"], payload["dataset/accuracy"]) == (0, 100)


def test_a_reward_function_that_raises_leaves_an_unscored_rollout_and_the_exception_as_it_is(tmp_path):
    error = KeyError("x")

    def grade(_):
        raise error

    def body(trainer):
        with pytest.raises(KeyError) as caught:
            one_by_one(trainer)
        assert caught.value is error

    payload = payload_of(Loop(body, executor=SyncExecutor(), reward=Grader(grade)), tmp_path)
    assert (payload["dataset/count"], payload["dataset/unscored"]) == (1, 1)
    assert not {"dataset/avg_reward", "dataset/accuracy"} & set(payload)
