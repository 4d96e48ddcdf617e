"""Dataset items in a function's arguments: one, or a batch of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llm_telemetry.session.items import SOURCE_FIELDS, item_in, problem_in, source_in
from llm_telemetry.session.rollouts import OpenRollout

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from llm_telemetry.hooks.scopes import Scope
    from llm_telemetry.session.session import Session

_SURE_SOURCES = tuple(name for name in SOURCE_FIELDS if name != "task")  # an argument `task` may be the problem
_BATCH_FIELDS = ("predictions", "completions", "answers", "responses", "problems", "prompts", "questions")
ITEM_TEXTS = tuple(name.removesuffix("s") for name in _BATCH_FIELDS)
"""Names under which an item's texts are given, predictions before problems."""


def rows_of(fields: dict[str, Any]) -> Iterable[dict[str, Any]]:
    """Yield the arguments, one mapping a rollout: a batch function takes lists of one length, and no single text."""
    lists = [v for name in _BATCH_FIELDS if isinstance(v := fields.get(name), list | tuple) and v]
    if not lists or any(isinstance(fields.get(name), str) for name in ITEM_TEXTS):
        yield fields
        return
    batch = len(lists[0])
    for i in range(batch):
        row = {k: v[i] if isinstance(v, list | tuple) and len(v) == batch else v for k, v in fields.items()}
        yield {**row, **{k.removesuffix("s"): v for k, v in row.items()}}


def open_rollout(session: Session, scope: Scope, fields: Mapping[str, Any]) -> OpenRollout:
    """Open a rollout for what the function was given: its source is in there, or known from the item."""
    item = item_in(fields) or {}
    problem = problem_in(fields) or problem_in(item)
    told = source_in(fields, _SURE_SOURCES) or source_in(item) or scope.source
    source = told or session.sources.find(problem) or source_in(fields)
    return OpenRollout(scope.split, scope.phase, source, problem, session.number)
