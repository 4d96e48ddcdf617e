"""The variables: which are set, to what, and which are set in vain."""

from __future__ import annotations

import difflib
from functools import partial
from typing import TYPE_CHECKING

from llm_telemetry.collectors.pricing import own_rates
from llm_telemetry.judging.scrub import scrub
from llm_telemetry.runs.findings import Finding, Severity
from llm_telemetry.settings import variables
from llm_telemetry.settings.config import InstrumentError
from llm_telemetry.settings.kinds import FUNCTION
from llm_telemetry.words import CHILDREN

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llm_telemetry.doctor.case import Case
    from llm_telemetry.settings.variables import Variable

PREFIX = "LLM_TELEM"
LONGEST = 80
"""Characters of a value that are shown."""
_CORRECT = "correct it, or unset it: until then your program runs without telemetry"
_finding = partial(Finding, "variables")


def check_variables(case: Case) -> list[Finding]:
    """Say which variables are set, which values cannot work, and which names nobody reads."""
    environ = case.environ
    given = [variable.name for variable in variables.VARIABLES if environ.get(variable.name, "").strip()]
    listed = ", ".join(f"{name}={_shown(environ[name])}" for name in given) or "none of ours is set"
    troubles = [_check_value(variable, environ) for variable in variables.VARIABLES]
    return [
        _finding(Severity.NOTE, listed),
        *(trouble for trouble in troubles if trouble is not None),
        *(_unread(name) for name in sorted(environ) if name.startswith(PREFIX) and name not in _known()),
        *(_finding(Severity.DETAIL, f"{v.name}: {v.allowed}") for v in variables.VARIABLES if v.name not in given),
    ]


def _shown(value: str) -> str:
    """Return a value for people: a key that was pasted there by mistake is nobody's business."""
    return scrub(value.strip())[:LONGEST]


def _check_value(variable: Variable, environ: Mapping[str, str]) -> Finding | None:
    """Say what is wrong with a value; `None` for one that works, is not there, or is a function of the user's."""
    text = environ.get(variable.name, "").strip()
    if variable.fields == ("judge_parser",) and FUNCTION.fullmatch(text):
        what = f"whether there is {_shown(text)} is seen when your program runs"
        return _finding(Severity.NOTE, what, "llm-telemetry run --dry train.py")
    try:
        own_rates(variable.read(environ).get("prices"))
    except variables.VariableError as error:
        return _finding(Severity.BROKEN, str(error), _CORRECT)
    except InstrumentError as error:
        return _finding(Severity.BROKEN, f"{variable.name}={_shown(text)}: {error}", _CORRECT)
    return None


def _known() -> set[str]:
    return {CHILDREN, *(variable.name for variable in variables.VARIABLES)}


def _unread(name: str) -> Finding:
    nearest = difflib.get_close_matches(name, [variable.name for variable in variables.VARIABLES], 1)
    advice = f"perhaps {nearest[0]} is meant" if nearest else "docs/activation.md lists the variables"
    return _finding(Severity.WARNING, f"{name} is set, but there is no such variable", advice)
