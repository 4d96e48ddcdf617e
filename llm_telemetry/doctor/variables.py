"""The variables: which are set, to what, and which are set in vain."""

from __future__ import annotations

import ast
import difflib
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import _llm_telemetry_autostart as autostart
from llm_telemetry.collectors.pricing import own_rates
from llm_telemetry.doctor.findings import Finding, align
from llm_telemetry.doctor.program import locate
from llm_telemetry.settings import variables
from llm_telemetry.settings.config import Config, InstrumentError

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llm_telemetry.doctor.case import Case
    from llm_telemetry.settings.variables import Variable

VARIABLES = variables.VARIABLES
PREFIX = "LLM_TELEM"
_CORRECT = "correct it, or unset it: until then your program runs without telemetry"
_DEFAULTS = {
    "LLM_TELEMETRY": "only instrument() watches",
    "LLM_TELEMETRY_TRAINER": "found by shape",
    "LLM_TELEMETRY_SINKS": "jsonl, wandb, console",
    "LLM_TELEMETRY_FOLDER": "the W&B run's folder, or llm_telemetry",
    "LLM_TELEMETRY_PRICES": "genai-prices alone",
    "LLM_TELEMETRY_JUDGE_PARSER": "our own reading",
}


def check_variables(case: Case) -> list[Finding]:
    """List all variables with their values; those that cannot work, and those that nobody reads."""
    rows = align([_row(variable, case.environ) for variable in VARIABLES])
    troubles = [_check_value(variable, case) for variable in VARIABLES]
    listed = [Finding(None, row) if trouble is None else trouble for row, trouble in zip(rows, troubles, strict=True)]
    return listed + [_unknown(name) for name in sorted(_unread(case.environ))]


def _row(variable: Variable, environ: Mapping[str, str]) -> tuple[str, str, str]:
    value = environ.get(variable.name, "").strip()
    if value:
        return variable.name, value, "environment"
    return variable.name, _DEFAULTS.get(variable.name) or _default(variable), "default"


def _default(variable: Variable) -> str:
    value = getattr(Config(), variable.fields[0])
    return str(value) if not isinstance(value, bool) else "on" if value else "off"


def _check_value(variable: Variable, case: Case) -> Finding | None:
    """Say what is wrong with a value; `None` for one that works, or is not there."""
    text = case.environ.get(variable.name, "").strip()
    if variable.fields == ("judge_parser",) and variables._FUNCTION.fullmatch(text):
        return _check_function(variable, text, case)
    try:
        own_rates(variable.read(case.environ).get("prices"))
    except variables.VariableError as error:
        return Finding(False, str(error), _CORRECT)
    except InstrumentError as error:
        return Finding(False, f"{variable.name}={text!r}: {error}", _CORRECT)
    return None


def _check_function(variable: Variable, text: str, case: Case) -> Finding | None:
    """Look for `module:function` without importing the module, which is the user's."""
    module, _, path = text.partition(":")
    home = [] if case.script is None else [str(case.script.parent)]
    file = locate(module, [*home, *sys.path[1:], str(Path.cwd())])
    if file is None:
        return Finding(False, f"{variable.name}={text!r}: there is no module {module}", _CORRECT)
    try:
        tree = ast.parse(file.read_bytes())
    except (SyntaxError, ValueError, OSError) as error:
        return Finding(False, f"{variable.name}={text!r}: {module} cannot be read: {error}", _CORRECT)
    names = {getattr(node, kind, None) for node in ast.walk(tree) for kind in ("name", "asname", "id")}
    if path.split(".")[0] not in names:
        return Finding(False, f"{variable.name}={text!r}: there is no such function in {module}", _CORRECT)
    return None


def _unread(environ: Mapping[str, str]) -> set[str]:
    known = {autostart.SPOOL, *(variable.name for variable in VARIABLES)}
    return {name for name in environ if name.startswith(PREFIX)} - known


def _unknown(name: str) -> Finding:
    nearest = difflib.get_close_matches(name, [variable.name for variable in VARIABLES], 1)
    advice = f"perhaps {nearest[0]} is meant" if nearest else "docs/activation.md lists the variables"
    return Finding(False, f"{name} is set, but there is no such variable", advice)
