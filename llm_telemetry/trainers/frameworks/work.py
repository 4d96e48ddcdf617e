"""Functions of a framework at work: in a scope of their own, or looked at when they are done."""

from __future__ import annotations

import hashlib
from contextvars import ContextVar
from functools import partial
from typing import TYPE_CHECKING, Any

from llm_telemetry.guard import attempt
from llm_telemetry.hooks.scopes import innermost
from llm_telemetry.lifecycle.functions import hook
from llm_telemetry.lifecycle.items import open_rollout
from llm_telemetry.trainers.kinds import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from llm_telemetry.events import Id, Role
    from llm_telemetry.hooks.observe import Span
    from llm_telemetry.hooks.scopes import Scope
    from llm_telemetry.session.rollouts import OpenRollout
    from llm_telemetry.session.session import Session

    Fields = Mapping[str, Any]
    Item = Callable[[Fields], Fields]
    Named = Callable[[Fields], str | None]
    Look = Callable[[Session, Any, BaseException | None], None]


def nothing(_fields: Fields) -> Fields:
    """Tell nothing about the source."""
    return {}


def key_of(name: str) -> Id:
    """Return the key of a rollout that each process knows by the same name, which no other rollout has."""
    digest = hashlib.blake2b(name.encode(), digest_size=14).digest()
    return int.from_bytes(digest[:7], "big"), int.from_bytes(digest[7:], "big")


def open_named(session: Session, scope: Scope, item: Fields, name: str | None) -> OpenRollout:
    """Open the rollout of an item, with the key of its name, if it has one."""
    rollout = open_rollout(session, scope, item)
    if name is not None:
        rollout.key = key_of(name)
    return rollout


def within(item: Item, role: Role, name: Named | None = None) -> Kind:
    """Return the kind of a function whose LLM calls have this role, and the source that an item tells.

    Args:
        item: Returns what tells the source, given the arguments by name and the object as `self`.
        role: Of the calls, where nothing within says more.
        name: Returns the name that one rollout alone has, where the calls and evaluations within are all made for it:
            see `Told.name`.
    """

    def opens(session: Session, scope: Scope, fields: dict[str, Any]) -> Span:
        told = attempt(item, fields) or {}
        inner = scope_within(session, scope, role, told)
        known = None if name is None else attempt(name, fields)
        return Work(inner if known is None else inner._replace(rollout=open_named(session, inner, told, known)))

    return Kind(f"within {role}", lambda _label: opens, hook=hook_with_self)


def scope_within(session: Session, outer: Scope, role: Role, told: Fields | None) -> Scope:
    """Return the scope within; a task that was begun outside of a validation that is open is no part of that."""
    phase = outer.phase if innermost() is not None or session.is_child else None
    return outer._replace(role=role, phase=phase, source=session.sources.told_in(told or {}) or outer.source)


class Work:
    """A function at work.

    Args:
        scope: The scope of its calls.
        look: Is given the result, and what it raised, when it is done.
    """

    def __init__(self, scope: Scope, look: Look | None = None) -> None:
        self.scope = scope
        self._look = look

    def begin(self) -> Scope:
        """Return the scope."""
        return self.scope

    def end(self, result: Any, error: BaseException | None) -> None:
        """Look at the end."""
        if self._look is not None:
            self._look(self.scope.session, result, error)


BATCH: ContextVar[Any] = ContextVar("llm_telemetry_batch", default=None)
"""What the innermost `Batch` here has told the functions that make each of its rollouts."""


class Batch(Work):
    """A function at work on several rollouts.

    Args:
        scope: The scope of its calls.
        told: What those that make each of them have to know.
    """

    def __init__(self, scope: Scope, told: Any) -> None:
        super().__init__(scope)
        self.told = told

    def begin(self) -> Scope:
        """Tell it, and return the scope."""
        BATCH.set(self.told)
        return super().begin()

    def end(self, result: Any, error: BaseException | None) -> None:
        """Tell nothing any more."""
        BATCH.set(None)
        super().end(result, error)


def at_end(look: Look) -> Kind:
    """Return the kind of a function that is looked at when it is done; its calls are whose they were."""
    return Kind("looked at", lambda _label: lambda _session, scope, _fields: Work(scope, look))


def _itself(instance: Any, _fields: Fields) -> Fields:
    return {"self": instance}


hook_with_self = partial(hook, tell=_itself)
"""As `functions.hook`; the object whose method it is is told as `self`."""
