"""What the judge function returned, in the shapes that trainers use."""

import asyncio
import math
from collections import OrderedDict
from dataclasses import dataclass, make_dataclass
from decimal import Decimal
from enum import Enum, IntEnum
from fractions import Fraction
from types import MappingProxyType, SimpleNamespace
from typing import NamedTuple
from unittest.mock import MagicMock

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_telemetry.judging.verdicts import Verdict, agree, read_verdict, returned_verdict


class Graded(NamedTuple):
    score: float
    reason: str


@dataclass
class Outcome:
    is_correct: bool
    explanation: str = ""


class Slotted:
    def __repr__(self):
        return "Slotted()"  # workers of pytest-xdist must agree on the names of tests

    __slots__ = ("score", "unset", "verdict")

    def __init__(self, score):
        self.score = score


class Grade(Enum):
    CORRECT = "A"
    INCORRECT = "B"
    SOMETHING = object()


class Level(IntEnum):
    WRONG = 1
    RIGHT = 2


class Trap:
    """Anything of it that runs is a failure."""

    def __getattr__(self, name):
        raise AssertionError(name)

    @property
    def correct(self):
        raise AssertionError("a property was run")

    def __iter__(self):
        raise AssertionError("it was iterated")

    def __len__(self):
        raise AssertionError("its length was asked")

    def __bool__(self):
        raise AssertionError("its truth was asked")

    def __eq__(self, other):
        raise AssertionError("it was compared")

    __hash__ = None


BINARY = [
    (True, True), (False, False), (1, True), (0, False), (1.0, True), (0.0, False), (-1, False), (-1.0, False),
    (np.bool_(True), True), (np.bool_(False), False), (np.float32(1.0), True), (np.int64(0), False),
    (np.array(1), True),
    (Decimal(1), True), (Fraction(0), False), ((True, "because"), True), (("because", False), False), ([0.0], False),
    ((None, True), True), ((True, {"tokens": 17}), True), (({"correct": False}, "raw text"), False),
    ({"correct": True}, True), ({"is_correct": np.bool_(False)}, False), ({"acc": 1.0, "score": 0.3}, True),
    ({"verdict": "incorrect", "score": 0.9}, False), ({"info": {"passed": True}}, True),
    (OrderedDict(result="pass"), True),
    (MappingProxyType({"equivalent": False}), False), ({"score": 1.0}, True), ({"reward": -1.0}, False),
    ({"correct": (True, "reason")}, True), ({"grade": Grade.INCORRECT}, False),
    (Outcome(True), True), (Outcome(False, "the answer is correct, or so he claims"), False),
    (Graded(1.0, "x"), True),
    (SimpleNamespace(correct=False), False), (Slotted(0.0), False), (make_dataclass("Judged",
    ["verdict"])("yes"), True),
    (Grade.CORRECT, True), (Grade.INCORRECT, False), (Level.WRONG, False), (Level.RIGHT, True),
    ("Verdict: correct", True), ("no", False), (["<verdict>incorrect</verdict>", None], False),
]  # fmt: skip
SCORES = [
    (0.5, 0.5), (np.float64(0.25), 0.25), (np.array(0.75), 0.75), (Decimal("0.1"), 0.1), (Fraction(1, 4), 0.25),
    ((0.3, "why"), 0.3), ({"score": 0.9}, 0.9), (Graded(0.4, "x"), 0.4), (Slotted(0.6), 0.6), ("Score: 7/10", 0.7),
    ({"score": 4, "max_score": 5}, 0.8), ({"score": "8/10"}, 0.8), ((7, 0.2), 0.2),
]  # fmt: skip
NOTHING = [
    None, "", "some text", (), [], {}, (None,), {"correct": None}, {"latency": 0.7}, {"confidence": 1},
    math.nan, math.inf,
    -math.inf, Decimal("nan"), Decimal("snan"), Decimal("inf"), 10**5000, object(), b"true", {True}, 1j,
    len, Outcome, Grade,
    np.array([1.0, 0.0]), np.array([]), Trap(), MagicMock(), {"correct": True, "verdict": "incorrect"},
    Grade.SOMETHING,
    SimpleNamespace(), range(3), iter([True]), (str(n) for n in range(3)),
]  # fmt: skip


