"""Sums and quantiles: merging is associative and commutative, a quantile is right within 1 %."""

import functools
import json
import math
from dataclasses import fields
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_telemetry.collectors.aggregates import Quantiles, add_up, ratio
from llm_telemetry.collectors.cost import RoleSums
from llm_telemetry.collectors.dataset import SourceSums
from llm_telemetry.collectors.judge import OutcomeSums

numbers = {int: st.integers(0, 10**6), float: st.integers(-(2**20), 2**20).map(float), Decimal: st.integers(0, 10**9)}
"""Floats that are whole numbers: their sums are exact, so that order cannot matter."""


def sums_of(kind):
    parts = {f.name: numbers[type(getattr(kind(), f.name))] for f in fields(kind)}
    return st.fixed_dictionaries(parts).map(
        lambda values: kind(**{name: type(getattr(kind(), name))(value) for name, value in values.items()})
    )


three = st.sampled_from([SourceSums, OutcomeSums, RoleSums]).flatmap(lambda kind: st.tuples(*[sums_of(kind)] * 3))


@given(three)
def test_sums_merge_in_any_order(sums):
    one, two, other = sums
    assert one.merge(two).merge(other) == one.merge(two.merge(other))
    assert one.merge(two) == two.merge(one)
    assert one.merge(type(one)()) == one


@given(st.sampled_from([SourceSums, RoleSums]), st.lists(st.floats(-1e9, 1e9), max_size=5))
def test_to_add_up_is_to_merge_one_by_one_to_the_last_bit(kind, values):
    name = {SourceSums: "reward_sum", RoleSums: "usd"}[kind]
    number = {SourceSums: float, RoleSums: Decimal}[kind]
    parts = [kind(**{name: number(value)}) for value in values]
    assert repr(add_up(kind, parts)) == repr(functools.reduce(kind.merge, parts, kind()))


@given(three)
def test_merging_changes_neither_part(sums):
    one, two, _ = sums
    before = repr(one), repr(two)
    one.merge(two)
    assert (repr(one), repr(two)) == before


@given(three)
def test_sums_survive_json(sums):
    for one in sums:
        assert type(one).from_state(json.loads(json.dumps(one.to_state()))) == one


@pytest.mark.parametrize(("part", "whole", "rate"), [(0, 4, 0), (1, 4, 0.25), (0, 0, None), (3, 0, None)])
def test_a_rate_over_nothing_is_unknown(part, whole, rate):
    assert ratio(part, whole) == rate


seconds = st.floats(1e-5, 1e5)


def quantiles_of(values):
    quantiles = Quantiles()
    for value in values:
        quantiles.add(value)
    return quantiles


@given(st.lists(seconds, min_size=1), st.sampled_from([0.0, 0.5, 0.95, 0.99, 1.0]))
def test_a_quantile_is_right_within_one_percent(values, q):
    rank = max(1, math.ceil(q * len(values)))
    assert quantiles_of(values).quantiles(q) == [pytest.approx(sorted(values)[rank - 1], rel=0.01 + 1e-9)]


@given(st.lists(seconds), st.lists(seconds), st.lists(seconds))
def test_quantiles_merge_in_any_order_and_are_those_of_all_values(one, two, other):
    merged = quantiles_of(one).merge(quantiles_of(two)).merge(quantiles_of(other))
    turned = quantiles_of(other).merge(quantiles_of(one).merge(quantiles_of(two)))
    together = quantiles_of(one + two + other)
    for q in (0.5, 0.95):
        assert merged.quantiles(q) == turned.quantiles(q) == together.quantiles(q)
    assert merged.count == len(one + two + other)


@given(st.lists(st.floats(0.0, 1e6)))
def test_memory_does_not_grow_with_the_number_of_values(values):
    assert len(quantiles_of(values)._buckets) <= math.ceil(math.log(1e6 / 1e-6) / math.log(1.01 / 0.99)) + 2


def test_quantiles_of_nothing_are_unknown():
    assert Quantiles().quantiles(0.5, 0.95) == [None, None]


def test_no_time_at_all_is_a_value_too():
    assert quantiles_of([0.0]).quantiles(0.5) == [pytest.approx(1e-6, rel=0.01)]
