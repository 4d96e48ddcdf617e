"""Functions of a framework after which rollouts and their rewards are known: of a group, a batch, or what is logged."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from llm_telemetry.events import Rollout
from llm_telemetry.guard import attempt
from llm_telemetry.hooks.scopes import innermost
from llm_telemetry.lifecycle.functions import hook
from llm_telemetry.lifecycle.items import open_rollout
from llm_telemetry.session.rollouts import fresh_id
from llm_telemetry.sources import UNKNOWN
from llm_telemetry.trainers.kinds import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from llm_telemetry.events import Role, Split
    from llm_telemetry.hooks.observe import Span
    from llm_telemetry.hooks.scopes import Scope
    from llm_telemetry.session.session import Session

    Fields = Mapping[str, Any]
    Item = Callable[[Fields], Fields]
    Tell = Callable[[Fields, Any], Sequence["Told"]]


class Told(NamedTuple):
    """A rollout as a framework tells it."""

    reward: float | None
    item: Mapping[str, Any]
    """What tells its source."""
    group: str | int | None = None
    """What attempts at one problem have in common."""
    failed: bool = False
    parts: tuple[tuple[str, float | None], ...] = ()
    """What its reward is made of, by name."""
    split: Split | None = None
    """Where the framework tells it; else it is that of the scope."""


def fresh_group() -> str:
    """Return what the rollouts of a group have in common that its framework gives no name."""
    return "-".join(map(str, fresh_id()))


def nothing(_fields: Fields) -> Fields:
    """Tell nothing about the source."""
    return {}


def within(item: Item, role: Role) -> Kind:
    """Return the kind of a function whose LLM calls have this role, and the source that an item tells.

    Args:
        item: Returns what tells the source, given the arguments by name and the object as `self`.
        role: Of the calls, where nothing within says more.
    """

    def opens(session: Session, scope: Scope, fields: dict[str, Any]) -> Span:
        return _Work(_scope(session, scope, role, attempt(item, fields)), fields)

    return Kind(f"within {role}", lambda _label: opens, hook=_hook)


def rollouts(tell: Tell, item: Item = nothing, role: Role = "judge", *, first: bool = False) -> Kind:
    """Return the kind of a function after which rollouts are known; one that raises has told of none.

    Args:
        tell: Returns them, given the arguments by name, the object as `self`, and what the function has returned.
        item: Returns what tells the source of the calls within it.
        role: Of these calls.
        first: They are known, and told, before the function does its work: the result is `None`.
    """

    def opens(session: Session, scope: Scope, fields: dict[str, Any]) -> Span | None:
        if scope.role == role != "other":
            return None  # a call within another is a part of it
        return _Rollouts(_scope(session, scope, role, attempt(item, fields)), fields, tell, first=first)

    return Kind("rollouts", lambda _label: opens, hook=_hook)


def _scope(session: Session, outer: Scope, role: Role, told: Fields | None) -> Scope:
    """Return the scope within; a task that was begun outside of a validation that is open is no part of that."""
    phase = outer.phase if innermost() is not None or session.is_child else None
    return outer._replace(role=role, phase=phase, source=session.sources.told_in(told or {}) or outer.source)


class _Work:
    """A function at work in a scope of its own."""

    def __init__(self, scope: Scope, fields: Fields) -> None:
        self._scope = scope
        self._fields = fields

    def begin(self) -> Scope:
        return self._scope

    def end(self, result: Any, error: BaseException | None) -> None:
        pass


class _Rollouts(_Work):
    def __init__(self, scope: Scope, fields: Fields, tell: Tell, *, first: bool) -> None:
        super().__init__(scope, fields)
        self._tell = tell
        self._first = first

    def begin(self) -> Scope:
        if self._first:
            self._record(None)
        return self._scope

    def end(self, result: Any, error: BaseException | None) -> None:
        if not self._first and error is None:
            self._record(result)

    def _record(self, result: Any) -> None:
        for told in self._tell(self._fields, result):
            opened = open_rollout(self._scope.session, self._scope, told.item)
            self._scope.session.record(
                Rollout(
                    told.split or self._scope.split,
                    opened.source or UNKNOWN,
                    told.reward,
                    told.failed,
                    told.group,
                    told.parts,
                    keys=(opened.key,),
                )
            )


def _itself(instance: Any, _fields: Fields) -> Fields:
    return {"self": instance}


_hook = partial(hook, tell=_itself)
