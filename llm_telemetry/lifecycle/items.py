"""Dataset items in a function's arguments: one, or a batch of them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from llm_telemetry.lifecycle.rewards import plain, reward_in, rewards_in
from llm_telemetry.objects import fields_of
from llm_telemetry.session.items import SOURCE_FIELDS, is_item, items_in, problem_in, rows_in, singular, source_in
from llm_telemetry.session.rollouts import OpenRollout

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from llm_telemetry.hooks.scopes import Scope
    from llm_telemetry.session.session import Session

    Row = Mapping[Any, Any]

_SURE_SOURCES = tuple(name for name in SOURCE_FIELDS if name != "task")  # an argument `task` may be the problem
_BATCH_FIELDS = ("predictions", "completions", "answers", "responses", "problems", "prompts", "questions")
ITEM_TEXTS = tuple(map(singular, _BATCH_FIELDS))
"""Names under which an item's texts are given, predictions before problems."""
_SAMPLES = re.compile(r"n|k|(num|n)_?(samples|generations|rollouts|completions|return_sequences)|group_size|samples")
_NO_ITEM = re.compile(r"conf|cfg|args|setting|option|model|token|client|polic|logger|trainer|executor|judge|cache|pool")
"""Arguments with such names may hold the name of a dataset, and are no items."""


class Given(NamedTuple):
    """What a function was given: its arguments, and the items of a batch among them."""

    fields: Row
    rows: list[Row]
    """The arguments once more for each item of the batch; empty where no argument is a batch."""
    is_one: bool
    """The arguments are about one item, whatever the function returns."""

    @property
    def all(self) -> list[Row]:
        """The rows, or the arguments as the only one."""
        return self.rows or [self.fields]


def given_in(fields: Row) -> Given:
    """Read a function's arguments, by name."""
    held = (inner for inner in items_in(fields) if inner is not fields)
    if any(isinstance(fields.get(name), str) for name in ITEM_TEXTS) or any(map(is_item, held)):
        return Given(fields, [], is_one=True)
    flat = [v for name in _BATCH_FIELDS if isinstance(v := fields.get(name), list | tuple) and v]
    length = len(flat[0]) if flat else 0
    rows: list[Row] = [_row(fields, i, length) for i in range(length)]
    for name, value in fields.items():
        inner = [] if _NO_ITEM.search(str(name)) else rows_in(value)
        if inner and len(inner) == (len(rows) or len(inner)):
            rows = [{**(rows[i] if rows else fields), **row} for i, row in enumerate(inner)]
    return Given(fields, rows, is_one=not rows and any(map(is_item, _items(fields))))


def rows_of(fields: Row) -> list[Row]:
    """Return the arguments once for each item: a function that takes no batch is about one."""
    return given_in(fields).all


def _row(fields: Row, i: int, length: int) -> Row:
    """Return the arguments of one item of a batch, whose columns are arguments."""
    row = {k: v[i] if isinstance(v, list | tuple) and len(v) == length else v for k, v in fields.items()}
    return {**row, **{singular(name): value for name, value in row.items()}}


def _items(fields: Row) -> Iterator[Row]:
    """Yield what may be the item among arguments: under a name for such things first, then any argument."""
    yield from items_in(fields)
    for name, value in fields.items():
        if not _NO_ITEM.search(str(name)) and (inner := fields_of(value)) and is_item(inner):
            yield from items_in(inner)


def open_rollout(session: Session, scope: Scope, fields: Row) -> OpenRollout:
    """Open a rollout for what the function was given: its source is in there, or known from the item."""
    items = list(_items(fields))
    problem = next((problem for item in items if (problem := problem_in(item)) is not None), None)
    sources = (source_in(item, _SURE_SOURCES if item is fields else SOURCE_FIELDS) for item in items)
    told = next((source for source in sources if source is not None), None) or scope.source
    source = told or session.sources.find(problem) or source_in(fields)
    return OpenRollout(scope.split, scope.phase, source, problem, session.number)


def outcomes_in(given: Given, result: Any) -> list[tuple[Row, Any]]:
    """Return what an executor has done: for each rollout its item, and what was returned for it."""
    made = _made(result)
    count = len(made)
    if given.rows and count == len(given.rows):
        return list(zip(given.rows, made, strict=True))
    told = rows_in(result)
    if told and (given.rows or len(told) > 1) and not (given.is_one and not _is_asked_for(given, count)):
        return list(zip(told, made if len(made) == len(told) else told, strict=True))
    if given.rows:
        return (
            [({}, one) for one in made] if count and count % len(given.rows) == 0 else [(r, None) for r in given.rows]
        )
    if count > 1 and _is_asked_for(given, count):
        return [(given.fields, one) for one in made]
    return [(given.fields, result)]


def rewards_for(given: Given, result: Any) -> list[tuple[Row, float | None]]:
    """Return what a reward function has computed: for each rollout what is known of it, and its reward.

    A function that returns nothing has noted the rewards where it found the items.
    """
    if result is None:
        result = next(filter(rows_in, given.fields.values()), None) if given.rows else {**given.fields}
    if given.rows:
        return list(zip(given.rows, rewards_in(result, len(given.rows), _responses(given.fields)), strict=True))
    made = plain(result)
    several = len(made) if isinstance(made, list) and not given.is_one else 0
    if several > 1:
        return [(fields_of(one), reward_in(one)) for one in made]
    return [(given.fields, reward_in(result))]


def _responses(fields: Row) -> tuple[int, ...]:
    """Return the shape of the responses' tokens in a `DataProto`, if that is an argument."""
    batches = (fields_of(fields_of(value).get("batch")) for value in fields.values())
    return next((tuple(batch["responses"].shape) for batch in batches if "responses" in batch), ())


def _made(result: Any) -> list[Any]:
    """Return the elements of a list; of a tuple the first list, as in `(answers, costs)`."""
    if isinstance(result, tuple):
        result = next((part for part in result if isinstance(part, list)), None)
    return result if isinstance(result, list) else []


def _is_asked_for(given: Given, count: int) -> bool:
    """Tell whether an argument asks for so many rollouts of each item."""
    return any(value == count for name, value in given.fields.items() if _SAMPLES.fullmatch(str(name)))
