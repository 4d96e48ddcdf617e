"""Where a call happens: the scopes that the trainer's own functions open around it.

One `ContextVar` holds the innermost scope. It follows `await`, tasks, `gather`, `wait_for` and `to_thread` by
itself; `threads.py` carries it into thread pools. What is mutable (the rollout, the evaluation, the call)
is referenced by the scope, never copied into it.
"""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, NamedTuple

from llm_telemetry.guard import find_here
from llm_telemetry.session.sessions import current

if TYPE_CHECKING:
    from llm_telemetry.events import Role, Split
    from llm_telemetry.guard import Failures
    from llm_telemetry.session.rollouts import Phase
    from llm_telemetry.session.session import Session


class Scope(NamedTuple):
    """One level of what is going on; an inner scope is made from the outer one."""

    session: Session
    phase: Phase | None
    """The training step or validation that is open; `None` outside of all."""
    role: Role = "other"
    rollout: Any = None
    """The `rollouts.OpenRollout` that is being executed or rewarded."""
    evaluation: Any = None
    """The open evaluation, inside the judge function."""
    call: Any = None
    """The open call, inside the SDK: what the SDK calls within itself is not a call of its own."""
    source: str | None = None
    """The dataset, where the user's own `llm_telemetry.scope(source=…)` tells it."""
    told: Role | None = None
    """The role of calls, where the user's own `llm_telemetry.scope(role=…)` tells it."""

    @property
    def split(self) -> Split:
        """Training, unless a validation is open."""
        return self.phase.split if self.phase else "train"


SCOPE: ContextVar[Scope | None] = ContextVar("llm_telemetry_scope", default=None)

LAST_ROLLOUT: ContextVar[Any] = ContextVar("llm_telemetry_last_rollout", default=None)
"""The rollout that was executed last in this context: the next reward computed here is its reward."""


def innermost() -> Scope | None:
    """Return the innermost scope that is open here.

    A step that is opened by hand in one context and closed in another leaves its scope behind. Once its session has
    ended, that must not take the calls of the sessions that come later.
    """
    scope = SCOPE.get()
    return None if scope is None or scope.session.closed else scope


def session_here() -> Session | None:
    """Return the session whose scope is open here, else the one that a call outside every scope belongs to."""
    return session_of(innermost())


def session_of(scope: Scope | None) -> Session | None:
    """Return the session of the `innermost` scope; without one, that of a call outside of all."""
    session = current() if scope is None else scope.session
    return None if session is None or session.closed else session


def _failures_here() -> Failures | None:
    session = session_here()
    return None if session is None else session.failures


find_here.append(_failures_here)
