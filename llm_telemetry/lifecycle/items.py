"""Dataset items in a function's arguments: one, or a batch of them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, NamedTuple

from llm_telemetry.guard import guarded
from llm_telemetry.judging.answers import judged
from llm_telemetry.lifecycle.arguments import BATCH_FIELDS, first_text, names_of
from llm_telemetry.objects import fields_of, is_flat, ranked
from llm_telemetry.session.items import (
    PROBLEM_FIELDS,
    SOURCE_FIELDS,
    SURE_PROBLEMS,
    ids_in,
    is_item,
    items_in,
    problem_in,
    problem_of,
    rows_in,
    singular,
)
from llm_telemetry.session.rollouts import OpenRollout
from llm_telemetry.session.signs import signs_in

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from llm_telemetry.events import Judged
    from llm_telemetry.hooks.scopes import Scope
    from llm_telemetry.session.items import SourceIndex
    from llm_telemetry.session.session import Session

    Row = Mapping[Any, Any]
    Rule = Callable[[Mapping[str, Any], str], object]

_SURE_SOURCES = ranked(*(name for name in SOURCE_FIELDS if name != "task"))  # an argument `task` may be the problem
_MADE = re.compile(r"prediction|completion|response|output|generation|messages|turns|transcript")
"""Fields of a trajectory: what the model has said."""
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
    def is_alone(self) -> bool:
        """Whether one rollout is all that there can be."""
        return self.is_one and not self.rows and not names_of(*self.fields).samples

    @property
    def all(self) -> list[Row]:
        """The rows, or the arguments as the only one."""
        return self.rows or [self.fields]

    def asks_for(self, count: int) -> bool:
        """Tell whether an argument asks for so many rollouts of each item."""
        return any(self.fields[name] == count for name in names_of(*self.fields).samples)


def given_in(fields: Row) -> Given:
    """Read a function's arguments, by name."""
    if first_text(fields, names_of(*fields).texts) is not None or any(map(is_item, items_in(fields)[1:])):
        return Given(fields, [], is_one=True)
    flat = [v for name in BATCH_FIELDS if isinstance(v := fields.get(name), list | tuple) and v]
    length = len(flat[0]) if flat else 0
    rows: list[Row] = [_row(fields, i, length) for i in range(length)]
    for name, value in fields.items():
        inner = [] if _NO_ITEM.search(str(name)) else rows_in(value)
        if inner and len(inner) == (len(rows) or len(inner)):
            rows = [{**(rows[i] if rows else fields), **row} for i, row in enumerate(inner)]
    return Given(fields, rows, is_one=not rows and any(map(is_item, _items(fields))))


def compared_in(fields: Row) -> Given:
    """Read the arguments of a reward function, which may compare two answers, as `response_a` and `response_b`."""
    sides = names_of(*fields).sides
    if len(sides) != 2:  # noqa: PLR2004 - a pair
        return given_in(fields)
    rest = {name: value for name, value in fields.items() if name not in sides}
    return Given(fields, [{**rest, "response": fields[name]} for name in sides], is_one=False)


def rows_of(fields: Row) -> list[Row]:
    """Return the arguments once for each item: a function that takes no batch is about one."""
    return given_in(fields).all


def _row(fields: Row, i: int, length: int) -> Row:
    """Return the arguments of one item of a batch, whose columns are arguments."""
    row = {k: v[i] if isinstance(v, list | tuple) and len(v) == length else v for k, v in fields.items()}
    return {**row, **{singular(name): value for name, value in row.items()}}


def _items(fields: Row) -> list[Row]:
    """Return what may be the item among arguments: under a name for such things first, then any argument."""
    items = items_in(fields)
    for name, value in fields.items():
        if (inner := fields_of(value)) and not _NO_ITEM.search(str(name)) and is_item(inner):
            items += items_in(inner)
    return items


def answer_in(fields: Row) -> tuple[object, ...]:
    """Return what a trajectory is known again by when it is rewarded again; nothing where there is none.

    Texts alone would not do: another sample may say the same, at the address of one that is gone.
    """
    for value in fields.values():
        said = [inner for name, inner in fields_of(value).items() if _MADE.search(str(name))]
        known = next(iter(signs_in(value)), ("",)) if said else ("",)
        if known[0] == "object":
            return (known, *signs_in(*said))
    return ()


def is_blank(fields: Row) -> bool:
    """Tell whether a reward function was given no answer, under a name for one."""
    answers = names_of(*fields).answers
    return any(fields[name] is None or (type(fields[name]) is str and not fields[name]) for name in answers)


def judged_in(fields: Row, problem: int | None, rule: Rule | None = None) -> Judged | None:
    """Return what is kept of the answer that a judge is told, `None` where none is under a name for one.

    Args:
        fields: The judge function's arguments, of one item.
        problem: The item's fingerprint.
        rule: The user's, which says of these arguments and the answer whether it is right.
    """
    names = names_of(*fields)
    answer = first_text(fields, names.judged)
    if answer is None:
        return None
    texts = first_text(fields, names.questions) or "", first_text(fields, names.references) or ""
    kept = judged(answer, *texts, problem)
    return kept if rule is None else kept._replace(rule=_by_rule(rule, fields, answer))


@guarded
def _by_rule(rule: Rule, fields: Row, answer: str) -> bool | None:
    """Ask the user's rule; what is neither yes nor no says nothing."""
    said = rule(dict(fields), answer)
    return bool(said) if said in (0, 1) else None


def open_rollout(session: Session, scope: Scope, fields: Row) -> OpenRollout:
    """Open a rollout for what the function was given: its source is in there, or known from the item."""
    index, names = session.sources, names_of(*fields)
    items = [fields] if is_flat(fields.values()) else _items(fields)
    is_alone = len(items) == 1
    problem = problem_of(fields, names.problems) if is_alone else _problem_in(items)
    may_tell = not is_alone or names.sources or index.is_named
    told = _source_in(index, items) if may_tell else None
    said = (scope.source, told) if index.is_named else (told, scope.source)  # a setting gives way to code
    source = said[0] or said[1] or index.find(problem) or (index.told_in(fields) if may_tell else None)
    rollout = OpenRollout(scope.split, scope.phase, source, problem, session.number)
    if names.ids or not is_alone:
        rollout.signs = {("id", *named): None for item in items for named in ids_in(item)}
    return rollout


def _problem_in(items: Sequence[Row]) -> int | None:
    """Return the fingerprint of the first problem in some items, the surest first."""
    problems = (problem_in(item, names) for names in (SURE_PROBLEMS, PROBLEM_FIELDS) for item in items)
    return next((problem for problem in problems if problem is not None), None)


def _source_in(index: SourceIndex, items: Sequence[Row]) -> str | None:
    """Return the first source that some items tell, of which the first are the arguments."""
    names = (_SURE_SOURCES, *(SOURCE_FIELDS for _ in items[1:]))
    sources = map(index.told_in, items, names)
    return next((source for source in sources if source is not None), None)
