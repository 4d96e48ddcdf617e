"""What the judge function returned, which is what the trainer used, whatever the judge's text says."""

from __future__ import annotations

from decimal import Decimal
from enum import Enum
from itertools import islice
from numbers import Real
from typing import TYPE_CHECKING, Any

from llm_telemetry.objects import fields_of

from .names import read_named
from .rules import read_verdict
from .structured import WIDTH, scale_in
from .values import Scale, Sort, read_value
from .verdict import RAW_LIMIT, Reading, Verdict, binary, graded

if TYPE_CHECKING:
    from collections.abc import Mapping

_DEPTH, _ELEMENTS = 4, 16
"""How deep nested values, and how many elements of a sequence, are looked at."""

_LARGEST = 10**15
"""Beyond this a number is an identifier or a time stamp, not a grade."""

_ARRAYS = frozenset({"numpy", "torch"})
"""Libraries whose scalars say what they are by `item()`."""


def returned_verdict(value: object) -> Verdict | None:
    """Read what a judge function returned; `None` when it says nothing about a verdict.

    - A boolean, numpy's too, is binary. So are exactly 1 and 0, whole or not, and -1: the 0 of trainers whose rewards
      are 1 and -1 (not confident, it may stand for a failure).
    - Another number between 0 and 1 is a score. Beyond that its scale is unknown: `raw` is kept, `score` is `None`.
    - A tuple or list: its first element that speaks, a text only when nothing else does.
    - A dict, a named tuple, a data class, any object with fields: by the keys that `read_verdict` knows in JSON. Only
      stored fields are read; a property would run code that is not ours.
    - A member of an enumeration: its name, else its value. A text: what `read_verdict` says of it.

    It runs no code of the value's class, never waits for a device, and never changes `value`.
    """
    if type(value) is bool:  # as most are
        return binary(value, str(value), "returned")
    verdict = _read(value, 0)
    return None if verdict is None else verdict._replace(family="returned")


def _read(value: Any, depth: int) -> Verdict | None:
    value = _plain(value)
    if value is None or depth > _DEPTH:
        return None
    if isinstance(value, Enum):
        return _known(read_value(value.name, "words")) or _read(value.value, depth + 1)
    if isinstance(value, str):
        return _known(read_verdict(value))
    if isinstance(value, (Real, Decimal)):
        return read_number(value)
    fields = fields_of(value)
    if fields:
        return _read_fields(fields, depth)
    return _read_elements(value, depth) if isinstance(value, (tuple, list)) else None


def read_number(number: Any) -> Verdict | None:
    """Read a returned number by the rule that `returned_verdict` states."""
    if isinstance(number, bool):
        return binary(number, str(number))
    if isinstance(number, Decimal) and number.is_nan():
        return None
    if not -_LARGEST < number < _LARGEST:
        return None
    value, raw = float(number), str(number)
    if value in (0.0, 1.0, -1.0):
        return binary(value == 1.0, raw, confident=value != -1.0)
    known = graded(value, (0.0, 1.0), raw)
    return known or Verdict(None, None, raw[:RAW_LIMIT], None, "returned", confident=False)


def _plain(value: Any) -> Any:
    """Unpack a scalar of numpy, or of torch if it does not live on a device; others pass."""
    if type(value).__module__.partition(".")[0] not in _ARRAYS or getattr(value, "ndim", None) != 0:
        return value
    return None if getattr(value, "is_cuda", False) else value.item()


def _read_fields(fields: Mapping[Any, Any], depth: int) -> Verdict | None:
    scale = scale_in(fields)
    found = read_named(islice(fields.items(), WIDTH), lambda value, sort: _read_field(value, sort, scale, depth))
    if found is not None:
        return _known(found)
    inner = (_read(value, depth + 1) for value in islice(fields.values(), WIDTH) if isinstance(value, dict))
    return next((verdict for verdict in inner if verdict is not None), None)


def _read_field(value: Any, sort: Sort, scale: Scale | None, depth: int) -> Verdict | None:
    value = _plain(value)
    if isinstance(value, str):
        return _known(read_value(value, sort, scale))
    if not isinstance(value, (Real, Decimal)) or isinstance(value, bool):
        return _read(value, depth + 1)
    verdict = read_number(value)
    if verdict is None or sort in ("words", "choice"):
        return None
    return graded(float(value), scale, verdict.raw) if scale is not None and sort == "score" else verdict


def _read_elements(elements: tuple[Any, ...] | list[Any], depth: int) -> Verdict | None:
    first = elements[:_ELEMENTS]
    ordered = [one for one in first if not isinstance(one, str)] + [one for one in first if isinstance(one, str)]
    found = [verdict for one in ordered if (verdict := _read(one, depth + 1)) is not None]
    known = (verdict for verdict in found if verdict.correct is not None or verdict.score is not None)
    return next(known, found[0] if found else None)


def _known(reading: Reading | None) -> Verdict | None:
    return reading if isinstance(reading, Verdict) else None
