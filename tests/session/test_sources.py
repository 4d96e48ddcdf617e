"""The names of datasets: where they are found, and what they become in a key."""

import re
from collections import UserDict
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_telemetry.session.items import SourceIndex, items_in, problem_in, rows_in, source_in
from llm_telemetry.session.signs import signs_in
from llm_telemetry.sources import MAX_SOURCES, SourceNames, clean_source


@given(st.text())
def test_a_clean_source_is_fit_for_a_key_and_stays_as_it_is(name):
    clean = clean_source(name)
    assert re.fullmatch(r"[a-z0-9_]+", clean)
    assert clean_source(clean) == clean


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("GSM8K", "gsm8k"),
        ("openai/gsm8k", "openai_gsm8k"),
        (" math ", "math"),
        ("a.b-c d", "a_b_c_d"),
        ("  ", "unknown"),
    ],
)
def test_what_a_source_becomes(raw, clean):
    assert clean_source(raw) == clean


def test_beyond_64_sources_the_rest_is_other_and_told_once(caplog):
    names = SourceNames()
    assert [names(f"s{i}") for i in range(MAX_SOURCES)] == [f"s{i}" for i in range(MAX_SOURCES)]
    assert [names("x"), names("y"), names("s5"), names("other")] == ["other", "other", "s5", "other"]
    assert len(caplog.records) == 1


@pytest.mark.parametrize("pair", [("GSM8K", "gsm8k"), ("gsm8k", "GSM8K"), ("a/b", "a b")])
def test_two_sources_that_clean_to_one_name_are_told_once(caplog, pair):
    names = SourceNames()
    assert len({names(raw) for raw in pair * 3}) == 1
    told = [record.getMessage() for record in caplog.records]
    assert len(told) == 1
    assert all(repr(raw) in told[0] for raw in pair)


@pytest.mark.parametrize(
    ("fields", "source"),
    [
        ({"source": "gsm8k", "task": "qa"}, "gsm8k"),
        ({"task": "qa", "data_source": "math"}, "math"),
        ({"source": None, "dataset": "mmlu"}, "mmlu"),
        ({"source": "", "tag": "x"}, "x"),
        ({"source": 3, "domain": "law"}, "law"),
        ({"source": ["gsm8k"]}, None),
        ({"extra_info": {"source": "gsm8k"}}, "gsm8k"),
        ({"metadata": None, "meta": {"dataset_name": "mmlu"}}, "mmlu"),
        ({"source": "math", "extra_info": {"source": "gsm8k"}}, "math"),
        ({"task": "Find x.\nShow your work."}, None),
        ({"task": "a" * 200}, None),
        ({}, None),
    ],
)
def test_where_a_source_is_found(fields, source):
    assert source_in(fields) == source


def test_an_item_that_contains_itself_has_no_source_and_does_no_harm():
    item = {}
    item["meta"] = item
    assert source_in(item) is None


class Stored:
    """An item of a class of its own; what it computes is not asked for."""

    __slots__ = ("question",)

    def __init__(self, question):
        self.question = question

    @property
    def source(self):
        raise AssertionError("a property runs code that is not ours")


@dataclass
class Trajectory:
    state: object
    turns: tuple = ()


@pytest.mark.parametrize(
    "fields",
    [
        {"x": 1, "sample": {"question": "?"}},
        {"item": Stored("?")},
        {"trajectory": Trajectory({"task": {"prompt": [{"role": "user", "content": "?"}]}})},
        {"data": UserDict(question="?")},
    ],
)
def test_an_item_is_found_in_what_is_nested(fields):
    problems = [problem for item in items_in(fields) if (problem := problem_in(item)) is not None]
    assert problems == [problem_in({"question": "?"})]


def test_a_list_that_contains_itself_has_no_rows_and_does_no_harm():
    nested = []
    nested.append(nested)
    assert rows_in(nested) == []


def test_a_text_is_no_item():
    assert list(items_in({"sample": "?"})) == [{"sample": "?"}]


