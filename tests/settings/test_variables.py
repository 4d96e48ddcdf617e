"""Each variable: what it sets, what it refuses, who wins; and that the page about them is true."""

import itertools
import json
import math
import re

import pytest

from llm_telemetry.settings.config import SETTINGS, Config, InstrumentError
from llm_telemetry.settings.variables import VARIABLES, VariableError, configured
from llm_telemetry.words import parse_targets
from tests.activation.conftest import ROOT

PAGE = (ROOT / "docs" / "activation.md").read_text(encoding="utf-8")


def parse(text):
    return "correct" in text


@pytest.mark.parametrize(
    ("variable", "value", "expected"),
    [
        ("SINKS", "jsonl", {"run": False, "console": 0}),
        ("SINKS", "wandb, Console", {"jsonl": False}),
        ("SINKS", "jsonl,wandb,console", {}),
        ("CONSOLE", "5", {"console": 5}),
        ("CONSOLE", "0", {"console": 0}),
        ("THRESHOLD", "0.75", {"threshold": 0.75}),
        ("THRESHOLD", "math:isfinite", {"threshold": math.isfinite}),
        ("JUDGE_PARSER", r"Verdict: (\w+)", {"judge_parser": r"Verdict: (\w+)"}),
        ("JUDGE_PARSER", "tests.settings.test_variables:parse", {"judge_parser": parse}),
        ("STRICT", "Yes", {"strict": True}),
        ("STRICT", "off", {}),
        ("EXECUTOR", "engine.run", {"executor": "engine.run"}),
        ("JUDGE", "reward._judge, reward._strict", {"judge": ["reward._judge", "reward._strict"]}),
        ("STEP", "one_round", {"step": "one_round"}),
        ("SOURCE", "subset", {"source": "subset"}),
        ("SOURCE", "=gsm8k", {"source": "=gsm8k"}),
        ("CORRECT", "judge_reward", {"correct": "judge_reward"}),
        ("RESUME", "off", {"resume": False}),
        ("RESCUE_ROWS", "1", {"rescue_rows": True}),
        ("TRAINER", "a.b:C, d:E.f", {}),
        ("FOLDER", "", {}),
    ],
)
def test_a_variable_sets_its_field(variable, value, expected):
    config = configured({}, {f"LLM_TELEMETRY_{variable}": value})
    assert set(config.differences(Config())) == set(expected)
    assert {name: getattr(config, name) for name in expected} == expected


def test_folder_and_prices_are_paths(tmp_path):
    prices = {"my-model": {"input": 0.1, "output": 0.4}}
    (tmp_path / "p.json").write_text(json.dumps(prices))
    environ = {"LLM_TELEMETRY_FOLDER": str(tmp_path / "new"), "LLM_TELEMETRY_PRICES": str(tmp_path / "p.json")}
    config = configured({}, environ)
    assert (config.folder, config.prices) == (tmp_path / "new", prices)


@pytest.mark.parametrize("name", [variable.name for variable in VARIABLES])
@pytest.mark.parametrize("value", ["*", "nan", "-1", "jsonl,tensorbored", "/dev/null", "("])
def test_a_bad_value_names_the_variable_and_what_is_allowed(name, value):
    variable = next(variable for variable in VARIABLES if variable.name == name)
    if (name, value) in ANYTHING_GOES:
        assert variable.read({name: value}).keys() == {*variable.fields}
        return
    with pytest.raises(VariableError) as refused:
        variable.read({name: value})
    assert str(refused.value).startswith(f"{name}={value!r} must be {variable.allowed}")
    assert "\n" not in str(refused.value)


ANYTHING_GOES = {
    *itertools.product(
        ("LLM_TELEMETRY_SOURCE", "LLM_TELEMETRY_CORRECT"), ("*", "nan", "-1", "jsonl,tensorbored", "/dev/null", "(")
    ),
    ("LLM_TELEMETRY_JUDGE", "jsonl,tensorbored"),
    *((f"LLM_TELEMETRY_{n}", v) for n in ("FOLDER", "SPOOL") for v in ("*", "nan", "-1", "jsonl,tensorbored", "(")),
    ("LLM_TELEMETRY_THRESHOLD", "-1"),
    *(
        (f"LLM_TELEMETRY_{part}", "nan")
        for part in ("ADAPTER", "EXECUTOR", "REWARD", "JUDGE", "STEP", "VALIDATION", "ITEMS")
    ),
    *(("LLM_TELEMETRY_JUDGE_PARSER", value) for value in ("nan", "-1", "jsonl,tensorbored", "/dev/null")),
}


