"""The environment variables: a table of what each of them sets, how it is read, and what is allowed.

`Config.of` hands the environment in; nothing else of the library looks at it.
"""

from __future__ import annotations

import importlib
import json
import math
import operator
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from llm_telemetry.settings.limits import limits_of
from llm_telemetry.settings.words import OFF, ON, SWITCH, TARGETS, TRAINER, VARIABLE, parse_switch, parse_targets

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

NO_LIMIT = ("off", "none")
SINKS = ("jsonl", "wandb", "console")
_FUNCTION = re.compile(r"[^\W\d][\w.]*:[^\W\d][\w.]*")
_IMPORT_FAILS = (ImportError, AttributeError, SyntaxError, NameError, LookupError, TypeError, ValueError, OSError)


class VariableError(ValueError):
    """A variable has a value that cannot work; the message names it and says what is allowed."""


class Variable(NamedTuple):
    """One variable."""

    name: str
    fields: tuple[str, ...]
    """What it sets in `Config`; nothing where it is only for the startup file."""
    allowed: str
    """Its values, for people."""
    parse: Callable[[str], Mapping[str, Any]]
    """Gives the fields' values; raises `ValueError` (with what is wrong, or without words)."""

    @property
    def option(self) -> str:
        """The option of `llm-telemetry run`."""
        return "--" + self.name.removeprefix(f"{VARIABLE}_").lower().replace("_", "-")

    def read(self, environ: Mapping[str, str]) -> Mapping[str, Any]:
        """Return the fields' values; none where the variable is not set, or empty.

        Raises:
            VariableError: The value cannot work.
        """
        text = environ.get(self.name, "").strip()
        try:
            return self.parse(text) if text else {}
        except ValueError as error:
            wrong = f" ({error})" if str(error) else ""
            raise VariableError(f"{self.name}={text!r} must be {self.allowed}{wrong}") from error


def read_environment(environ: Mapping[str, str], given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, str]]:
    """Return the settings in the variables, and for each the variable that it is from.

    Args:
        environ: The environment.
        given: What was set in code; a variable that has nothing else to say is not even read.

    Raises:
        VariableError: A value cannot work.
    """
    values: dict[str, Any] = {}
    origins: dict[str, str] = {}
    for variable in VARIABLES:
        if variable.fields and all(name in given for name in variable.fields):
            continue
        for name, value in variable.read(environ).items():
            if name in variable.fields and name not in given:
                values[name], origins[name] = value, variable.name
    return values, origins


def _switch(field: str) -> Callable[[str], Mapping[str, Any]]:
    def parse(text: str) -> Mapping[str, Any]:
        if text.lower() not in ON + OFF:
            raise ValueError
        return {field: parse_switch(text)}

    return parse


def _trainers(text: str) -> Mapping[str, Any]:
    try:
        return {"trainers": parse_targets(text)}
    except ValueError:
        raise ValueError from None  # it says what `allowed` says


def _sinks(text: str) -> Mapping[str, Any]:
    names = {name.strip().lower() for name in text.split(",")} - {""}
    if not names <= {*SINKS}:
        raise ValueError(f"there is no {', '.join(sorted(names - {*SINKS}))}")
    off: dict[str, dict[str, Any]] = {"jsonl": {"jsonl": False}, "wandb": {"run": False}, "console": {"console": 0}}
    return {field: value for name in SINKS if name not in names for field, value in off[name].items()}


def _folder(text: str) -> Mapping[str, Any]:
    folder = Path(text).expanduser()
    if folder.exists() and not folder.is_dir():
        raise ValueError("there is a file of that name")
    return {"folder": folder}


def _count(field: str) -> Callable[[str], Mapping[str, Any]]:
    def parse(text: str) -> Mapping[str, Any]:
        if not text.isdecimal():
            raise ValueError
        return {field: int(text)}

    return parse


def _threshold(text: str) -> Mapping[str, Any]:
    try:
        threshold = float(text)
    except ValueError:
        threshold = math.nan
    if not math.isfinite(threshold):
        raise ValueError
    return {"threshold": threshold}


def _prices(text: str) -> Mapping[str, Any]:
    try:
        prices = json.loads(Path(text).expanduser().read_text(encoding="utf-8"))
    except OSError as error:
        raise ValueError(error.strerror) from error
    if not isinstance(prices, dict):
        raise ValueError("there is no JSON object in it")  # noqa: TRY004 - the value of a variable, not of an argument
    return {"prices": prices}


def _judge_parser(text: str) -> Mapping[str, Any]:
    if not _FUNCTION.fullmatch(text):
        try:
            return {"judge_parser": re.compile(text).pattern}
        except re.error as error:
            raise ValueError(error) from error
    module, _, path = text.partition(":")
    try:
        function = operator.attrgetter(path)(importlib.import_module(module))
    except _IMPORT_FAILS as error:
        raise ValueError(error) from error
    if not callable(function):
        raise ValueError("that is no function")  # noqa: TRY004 - the value of a variable, not of an argument
    return {"judge_parser": function}


def _alarm(text: str) -> Mapping[str, Any]:
    if text.lower() in ON + OFF:
        return {"alarm": parse_switch(text)}
    limits = dict(_limit(pair.strip()) for pair in text.split(","))
    limits_of(limits)
    return {"alarm": limits}


def _limit(pair: str) -> tuple[str, float | None]:
    name, is_given, value = (part.strip() for part in pair.partition("="))
    if not is_given:
        raise ValueError(f"{pair!r} is no limit")
    if value.lower() in NO_LIMIT:
        return name, None
    try:
        return name, int(value) if value.isdecimal() else float(value)
    except ValueError:
        raise ValueError(f"{value!r} is no number") from None


VARIABLES = (
    Variable(VARIABLE, ("enabled",), SWITCH, _switch("enabled")),
    Variable(TRAINER, (), TARGETS, _trainers),
    Variable("LLM_TELEMETRY_CONSOLE", ("console",), "a whole number of steps, 0 for never", _count("console")),
    Variable(  # after the console's: who lists the sinks without the console wants none
        "LLM_TELEMETRY_SINKS",
        ("jsonl", "run", "console"),
        f"one or more of {', '.join(SINKS)}, with commas between",
        _sinks,
    ),
    Variable("LLM_TELEMETRY_FOLDER", ("folder",), "a folder for the JSONL; it is made if need be", _folder),
    Variable("LLM_TELEMETRY_THRESHOLD", ("threshold",), "a finite number such as 0.9", _threshold),
    Variable(
        "LLM_TELEMETRY_PRICES",
        ("prices",),
        'the path of a JSON file such as {"my-model": {"input": 0.1, "output": 0.4}}, in USD per million tokens',
        _prices,
    ),
    Variable(
        "LLM_TELEMETRY_JUDGE_PARSER",
        ("judge_parser",),
        "a regular expression, or module:function",
        _judge_parser,
    ),
    Variable(
        "LLM_TELEMETRY_ALARM",
        ("alarm",),
        f"on, off, or limits such as budget=50,success_rate=0.9 ({' or '.join(NO_LIMIT)} for no such limit)",
        _alarm,
    ),
    Variable(
        "LLM_TELEMETRY_CAPTURE_FAILURES",
        ("capture_failures",),
        "a whole number of evaluations a step, 0 for none",
        _count("capture_failures"),
    ),
    Variable("LLM_TELEMETRY_STRICT", ("strict",), SWITCH, _switch("strict")),
)
