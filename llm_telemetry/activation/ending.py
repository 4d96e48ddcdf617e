"""What is said at the end of a process with `LLM_TELEMETRY=1` in which LLM calls were made, and nothing was watched."""

from __future__ import annotations

import atexit
import os
import sys
from typing import TYPE_CHECKING

from llm_telemetry.clients.unheard import unheard
from llm_telemetry.names import STEP_METHODS
from llm_telemetry.runs.findings import format_count
from llm_telemetry.words import is_child, was_refused

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_NOTHING = (
    "llm_telemetry: {calls}, and nothing was watched: no object of a class with a method {steps} "
    "took a step. Name your trainer, LLM_TELEMETRY_TRAINER=module:Class.step_method, or watch it in code: "
    "llm_telemetry.instrument(…), see docs/settings.md. LLM_TELEMETRY=0 watches nothing, without a word.\n"
)
_UNFOUND = "llm_telemetry: LLM_TELEMETRY_TRAINER names {module}:{name}, but there was no such name in this program\n"
_was_watched: list[bool] = []
_waiting: list[int] = []


def watched() -> None:
    """Note that something was watched in this process."""
    _was_watched.append(True)


def expect(unfound: Callable[[], Iterable[tuple[str, str]]]) -> bool:
    """Tell at the end of this process, once, if nothing comes of it; a child's is its owner's business.

    Args:
        unfound: Gives the trainers that the user has named, and that have not been seen so far.

    Returns:
        Whether this was the first time.
    """
    if _waiting or is_child(os.environ):
        return False
    _waiting.append(os.getpid())
    atexit.register(_tell, unfound)
    return True


def _tell(unfound: Callable[[], Iterable[tuple[str, str]]]) -> None:
    if _was_watched or was_refused() or os.getpid() not in _waiting or sys.stderr is None:
        return
    for module, name in unfound():
        sys.stderr.write(_UNFOUND.format(module=module, name=name))
    if unheard.calls:
        calls = format_count(unheard.calls, "LLM call")
        sys.stderr.write(_NOTHING.format(calls=calls, steps=" or ".join(STEP_METHODS)))
