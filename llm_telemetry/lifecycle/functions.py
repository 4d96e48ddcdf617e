"""Functions of others, watched: each call of one opens a span from its arguments, and closes it with its result.

A hook sits on the class, so it sees calls of other objects too: `session_of` finds whose call it is, and calls that
are nobody's pass through untouched.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any, TypeAlias

from llm_telemetry.guard import failing_open
from llm_telemetry.hooks.observe import Span, drive
from llm_telemetry.hooks.scopes import Scope, innermost
from llm_telemetry.session.sessions import active

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from llm_telemetry.session.session import Session

MakeSpan: TypeAlias = "Callable[[Session, Scope, dict[str, Any]], Span | None]"
"""Opens a span from the session, the scope that is there and the arguments by name; `None` for what is none."""

Tell: TypeAlias = "Callable[[Any, Mapping[str, Any]], Mapping[str, Any]]"
"""Returns what an object tells of a call besides its arguments, given both."""


def nobody() -> None:
    """Return the owner of a function whose object wrapt can tell, or that need not be known."""


def session_of(instance: Any, scope: Scope | None) -> Session | None:
    """Return the session that watches this object (`None`: a static function), or in whose step it is used.

    Trainers may share an executor: the one whose scope, the `innermost`, is open comes first.
    """
    inside = None if scope is None else scope.session
    if inside is not None and instance in inside.parts and inside in active:
        return inside
    watching = [session for session in active if instance in session.parts and not session.closed]
    if scope is not None and scope.phase is not None and not watching:
        return inside
    return watching[0] if watching else None


def scope_in(session: Session, scope: Scope | None) -> Scope:
    """Return the `innermost` scope where it is one of this session's; outside of all of them, that of its step."""
    if scope is None or scope.session is not session:
        scope = Scope(session, session.phase)
        if session.phase is None:
            session.check_hooks()  # the step's own hook may be gone
    return scope


def hook(
    make_span: MakeSpan,
    parameters: Sequence[str],
    owner: Callable[[], Any] = nobody,
    adopt: Callable[[Any], Session | None] | None = None,
    tell: Tell | None = None,
) -> Any:
    """Return the wrapt wrapper for one function; the arguments are those of `opener`."""
    open_span = opener(make_span, parameters, owner, adopt, tell)

    def watch(wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        span = open_span(instance, args, kwargs)
        return wrapped(*args, **kwargs) if span is None else drive(span, wrapped, args, kwargs)

    return watch


def opener(
    make_span: MakeSpan,
    parameters: Sequence[str],
    owner: Callable[[], Any] = nobody,
    adopt: Callable[[Any], Session | None] | None = None,
    tell: Tell | None = None,
) -> Callable[[Any, tuple[Any, ...], Mapping[str, Any]], Span | None]:
    """Return what opens the span of a call, given the object that the function is called on, and the arguments.

    Args:
        make_span: Makes the span; `None` when this call is none of our business.
        parameters: The names of the function's parameters, for arguments given by position.
        owner: Gives whose function it is where wrapt cannot tell (a plain function on an attribute).
        adopt: Asked for a session when nobody watches the object.
        tell: Returns what the object tells besides the arguments, in whose place it is.
    """

    @failing_open
    def open_span(instance: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Span | None:
        scope = innermost()
        session = session_of(instance, scope)
        if session is None and instance is None:
            session = session_of(owner(), scope)
        if session is None and adopt is not None:
            session = adopt(instance)
        if session is None:
            return None
        fields = {**dict(zip(parameters, args, strict=False)), **kwargs}
        if tell is not None:
            fields.update(tell(instance, fields))
        return make_span(session, scope_in(session, scope), fields)

    return open_span


def parameters_of(function: Any) -> tuple[str, ...]:
    """Return the names of a (bound) function's parameters; none where it does not tell."""
    try:
        return tuple(inspect.signature(function).parameters)
    except (TypeError, ValueError):
        return ()
