"""For code that can be edited: `@judge` marks a judge function, `with scope(…)` says whose the calls in it are.

Both do nothing at all while nothing is watched, so they may stay in the code for good.
"""

from __future__ import annotations

import functools
import logging
from typing import TYPE_CHECKING, Any, TypeVar, overload

from llm_telemetry.events import ROLES
from llm_telemetry.guard import guarded
from llm_telemetry.hooks.observe import leave
from llm_telemetry.hooks.patching import Hook
from llm_telemetry.hooks.scopes import SCOPE, Scope
from llm_telemetry.lifecycle import evaluation as judges
from llm_telemetry.lifecycle.items import open_rollout
from llm_telemetry.lifecycle.spans import hook, parameters_of
from llm_telemetry.session.session import current
from llm_telemetry.sources import clean_source

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextvars import Token
    from types import TracebackType

    from typing_extensions import Self

    from llm_telemetry.events import Role
    from llm_telemetry.lifecycle.evaluation import OpenEvaluation
    from llm_telemetry.session.session import Session

log = logging.getLogger("llm_telemetry")

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
    plain = getattr(function, "__func__", function)
    if isinstance(function, type) or not callable(plain):
        raise TypeError(f"@llm_telemetry.judge marks a function or a method, not {function!r}")
    label = clean_source(name or getattr(plain, "__name__", type(plain).__name__)).strip("_")
    parameters = parameters_of(plain)
    own = parameters[1:] if parameters[:1] in (("self",), ("cls",)) else parameters
    return Hook(function, hook(judges.judge(label), own, _nobody, _session_here))


def _nobody() -> None:
    return None


def _session_here(_instance: Any = None) -> Session | None:
    """Return the session whose scope is open, else the one that a call outside every scope belongs to."""
    outer = SCOPE.get()
    session = current() if outer is None else outer.session
    return None if session is None or session.closed else session


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
        self._name = clean_source(name).strip("_") if name else "scope"
        self._open: list[tuple[Token[Scope | None], OpenEvaluation | None] | None] = []

    def __enter__(self) -> Self:
        """Begin."""
        self._open.append(self._begin())
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """End; an exception goes on its way."""
        begun = self._open.pop()
        if begun is not None:
            _end(*begun, error)

    @guarded
    def _begin(self) -> tuple[Token[Scope | None], OpenEvaluation | None] | None:
        session = _session_here()
        if session is None or not _is_role(self._role):
            return None
        outer = SCOPE.get() or Scope(session, session.phase)
        inner = outer._replace(told=self._role or outer.told, source=self._source or outer.source)
        evaluation = self._evaluate(inner) if self._evaluates and outer.evaluation is None else None
        if evaluation is not None:
            inner = inner._replace(evaluation=evaluation)
        return SCOPE.set(inner), evaluation

    def _evaluate(self, inner: Scope) -> OpenEvaluation:
        rollout = inner.rollout or open_rollout(inner.session, inner, {})
        return judges.OpenEvaluation(inner, self._name, [(rollout, "")], implied=True)


@guarded
def _end(token: Token[Scope | None], evaluation: OpenEvaluation | None, error: BaseException | None) -> None:
    leave(token)
    if evaluation is not None:
        evaluation.end(None, error)


def _is_role(role: object) -> bool:
    """Tell whether there is such a role; training goes on if there is none, and it is told once."""
    known = role is None or role in ROLES
    if not known and role not in _told:
        _told.add(role)
        log.warning("llm_telemetry.scope(role=%r): there is no such role; there are %s", role, ", ".join(ROLES))
    return known
