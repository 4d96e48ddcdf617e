"""Judges of a framework's own: what they are given, and what of their result is the verdict."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llm_telemetry.hooks.patching import Hook
from llm_telemetry.lifecycle import functions
from llm_telemetry.lifecycle.evaluation import judge
from llm_telemetry.objects import stored_in
from llm_telemetry.trainers.frameworks.framework import session_of_call
from llm_telemetry.trainers.judges import judges_below
from llm_telemetry.trainers.kinds import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from llm_telemetry.hooks.observe import Span
    from llm_telemetry.hooks.scopes import Scope
    from llm_telemetry.lifecycle.functions import MakeSpan
    from llm_telemetry.session.session import Session

    Given = Callable[[Mapping[str, Any]], dict[str, Any]]
    Read = Callable[[Any], Any]


def judging(given: Given = dict, read: Read = lambda result: result) -> Kind:
    """Return the kind of a judge function; one within another is a part of it.

    Args:
        given: Returns what is judged, under usual names, from the function's arguments by name.
        read: Returns the verdict, or that of each item, from what the function has returned.
    """

    def opens(label: str) -> MakeSpan:
        open_evaluation = judge(label)

        def open_judging(session: Session, scope: Scope, fields: dict[str, Any]) -> Span | None:
            return read_by(read, open_evaluation(session, scope, given(fields)))

        return open_judging

    return Kind("judges", opens)


class _Judging:
    """A judge at work, of whose result something else is told as the verdict.

    Args:
        evaluation: The span that it is told.
        read: Returns that.
    """

    def __init__(self, evaluation: Span, read: Read) -> None:
        self._evaluation = evaluation
        self._read = read

    def begin(self) -> Scope:
        """Return the scope of the judge's calls."""
        return self._evaluation.begin()

    def end(self, result: Any, error: BaseException | None) -> None:
        """Tell the verdict, if there is a result to read."""
        self._evaluation.end(self._read(result) if error is None else None, error)


def read_by(read: Read, evaluation: Span | None) -> Span | None:
    """Return the span of a judge, if one is asked, which is told what `read` makes of the result."""
    return None if evaluation is None else _Judging(evaluation, read)


def hook_judges_below(function: Any) -> None:
    """Put hooks, for good, on the judges that a user's reward function asks: it was loaded for this framework alone."""
    for owner, name, label in judges_below(function):
        if not isinstance(found := stored_in(owner)[name], Hook):
            opens = judge(label), functions.parameters_of(found)
            setattr(owner, name, Hook(found, functions.hook(*opens, adopt=session_of_call)))
