"""Functions of a framework after which rollouts and their rewards are known: of a group, a batch, or what is logged."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from llm_telemetry.events import Rollout
from llm_telemetry.guard import attempt
from llm_telemetry.session.rollouts import fresh_id
from llm_telemetry.sources import UNKNOWN
from llm_telemetry.trainers.frameworks.work import Batch, hook_with_self, nothing, open_named, scope_within
from llm_telemetry.trainers.kinds import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from llm_telemetry.events import Role, Split
    from llm_telemetry.hooks.observe import Span
    from llm_telemetry.hooks.scopes import Scope
    from llm_telemetry.session.session import Session
    from llm_telemetry.trainers.frameworks.work import Fields, Item

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
    name: str | None = None
    """The name that no other rollout has, where what `within` has made for it is known by that name."""


def fresh_group() -> str:
    """Return what the rollouts of a group have in common that its framework gives no name."""
    return "-".join(map(str, fresh_id()))


def rollouts(tell: Tell, item: Item = nothing, role: Role = "judge", *, first: bool = False) -> Kind:
    """Return the kind of a function after which rollouts are known; one that raises has told of none.

    Args:
        tell: Returns them, given the arguments by name, the object as `self`, what is in `BATCH` within as `batch` (a
            dict), and what the function has returned.
        item: Returns what tells the source of the calls within it.
        role: Of these calls.
        first: They are known, and told, before the function does its work: the result is `None`.
    """

    def opens(session: Session, scope: Scope, fields: dict[str, Any]) -> Span | None:
        if scope.role == role != "other":
            return None  # a call within another is a part of it
        inner = scope_within(session, scope, role, attempt(item, fields))
        return _Rollouts(inner, {**fields, "batch": {}}, tell, first=first)

    return Kind("rollouts", lambda _label: opens, hook=hook_with_self)


class _Rollouts(Batch):
    def __init__(self, scope: Scope, fields: Fields, tell: Tell, *, first: bool) -> None:
        super().__init__(scope, fields["batch"])
        self._fields = fields
        self._tell = tell
        self._first = first

    def begin(self) -> Scope:
        if self._first:
            self._record(None)
        return super().begin()

    def end(self, result: Any, error: BaseException | None) -> None:
        super().end(result, error)
        if not self._first and error is None:
            self._record(result)

    def _record(self, result: Any) -> None:
        for told in self._tell(self._fields, result):
            opened = open_named(self.scope.session, self.scope, told.item, told.name)
            self.scope.session.record(
                Rollout(
                    told.split or self.scope.split,
                    opened.source or UNKNOWN,
                    told.reward,
                    told.failed,
                    told.group,
                    told.parts,
                    keys=(opened.key,),
                )
            )
