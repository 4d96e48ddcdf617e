"""For code that can be edited: `@judge` marks a judge function, `with scope(…)` says whose the calls in it are.

Both do nothing at all while nothing is watched, so they may stay in the code for good.
"""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, Any, TypeVar, overload

from llm_telemetry.events import ROLES
from llm_telemetry.guard import attempt, guarded, log
from llm_telemetry.hooks.patching import Hook
from llm_telemetry.hooks.scopes import session_here
from llm_telemetry.lifecycle import evaluation
from llm_telemetry.lifecycle.by_hand import Span
from llm_telemetry.lifecycle.evaluation import Item, OpenEvaluation
from llm_telemetry.lifecycle.functions import hook, parameters_of
from llm_telemetry.lifecycle.items import open_rollout
from llm_telemetry.session.items import SourceIndex
from llm_telemetry.sources import clean_source

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from types import TracebackType

    from typing_extensions import Self

    from llm_telemetry.events import Role
    from llm_telemetry.hooks.scopes import Scope
    from llm_telemetry.lifecycle.functions import MakeSpan
    from llm_telemetry.session.session import Session


F = TypeVar("F", bound="Callable[..., Any]")
_told: set[object] = set()


@overload
def judge(function: F) -> F: ...
@overload
def judge(*, name: str | None = None) -> Callable[[F], F]: ...
def judge(function: Any = None, *, name: str | None = None) -> Any:
    """Mark a judge function: each call of it is one evaluation, what it returns is the verdict.

    For functions and methods, sync and async; an argument named as `instrument()` knows it (`source`, `problem`, an
    item) tells the dataset. Given lists and returning one, it is an evaluation for each item.

    Args:
        function: The function.
        name: What the judge is called in keys (`judge/{name}/…`, where there are several); by default the function.

    Returns:
        The same function; its signature, its docstring and whether it is async are what they were.

    Raises:
        TypeError: It is no function.
    """
    if function is None:
        return functools.partial(judge, name=name)
    return mark(function, "judge", evaluation.judge, session_here, name)


def mark(
    function: Any,
    what: str,
    opens: Callable[[str], MakeSpan],
    session: Callable[[], Session | None],
    name: str | None = None,
) -> Any:
    """Return a function, or a method, as a hook that opens a span wherever it is called.

    Args:
        function: The function.
        what: What it is marked as.
        opens: Returns what opens the span, given what a judge is called in keys.
        session: Returns the session that a call belongs to.
        name: What a judge is called, else it is the function's name.

    Raises:
        TypeError: It is no function.
    """
    plain = getattr(function, "__func__", function)
    if isinstance(function, type) or not callable(plain):
        raise TypeError(f"@llm_telemetry.{what} marks a function or a method, not {function!r}")
    marked = _marked(function, plain, opens, session, name)
    return function if marked is None else marked


@guarded
def _marked(
    function: Any,
    plain: Any,
    opens: Callable[[str], MakeSpan],
    session: Callable[[], Session | None],
    name: str | None,
) -> Hook:
    label = clean_source(name or getattr(plain, "__name__", type(plain).__name__)).strip("_")
    parameters = parameters_of(plain)
    own = parameters[1:] if parameters[:1] in (("self",), ("cls",)) else parameters
    return Hook(function, hook(opens(label), own, adopt=lambda _instance: session()))


def rewarding(source: str | None) -> Callable[[str], MakeSpan]:
    """Return what opens the rollouts of a reward function that is watched by itself, and evaluations if it judges.

    Args:
        source: The argument, or the field in one, that tells the dataset; what no call has is the dataset's name.
    """

    def opens(label: str) -> MakeSpan:
        open_both = evaluation.judging_reward(label, implied=True)
        return lambda session, scope, fields: open_both(session, scope, _with_source(fields, source))

    return opens


def _with_source(fields: dict[str, Any], named: str | None) -> dict[str, Any]:
    if named is None:
        return fields
    told = fields.get(named)
    if isinstance(told, list | tuple):
        return {**fields, "source": [None if one is None else str(one) for one in told]}
    return {**fields, "source": SourceIndex(named).told_in(fields) or named}


class scope:  # noqa: N801 - used like a function
    """Say whose the LLM calls in a `with` block are.

    With `role="judge"` the block is an evaluation, and the last answer's text its verdict; calls within a judge
    function that is watched belong to that one's evaluation as ever.

    Args:
        role: `executor`, `judge`, `policy` or `other`; by default what the calls would be without the block.
        source: The dataset that they are made for; by default what it would be without the block.
        evaluation: `False` for a judge's calls that give no verdict, to extract an answer, say: they are its cost.
        name: What the judge is called in keys, where there are several.
    """

    def __init__(
        self,
        *,
        role: Role | None = None,
        source: str | None = None,
        evaluation: bool = True,
        name: str | None = None,
    ) -> None:
        self._role = role
        self._source = source
        self._evaluates = evaluation and role == "judge"
        self._name = name or "scope"
        self._open: list[Span] = []

    def __enter__(self) -> Self:
        """Begin."""
        self._open.append(Span(attempt(session_here), self._block, {}).start())
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """End; an exception goes on its way."""
        self._open.pop().finish(error=error)

    def _block(self, session: Session, outer: Scope, _told: Mapping[str, Any]) -> _Block | None:
        if not _is_role(self._role):
            return None
        inner = outer._replace(told=self._role or outer.told, source=self._source or outer.source)
        if not self._evaluates or outer.evaluation is not None:
            return _Block(inner, None)
        rollout = inner.rollout or open_rollout(session, inner, {})
        judged = OpenEvaluation(inner, clean_source(self._name).strip("_"), [Item(rollout, "")], implied=True)
        return _Block(inner._replace(evaluation=judged), judged)


class _Block:
    """A block within `scope`, and its evaluation if it opened one."""

    def __init__(self, scope: Scope, evaluation: OpenEvaluation | None) -> None:
        self._scope = scope
        self._evaluation = evaluation

    def begin(self) -> Scope:
        return self._scope

    def end(self, _result: Any, error: BaseException | None) -> None:
        if self._evaluation is not None:
            self._evaluation.end(None, error)


def _is_role(role: object) -> bool:
    """Tell whether there is such a role; training goes on if there is none, and it is told once."""
    known = role is None or role in ROLES
    if not known and role not in _told:
        _told.add(role)
        log.warning("scope(role=%r): there is no such role; there are %s", role, ", ".join(ROLES))
    return known
