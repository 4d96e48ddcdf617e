"""The environment variables: one for each setting that can be written, and two that set none or several.

`configured` hands the environment in; nothing else of the library looks at it for settings.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any, NamedTuple

from llm_telemetry.settings.config import SETTINGS, Config, InstrumentError
from llm_telemetry.settings.trackers import TRACKERS, check_tracker
from llm_telemetry.words import TARGETS, TRAINER, VARIABLE, parse_targets, shown

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from llm_telemetry.settings.rows import Setting

PLACES = ("jsonl", "wandb", "console")
"""Where payloads go, as LLM_TELEMETRY_SINKS names it."""


class VariableError(ValueError):
    """A variable has a value that cannot work; the message names it and says what is allowed."""


class Variable(NamedTuple):
    """One variable."""

    name: str
    fields: tuple[str, ...]
    """The settings that it sets; none where it is only for the finder."""
    allowed: str
    """Its values, for people."""
    parse: Callable[[str], Mapping[str, Any]]
    """Gives the settings' values; raises `ValueError` (with what is wrong, or without words)."""

    @property
    def option(self) -> str:
        """The option of `llm-telemetry run`."""
        return "--" + self.name.removeprefix(f"{VARIABLE}_").lower().replace("_", "-")

    def read(self, environ: Mapping[str, str]) -> Mapping[str, Any]:
        """Return the settings' values; none where the variable is not set, or empty.

        Raises:
            VariableError: The value cannot work.
        """
        text = environ.get(self.name, "").strip()
        try:
            return self.parse(text) if text else {}
        except ValueError as error:
            wrong = f" ({error})" if str(error) else ""
            raise VariableError(f"{self.name}={shown(text)} must be {self.allowed}{wrong}") from error


def configured(given: Mapping[str, Any], environ: Mapping[str, str] = os.environ) -> Config:
    """Check the settings that were given in code; what they leave open is in the environment, or has a default.

    `LLM_TELEMETRY=0` turns everything off, whatever the settings are.

    Raises:
        InstrumentError: A value that was given cannot work.
        VariableError: A variable has a value that cannot work.
    """
    if SWITCH.read(environ).get("enabled") is False:
        return Config(enabled=False)
    said = {name: value for name, value in given.items() if value is not None}
    values = read_environment(environ, said)
    try:
        return Config.of({**values, **said})
    except InstrumentError as error:
        Config.of(said)  # raises when it is the code that is at fault
        raise VariableError(", ".join(f"{VARIABLE}_{name.upper()}" for name in values) + f": {error}") from error


def read_environment(environ: Mapping[str, str], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings in the variables.

    Args:
        environ: The environment.
        given: What was set in code; a variable that has nothing else to say is not even read.

    Raises:
        VariableError: A value cannot work.
    """
    values: dict[str, Any] = {}
    for variable in VARIABLES:
        if not variable.fields or any(name not in given for name in variable.fields):
            values |= {name: value for name, value in variable.read(environ).items() if name not in given}
    return values


def _of(row: Setting) -> Variable:
    assert row.kind.read is not None
    read = row.kind.read
    name = VARIABLE if row.name == "enabled" else f"{VARIABLE}_{row.name.upper()}"
    return Variable(name, (row.name,), row.kind.written or row.kind.must_be, lambda text: {row.name: read(text)})


def _check_targets(text: str) -> Mapping[str, Any]:
    try:
        parse_targets(text)
    except ValueError:
        raise ValueError from None  # it says what `allowed` says
    return {}


def _read_places(text: str) -> Mapping[str, Any]:
    names = {name.strip().lower() for name in text.split(",")} - {""}
    if not names <= {*PLACES, *TRACKERS}:
        raise ValueError(f"there is no {', '.join(sorted(names - {*PLACES, *TRACKERS}))}")
    trackers = tuple(name for name in TRACKERS if name in names)
    for name in trackers:
        check_tracker(name)
    found: dict[str, Any] = {"sinks": trackers} if trackers else {}
    if names <= {*trackers}:  # trackers alone are added to what there is
        return found
    off: dict[str, dict[str, Any]] = {"jsonl": {"jsonl": False}, "wandb": {"run": False}, "console": {"console": 0}}
    return found | {field: value for name in PLACES if name not in names for field, value in off[name].items()}


_WRITTEN = {row.name: _of(row) for row in SETTINGS if row.kind.read is not None and row.name != "jsonl"}
SWITCH = _WRITTEN.pop("enabled")
VARIABLES = (
    SWITCH,
    Variable(TRAINER, (), TARGETS, _check_targets),
    *_WRITTEN.values(),
    Variable(  # after the console's: who lists the places without the console wants none
        f"{VARIABLE}_SINKS",
        ("jsonl", "run", "console", "sinks"),
        f"one or more of {', '.join((*PLACES, *TRACKERS))}, with commas between",
        _read_places,
    ),
)
