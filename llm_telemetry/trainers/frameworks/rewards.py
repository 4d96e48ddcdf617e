"""Functions of a framework that give rewards: each item is a rollout, also where two answers are alike."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from llm_telemetry.events import Rollout
from llm_telemetry.lifecycle.items import given_in, open_rollout
from llm_telemetry.lifecycle.rewards import describe, reward_in, rewards_in
from llm_telemetry.lifecycle.spans import UNREADABLE, scope_of
from llm_telemetry.sources import UNKNOWN
from llm_telemetry.trainers.kinds import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from llm_telemetry.hooks.observe import Span
    from llm_telemetry.hooks.scopes import Scope
    from llm_telemetry.session.session import Session

    Items = Callable[[Mapping[str, Any]], Sequence[Mapping[Any, Any]]]
    Read = Callable[[Any, int], Sequence[float | None]]


def _items(fields: Mapping[str, Any]) -> Sequence[Mapping[Any, Any]]:
    return given_in(fields).all


def _read(result: Any, count: int) -> Sequence[float | None]:
    return rewards_in(result, count) if count > 1 else [reward_in(result)]


def rewards(items: Items = _items, read: Read = _read, group: str | None = None) -> Kind:
    """Return the kind of a function that gives rewards; one within another is a part of it, its calls are a judge's.

    Args:
        items: Returns the items that are rewarded, from the function's arguments by name: for each a mapping that
            tells its source (under a usual name, or that of the setting `source`), and its problem.
        read: Returns so many rewards from what the function has returned, `None` for one that cannot be read.
        group: The field of an item that attempts at the same problem have in common.
    """
    return Kind("rewards", lambda _label: partial(_open, items, read, group))


class Rewards:
    """Rewards being computed."""

    def __init__(self, outer: Scope, items: Sequence[Mapping[Any, Any]], read: Read, group: str | None) -> None:
        self._read = read
        self._rollouts = [open_rollout(outer.session, outer, item) for item in items]
        for rollout, item in zip(self._rollouts, items, strict=True):
            told = None if group is None else item.get(group)
            rollout.group = told if isinstance(told, str | int) else None
        self._scope = scope_of(outer, "judge", self._rollouts)

    def begin(self) -> Scope:
        """Return the scope of the judge's calls."""
        return self._scope

    def end(self, result: Any, error: BaseException | None) -> None:
        """Record the rollouts; without a reward, as after an exception, they are unscored."""
        session, split = self._scope.session, self._scope.split
        count = len(self._rollouts)
        given = self._read(result, count) if error is None else [None] * count
        for one, reward in zip(self._rollouts, given, strict=True):
            source = one.source or self._scope.source or UNKNOWN
            session.record(Rollout(split, source, reward, failed=False, group=one.group, keys=(one.key,)))
            session.contradictions.add(one.verdict, reward)
        if error is None and None in given:
            session.tell(UNREADABLE, describe(result))


def _open(
    items: Items, read: Read, group: str | None, _session: Session, scope: Scope, fields: dict[str, Any]
) -> Span | None:
    return None if scope.role == "judge" else Rewards(scope, items(fields), read, group)
