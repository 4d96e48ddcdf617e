"""The arithmetic of W&B's rows: pure functions, no W&B in here.

W&B keeps one open row and a counter, the `_step` of that row. A call without a step closes the row; a call
with a later step closes every row below it; a call with an earlier step is thrown away. A payload of ours
goes only into rows that the trainer's call of this moment closes: so the counter is never ahead of the trainer.
"""

from __future__ import annotations

import math
import operator
from numbers import Integral, Number
from typing import TYPE_CHECKING, Any, NamedTuple

from llm_telemetry.collectors import keys
from llm_telemetry.collectors.keys import is_shared
from llm_telemetry.events import ALL_SPLITS, STEP_KEY, CapturedEvaluation
from llm_telemetry.guard import guarded

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from llm_telemetry.events import Split

TABLES: Mapping[Split, str] = {split: keys.CAPTURED_FAILURES.of(split) for split in ALL_SPLITS}
"""The keys of the tables with captured evaluations."""
COLUMNS = CapturedEvaluation._fields
RESCUED = "rescued/"
RESCUED_STEP_KEY = "rescued/step"
# W&B serialises the values of these packages, and plain numbers and texts, without an exception.
SERIALISED = ("numpy", "torch", "jax", "jaxlib", "tensorflow")
LARGEST_STEP = 2**63 - 1


class Row(NamedTuple):
    """A row of ours that waits for a place: the training step it belongs to, and the values of its payloads."""

    step: int
    values: dict[str, Any]
    evidence: list[CapturedEvaluation]
    """What goes into a table beside them; emptied where too much of it waits."""


class Call(NamedTuple):
    """A trainer's call of `log`, as far as the counter is concerned."""

    data: Any
    step: int | None
    commit: bool | None


def read_call(data: Any = None, step: Any = None, commit: Any = None, *_: Any, **__: Any) -> Call | None:
    """Read the arguments of `log`; `None` for a step that is no integer, which W&B is about to refuse."""
    if step is not None and not hasattr(step, "__index__"):
        return None
    return Call(data, None if step is None else operator.index(step), commit)


def with_ours(ours: Mapping[str, Any], data: Any = None, *args: Any, **kwargs: Any) -> Any:
    """Return the arguments of a call of `log` with values of ours beside the trainer's, whose dict is left alone."""
    return ({**data, **ours}, *args), kwargs


def advance(counter: int, call: Call) -> int:
    """Return the counter after `call`; the rows from `counter` on that are below it are closed by it."""
    if call.step is not None and call.step < counter:
        return counter
    reached = counter if call.step is None else call.step
    closes = call.step is None if call.commit is None else bool(call.commit)
    return reached + 1 if closes else reached


def harmless(call: Call) -> bool:
    """Tell whether W&B is sure to take `call`: only then may the counter move before the trainer's call.

    A call that W&B refuses (a value which it cannot serialise) leaves the counter where it was: so must we.
    """
    if not isinstance(call.data, dict) or (call.step or 0) > LARGEST_STEP:
        return False
    return all(isinstance(key, str) and _known(value) for key, value in call.data.items())


def _known(value: Any) -> bool:
    """Tell whether W&B is known to serialise values of this type."""
    if value is None or isinstance(value, (str, Number)):
        return True
    return type(value).__module__.partition(".")[0] in SERIALISED


def may_share(inside: Mapping[str, Any], values: Mapping[str, Any]) -> bool:
    """Tell whether two payloads may stand in one row: they are of one training step, and neither hides the other.

    Totals of the run are told by both splits; there the later count is the better one.
    """
    of_one_step = inside.get(STEP_KEY) == values.get(STEP_KEY)
    return of_one_step and not any(key in values and not is_shared(key) for key in inside)


def place(steps: Sequence[int], first: int, last: int) -> list[int]:
    """Return rows for the oldest of `steps`: strictly increasing, in `first..last`, near each one's own step.

    There are as many as fit, and fewer than `steps` when the rows are fewer.
    """
    count = min(len(steps), last - first + 1)
    rows: list[int] = []
    for index in range(count):
        lowest = rows[-1] + 1 if rows else first
        rows.append(min(max(steps[index], lowest), last - (count - 1 - index)))
    return rows


def number(value: Any) -> float | None:
    """Return `value` as a plain int or float; `None` for `None`, NaN and infinities: no chart has them."""
    if value is None:
        return None
    if isinstance(value, Integral):
        return int(value)
    converted = float(value)
    return converted if math.isfinite(converted) else None


def numbers(values: Mapping[str, Any]) -> dict[str, float]:
    """Return the `values` that are numbers; one that cannot be converted costs itself, and is told once."""
    plain = {key: value for key, value in values.items() if type(value) is int or type(value) is float}
    if len(plain) == len(values) and all(map(math.isfinite, plain.values())):
        return plain  # as a payload's are
    return _present((key, _number_or_failure(value)) for key, value in values.items())


_number_or_failure = guarded(number)


def tables(evidence: Iterable[CapturedEvaluation]) -> dict[str, list[list[Any]]]:
    """Return the cells of each table by its key, in the order of `COLUMNS`; a column has values of one type."""
    cells: dict[str, list[list[Any]]] = {}
    for captured in evidence:
        cells.setdefault(TABLES[captured.split], []).append(list(captured._replace(failure=captured.failure or "")))
    return cells


def rescued(call: Call) -> Row:
    """Return the row that keeps a call's numbers and texts alive: under `rescued/`, beside `rescued/step`."""
    values = _present((RESCUED + key, _keepable(value)) for key, value in call.data.items())
    step = call.step or 0
    return Row(step, {**values, RESCUED_STEP_KEY: step}, [])


def _keepable(value: Any) -> Any:
    """Return `value` as a number or a text; `None` when it is neither."""
    if isinstance(value, str):
        return value
    try:
        return number(value)
    except (TypeError, ValueError, RuntimeError, OverflowError):  # a picture, a table, a whole tensor
        return None


def _present(items: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Return a dict without the items that are `None`."""
    return {key: value for key, value in items if value is not None}