@pytest.mark.parametrize("parser", ["no_such_module:parse", "json:no_such", "json:__name__"])
def test_a_judge_parser_that_cannot_be_found(parser):
    with pytest.raises(VariableError, match="LLM_TELEMETRY_JUDGE_PARSER="):
        configured({}, {"LLM_TELEMETRY_JUDGE_PARSER": parser})


def test_an_argument_wins_and_a_variable_that_says_nothing_else_is_not_even_read():
    environ = {"LLM_TELEMETRY_THRESHOLD": "bad", "LLM_TELEMETRY_SINKS": "wandb", "LLM_TELEMETRY_CONSOLE": "3"}
    config = configured({"threshold": 0.5, "console": 7}, environ)
    assert (config.threshold, config.console, config.jsonl) == (0.5, 7, False)
    assert configured({}, {"LLM_TELEMETRY_CONSOLE": "3", "LLM_TELEMETRY_SINKS": "jsonl"}).console == 0


@pytest.mark.parametrize("word", ["0", "False", "NO", " off "])
def test_off_wins_over_everything(word):
    environ = {"LLM_TELEMETRY": word, "LLM_TELEMETRY_CONSOLE": "bad"}
    assert configured({"enabled": True, "no_such_setting": 1}, environ) == Config(enabled=False)


def test_a_bad_trainer_is_told_though_it_sets_nothing():
    with pytest.raises(VariableError, match="LLM_TELEMETRY_TRAINER='x' must be module:Class"):
        configured({}, {"LLM_TELEMETRY_TRAINER": "x"})


def test_none_is_as_good_as_not_given():
    environ = {"LLM_TELEMETRY_THRESHOLD": "0.5"}
    assert configured({"threshold": None, "console": None}, environ) == Config(threshold=0.5)


def test_a_variable_that_does_not_go_with_the_others_is_told_and_raises_nothing_of_the_user_s():
    with pytest.raises(VariableError, match="LLM_TELEMETRY_RESUME: resume=True needs folder="):
        configured({}, {"LLM_TELEMETRY_RESUME": "on"})
    with pytest.raises(InstrumentError, match="resume=True needs folder="):
        configured({"resume": True}, {"LLM_TELEMETRY_CONSOLE": "0"})


def test_a_key_that_was_pasted_into_a_variable_is_not_shown():
    key = "sk-proj-0aB1cD2eF3gH4iJ5kL6mN7oP8q"
    with pytest.raises(VariableError, match=r"^LLM_TELEMETRY_THRESHOLD='sk-p…' must be a finite number") as refused:
        configured({}, {"LLM_TELEMETRY_THRESHOLD": key})
    assert key not in str(refused.value)
    with pytest.raises(ValueError, match=r"^LLM_TELEMETRY_TRAINER='sk-p…' must be module:Class"):
        parse_targets(key)


def test_every_setting_that_can_be_written_has_a_variable():
    without = {"policy", "run", "collectors", "sinks", "jsonl"}  # objects; LLM_TELEMETRY_SINKS says the rest
    names = {field for variable in VARIABLES if len(variable.fields) == 1 for field in variable.fields}
    assert names == {row.name for row in SETTINGS} - without


def test_a_bad_argument_still_raises():
    with pytest.raises(InstrumentError, match="console"):
        configured({"console": -1}, {})
    with pytest.raises(InstrumentError, match="strict must be True or False"):
        configured({"strict": "yes"}, {})


@pytest.mark.parametrize("text", ["x", "a:", ":b", "a:b:c", "a b:c", "a:b-c", "a..b:c"])
def test_a_target_is_a_module_and_a_name(text):
    with pytest.raises(ValueError, match="must be module:Class"):
        parse_targets(text)


def test_every_variable_is_on_the_page_with_its_option_and_what_it_sets():
    rows = {
        row[0]: row for row in re.findall(r"^\| `(LLM_\w+)` \| (?:`(.*?)`)? ?\| (.*?) \| (.*) \|$", PAGE, re.MULTILINE)
    }
    assert set(rows) == {variable.name for variable in VARIABLES}
    for variable in VARIABLES[1:]:
        _, option, _, sets = rows[variable.name]
        assert option == variable.option
        assert len(variable.fields) != 1 or f"`{variable.fields[0]}`" in sets
