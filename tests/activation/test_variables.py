"""Each variable: what it sets, what it refuses, who wins; and that the page about them is true."""

import json
import re

import pytest

from llm_telemetry.settings.config import Config, InstrumentError
from llm_telemetry.settings.variables import VARIABLES, VariableError, read_environment
from llm_telemetry.settings.words import parse_targets
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
        ("JUDGE_PARSER", r"Verdict: (\w+)", {"judge_parser": r"Verdict: (\w+)"}),
        ("JUDGE_PARSER", "tests.activation.test_variables:parse", {"judge_parser": parse}),
        ("STRICT", "Yes", {"strict": True}),
        ("STRICT", "off", {}),
        ("TRAINER", "a.b:C, d:E.f", {}),
        ("FOLDER", "", {}),
    ],
)
def test_a_variable_sets_its_field(variable, value, expected):
    config = Config.of({}, {f"LLM_TELEMETRY_{variable}": value})
    assert set(config.differences(Config())) == set(expected)
    assert {name: getattr(config, name) for name in expected} == expected


def test_folder_and_prices_are_paths(tmp_path):
    prices = {"my-model": {"input": 0.1, "output": 0.4}}
    (tmp_path / "p.json").write_text(json.dumps(prices))
    environ = {"LLM_TELEMETRY_FOLDER": str(tmp_path / "new"), "LLM_TELEMETRY_PRICES": str(tmp_path / "p.json")}
    config = Config.of({}, environ)
    assert (config.folder, config.prices) == (tmp_path / "new", prices)


@pytest.mark.parametrize("name", [variable.name for variable in VARIABLES])
@pytest.mark.parametrize("value", ["*", "nan", "-1", "jsonl,tensorboard", "/dev/null", "("])
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
    *(("LLM_TELEMETRY_FOLDER", value) for value in ("*", "nan", "-1", "jsonl,tensorboard", "(")),
    ("LLM_TELEMETRY_THRESHOLD", "-1"),
    *(("LLM_TELEMETRY_JUDGE_PARSER", value) for value in ("nan", "-1", "jsonl,tensorboard", "/dev/null")),
}


@pytest.mark.parametrize("parser", ["no_such_module:parse", "json:no_such", "json:__name__"])
def test_a_judge_parser_that_cannot_be_found(parser):
    with pytest.raises(VariableError, match="LLM_TELEMETRY_JUDGE_PARSER="):
        Config.of({}, {"LLM_TELEMETRY_JUDGE_PARSER": parser})


def test_an_argument_wins_and_a_variable_that_says_nothing_else_is_not_even_read():
    environ = {"LLM_TELEMETRY_THRESHOLD": "bad", "LLM_TELEMETRY_SINKS": "wandb", "LLM_TELEMETRY_CONSOLE": "3"}
    config = Config.of({"threshold": 0.5, "console": 7}, environ)
    assert (config.threshold, config.console, config.jsonl) == (0.5, 7, False)
    assert Config.of({}, {"LLM_TELEMETRY_CONSOLE": "3", "LLM_TELEMETRY_SINKS": "jsonl"}).console == 0


def test_where_a_value_is_from():
    environ = {"LLM_TELEMETRY_THRESHOLD": "0.5", "LLM_TELEMETRY_SINKS": "wandb", "LLM_TELEMETRY": "1"}
    origins = read_environment(environ, {"console": 2})[1]
    assert origins == {
        "enabled": "LLM_TELEMETRY",
        "threshold": "LLM_TELEMETRY_THRESHOLD",
        "jsonl": "LLM_TELEMETRY_SINKS",
    }


@pytest.mark.parametrize("word", ["0", "False", "NO", " off "])
def test_off_wins_over_everything(word):
    environ = {"LLM_TELEMETRY": word, "LLM_TELEMETRY_CONSOLE": "bad"}
    assert Config.of({"enabled": True, "no_such_setting": 1}, environ) == Config(enabled=False)


def test_a_bad_argument_still_raises():
    with pytest.raises(InstrumentError, match="console"):
        Config.of({"console": -1}, {})
    with pytest.raises(InstrumentError, match="strict must be True or False"):
        Config.of({"strict": "yes"}, {})


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
