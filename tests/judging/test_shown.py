"""How a text, a value and an exception are shown: cut, without secrets, and without running their code."""

import collections
import dataclasses
import decimal
import enum
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_telemetry.events import Evidence
from llm_telemetry.judging.evidence import LENGTH, LOOKED_AT, evidence_of, shorten
from tests.judging.test_evidence import a_key, is_told


def test_a_short_text_is_kept_as_it_is():
    text = "The candidate says 42.\n<true_false>True</true_false>"
    assert evidence_of(text, False, None) == Evidence(text, "False", "")


def test_of_a_long_text_both_ends_are_kept_and_what_is_cut_is_counted():
    text = "Let me see. " + "So be it. " * 300 + "Verdict: true"
    short = shorten(text)
    head, note, tail = short.split(" … ")
    assert text.startswith(head)
    assert tail.endswith("Verdict: true")
    assert len(head) + len(tail) == LENGTH
    assert note == f"[{len(text) - LENGTH:,} characters cut]"


def test_of_a_text_too_long_to_be_searched_both_ends_are_kept_as_well():
    text = "Let me see. " + "So be it. " * 30_000 + "Verdict: true"
    head, note, tail = shorten(text).split(" … ")
    assert (head, tail) == (text[: len(head)], text[-len(tail) :])
    assert note == f"[{len(text) - LENGTH:,} characters cut]"


FILLINGS = st.sampled_from(["word ", "x, y.\n", "好的。", "No. "])
LENGTHS = st.integers(0, 3 * LOOKED_AT) | st.one_of(
    [st.integers(max(at - 600, 0), at + 600) for at in (0, LOOKED_AT // 4, LOOKED_AT // 2, LOOKED_AT)]
)


@given(FILLINGS, LENGTHS, LENGTHS, st.sampled_from([40, 160, 3000]))
def test_no_cut_halves_a_key(filling, before, after, length):
    key = a_key(length, before)
    text = f"{(filling * before)[:before]} {key} {(filling * after)[:after]}"
    assert not is_told(key, shorten(text))


def test_the_end_of_a_token_whose_beginning_is_out_of_sight_is_hidden():
    assert shorten(a_key(30_000) + " Verdict: true").endswith("[scrubbed] Verdict: true")


def test_what_cannot_be_written_to_a_file_is_replaced():
    text = evidence_of("half a character: \ud83d", "\udc00", None)
    assert text.answer == "half a character: ?"
    json.dumps(text).encode("utf-8")
    assert text.returned.encode("utf-8")


# --- what was returned, and what was raised


class Verdict(enum.Enum):
    WRONG = 0


@dataclasses.dataclass
class Grade:
    correct: bool
    reason: str
    _secret: str = "x"


class Slots:
    __slots__ = ("_hidden", "never", "score")

    def __init__(self):
        self.score = 0.5


class Hostile:
    """Everything about it raises."""

    def __repr__(self):
        raise RuntimeError

    __str__ = __iter__ = __len__ = __bool__ = __repr__

    def __getattribute__(self, name):
        raise RuntimeError


class HostileDict(dict):
    def items(self):
        raise RuntimeError

    __repr__ = __iter__ = __len__ = keys = items


class HostileText(str):
    __slots__ = ()

    def __repr__(self):
        raise RuntimeError

    __str__ = __len__ = __getitem__ = __repr__


RETURNED = [
    (None, "None"),
    (True, "True"),
    (0.5, "0.5"),
    ("no", "'no'"),
    (b"no", "b'no'"),
    ((False, "no"), "(False, 'no')"),
    ([1, 2, 3, 4, 5, 6, 7, 8], "[1, 2, 3, 4, 5, 6, …]"),
    ({"correct": True, "score": decimal.Decimal("0.1")}, "{'correct': True, 'score': Decimal('0.1')}"),
    (frozenset({2}), "{2}"),
    ([[[[1]]]], "[[[[…]]]]"),
    (Verdict.WRONG, "Verdict.WRONG"),
    (Grade(True, "it is"), "Grade(correct=True, reason='it is')"),
    (Slots(), "Slots(score=0.5)"),
    (np.bool_(True), "True"),
    (np.float32(0.5), "0.5"),
    (np.zeros(10**6), "<numpy ndarray>"),
    (collections.defaultdict(int, a=1), "{'a': 1}"),
    (10**10_000, "<an integer of 33,220 bits>"),
    (Hostile(), "Hostile()"),
    (HostileDict(a=1), "{'a': 1}"),
    (HostileText("no"), "'no'"),
    (int, "<type>"),
    ({"api_key": "abc", "correct": False}, "{'api_key': '[scrubbed]', 'correct': False}"),
]


@pytest.mark.parametrize(("value", "shown"), RETURNED, ids=[f"{i}: {shown}" for i, (_, shown) in enumerate(RETURNED)])
def test_what_was_returned_is_shown_without_running_code_of_its_class(value, shown):
    assert evidence_of("", value, None).returned == shown


@given(st.integers(0, 5000), st.sampled_from([40, 900, 3000]))
def test_a_key_in_a_long_text_that_was_returned_is_hidden(before, length):
    key = a_key(length, before)
    shown = evidence_of("", {"reason": ("word " * before)[:before] + " " + key + " so."}, None).returned
    assert not is_told(key, shown)
    assert len(shown) < LENGTH + 50


def test_a_value_that_contains_itself_ends_somewhere():
    value = []
    value.append(value)
    assert evidence_of("", value, None).returned == "[[[[…]]]]"


def test_an_exception_is_told_by_its_name_and_words_without_keys():
    error = ValueError(f"Incorrect API key provided: {a_key()}.")
    assert evidence_of("", None, error) == Evidence("", "", "ValueError: Incorrect API key provided: [scrubbed].")


def test_an_exception_that_cannot_be_shown_is_told_by_its_name():
    class OddError(Exception):
        def __str__(self):
            raise KeyError

    assert evidence_of("", None, OddError()).error.endswith("OddError: <exception str() failed>")