class Proto:
    """What verl hands round: columns in two places, tensors in one of them."""

    def __init__(self, **columns):
        self.batch = {"responses": np.zeros((2, 5))}
        self.non_tensor_batch = {name: np.empty(2, dtype=object) for name in columns}
        for name, column in columns.items():
            self.non_tensor_batch[name][:] = column


@pytest.mark.parametrize(
    "table",
    [
        [{"problem": "a", "source": "x"}, {"problem": "b", "source": "y"}],
        {"problems": ["a", "b"], "source": ("x", "y"), "batch_size": 2},
        {"question": np.array(["a", "b"]), "extra_info": [{"source": "x"}, {"source": "y"}]},
        Proto(
            raw_prompt=[[{"role": "user", "content": "a"}], [{"role": "user", "content": "b"}]], data_source=list("xy")
        ),
        [Trajectory({"question": "a", "metadata": {"source": "x"}}), Trajectory({"question": "b", "tag": "y"})],
        Trajectory(["a", "b"]).__dict__ | {"query": ["a", "b"], "domain": ["x", "y"]},
    ],
)
def test_a_table_has_its_items_as_rows_or_in_columns(table):
    index = SourceIndex()
    index.learn(table)
    assert len(rows_in(table)) == 2
    assert [index.find(problem_in({"problem": text})) for text in "ab"] == ["x", "y"]


@pytest.mark.parametrize(
    "value",
    [
        [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}],
        {"prompt": [{"role": "user", "content": "a"}]},
        [{"type": "text", "text": "a"}],
        {"problem": "a", "choices": ["x", "y"]},
        ["a", "b"],
        "ab",
        [],
        np.zeros(3),
    ],
)
def test_messages_and_lists_of_texts_are_no_tables(value):
    assert rows_in(value) == []


def test_a_problem_is_a_fingerprint_and_no_text():
    fingerprint = problem_in({"question": "2 + 2?", "prompt": None})
    assert isinstance(fingerprint, int)
    assert fingerprint == problem_in({"problem": "2 + 2?"}) != problem_in({"problem": "3 + 3?"})
    assert problem_in({"problem": ["2 + 2?"]}) is None


ITEMS = [{"problem": "a", "source": "x"}, {"question": "b", "meta": {"source": "y"}}]


@pytest.mark.parametrize(
    "handed_out",
    [
        ITEMS,
        tuple(ITEMS),
        (ITEMS, {"epoch": 1}),
        {"problem": ["a", "b"], "source": ["x", "y"]},
        [{"items": 1}, *ITEMS, None, 3, "text"],
    ],
)
def test_the_items_that_are_handed_out_are_remembered(handed_out):
    index = SourceIndex()
    index.learn(handed_out)
    found = [index.find(problem_in({"problem": text})) for text in ("a", "b", "c")]
    assert found == ["x", "y", None]


@pytest.mark.parametrize("handed_out", [None, 3, "text", [], {}, [[[[[[[ITEMS]]]]]]], {"problem": []}, iter(ITEMS)])
def test_what_are_no_items_is_passed_over(handed_out):
    index = SourceIndex()
    index.learn(handed_out)
    assert index.find(problem_in({"problem": "a"})) is None


def test_a_problem_of_two_sources_is_of_neither():
    index = SourceIndex()
    for source in ("x", "y", "y"):
        index.learn({"problem": "a", "source": source})
    assert index.find(problem_in({"problem": "a"})) is None


def test_the_oldest_items_are_forgotten_first():
    index = SourceIndex(limit=2)
    for name in "abac":
        index.learn({"problem": name, "source": name})
    assert [index.find(problem_in({"problem": name})) for name in "abc"] == ["a", None, "c"]


def test_a_class_that_does_not_let_itself_be_hashed_is_looked_at_as_any_other():
    class Unhashable(type):
        __hash__ = None

    class Item(metaclass=Unhashable):
        def __init__(self):
            self.problem, self.source = "2 + 2?", "gsm8k"

    item = Item()
    assert items_in({"item": item})[1:] == [vars(item)]
    assert signs_in(item, "text").keys() >= {("text", id("text"), hash("text"))}
    assert rows_in([item]) == [vars(item)]