@pytest.mark.parametrize(("value", "correct"), BINARY, ids=repr)
def test_binary_returns(value, correct):
    verdict = returned_verdict(value)
    assert (verdict.correct, verdict.score, verdict.scale) == (correct, None, None)
    assert verdict.family == "returned"


@pytest.mark.parametrize(("value", "score"), SCORES, ids=repr)
def test_graded_returns(value, score):
    verdict = returned_verdict(value)
    assert verdict.correct is None
    assert verdict.score == pytest.approx(score)
    assert verdict.family == "returned"


@pytest.mark.parametrize("value", NOTHING, ids=lambda value: type(value).__name__)
def test_returns_that_say_nothing(value):
    assert returned_verdict(value) is None


@pytest.mark.parametrize("value", [7, 3.5, -0.5, -2, 85, np.int64(4), {"score": 7}, (9, "why"), Slotted(2)], ids=repr)
def test_a_number_on_an_unknown_scale_keeps_its_raw_form_only(value):
    verdict = returned_verdict(value)
    assert (verdict.correct, verdict.score, verdict.scale, verdict.confident) == (None, None, None, False)
    assert float(verdict.raw)


def test_nothing_is_consumed_or_awaited():
    async def judge():
        return True

    coroutine, generator = judge(), (item for item in [True])
    assert returned_verdict(coroutine) is None
    assert returned_verdict(generator) is None
    assert next(generator) is True
    assert asyncio.run(coroutine) is True


def test_a_cycle_ends():
    loop = []
    loop.append(loop)
    ring = {}
    ring["info"] = ring
    assert returned_verdict(loop) is None
    assert returned_verdict(ring) is None


def test_a_wide_cycle_ends_soon():
    """Sixteen links a level and a depth of four would be 65,536 visits if nobody looked."""
    loop = []
    loop.extend([loop] * 1_000)
    assert returned_verdict(loop) is None


SIMPLE = st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=30) | st.binary(max_size=5)
NESTED = st.recursive(
    SIMPLE,
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.sampled_from(["score", "correct", "verdict", "x"]), inner)
    ),
    max_leaves=12,
)


@given(NESTED)
def test_any_return_can_be_looked_at(value):
    verdict = returned_verdict(value)
    assert verdict is None or (isinstance(verdict, Verdict) and verdict.family == "returned")


def said(text):
    return read_verdict(text)


@pytest.mark.parametrize(
    ("text", "value", "agreed"),
    [
        ("Verdict: correct", True, True), ("Verdict: correct", 1, True), ("Verdict: correct", 1.0, True),
        ("Verdict: correct", 0.9, True), ("Verdict: correct", False, False), ("Verdict: correct", 0.0, False),
        ("Verdict: correct", 0.2, False), ("Verdict: correct", -1, False), ("Verdict: incorrect", -1.0, True),
        ("Verdict: incorrect", 1.0, False), ("Score: 8/10", 0.8, True), ("Score: 8/10", 8, True),
        ("Score: 8/10", 1.0, True),
        ("Score: 8/10", 2, False), ("Score: 8/10", 0.0, False), ("Score: 5/10", 0.5, True), ("Score: 8/10", 64, True),
        ("Score: 0", 0.0, True), ("Score: 1.0", True, True), ("[[A]]", False, False), ("Verdict: correct", 7, True),
    ],
)  # fmt: skip
def test_said_and_used_are_compared_by_the_side_of_the_threshold(text, value, agreed):
    assert agree(said(text), returned_verdict(value)) is agreed
