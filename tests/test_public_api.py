"""The door: few names, light, typed."""

import importlib.metadata
import importlib.resources

import pytest

import llm_telemetry
from tests.support.children import ROOT, python

HEAVY = ("wrapt", "openai", "wandb", "genai_prices", "numpy", "rich")


def modules_after(code):
    """The modules among `HEAVY` that a fresh interpreter has after running `code`."""
    show = f"import sys\nprint(*sorted(set(sys.modules) & set({HEAVY!r})))"
    return python("-c", f"{code}\n{show}", cwd=ROOT).stdout.split()


def test_the_public_names_are_few_and_sorted():
    assert llm_telemetry.__all__ == sorted(llm_telemetry.__all__)
    assert len(llm_telemetry.__all__) == 12


@pytest.mark.parametrize("name", llm_telemetry.__all__)
def test_a_public_name_can_be_imported_and_says_what_it_is(name):
    thing = getattr(llm_telemetry, name)
    assert thing.__name__ == name
    assert thing.__doc__
    assert name in dir(llm_telemetry)


def test_a_name_that_is_not_there_is_an_attribute_error():
    with pytest.raises(AttributeError, match="has no attribute 'instrumnet'"):
        _ = llm_telemetry.instrumnet


def test_importing_the_package_imports_nothing_heavy():
    assert modules_after("import llm_telemetry") == []


def test_the_collectors_and_settings_are_light_too():
    names = "Collector, CostTracker, DatasetMetricsCollector, InstrumentError, JudgeMetricsCollector, Sink"
    assert modules_after(f"from llm_telemetry import {names}") == []


def test_instrument_itself_needs_neither_wandb_nor_a_price_table():
    assert modules_after("from llm_telemetry import instrument") == ["wrapt"]


def test_the_types_are_shipped():
    assert importlib.resources.files("llm_telemetry").joinpath("py.typed").is_file()


def test_the_version_is_told_in_one_way():
    told = python("-m", "llm_telemetry", "--version", cwd=ROOT)
    assert told.stdout == f"llm-telemetry {llm_telemetry.__version__}\n"
    assert llm_telemetry.__version__ == importlib.metadata.version("llm_telemetry")
