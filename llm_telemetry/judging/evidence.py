"""What a failed evaluation looked like, made fit to be kept: without secrets first, then cut to a length."""

from __future__ import annotations

import itertools
import re
import traceback
from decimal import Decimal
from enum import Enum
from types import ModuleType
from typing import TYPE_CHECKING, Any

from llm_telemetry.events import Evidence
from llm_telemetry.judging.scrub import SCRUBBED, scrub
from llm_telemetry.objects import slots_in, stored_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

LENGTH = 500
"""Characters that are kept of a text."""
_HEAD = 200
"""So many of them are of its beginning: a verdict is usually at the end."""
LOOKED_AT = 20_000
"""Characters of a longer text that are searched for secrets, half of them at each end."""
_HALVED = re.compile(r"[\w+/=.-]*", re.ASCII)

_DEPTH, _ITEMS, _STRING, _DIGITS = 3, 6, 1_000, 40
"""What is looked at of a returned value: levels, items of a level, characters of a text, digits of a number."""
_ARRAYS = ("numpy", "torch")
"""Libraries whose scalars say what they are by `item()`."""


def evidence_of(answer: str, returned: object, error: BaseException | str | None) -> Evidence:
    """Return what can be kept of an evaluation that has failed, or in which text and returned value differ.

    Args:
        answer: What the judge said.
        returned: What the judge function returned. No code of its class is run.
        error: What the judge function has raised (its own text is asked for, as a traceback does), or the text of
            what the last call has.
    """
    return Evidence(
        shorten(answer),
        "" if returned is None and isinstance(error, BaseException) else shorten(_render(returned, _DEPTH)),
        shorten(_words_of(error)) if error else "",
    )


def _words_of(error: BaseException | str) -> str:
    told = [error] if isinstance(error, str) else traceback.format_exception_only(type(error), error)
    return "".join(told).strip()


def shorten(text: str) -> str:
    """Return a text without secrets, at most `LENGTH` characters and a note of how many more there were.

    Secrets go first, so that none is halved by the cut. Of a text that is too long to be searched as a whole both ends
    are, far beyond what is shown of them.
    """
    head, between, tail = _ends(text, LOOKED_AT)
    return _cut(_clean(head), between, _clean(tail))


def _ends(text: str, looked_at: int) -> tuple[str, int, str]:
    """Return a long text's ends without secrets, and how many characters are between; a short text is all head.

    Each end is looked at twice as far as it is returned: so what is halved at the far side is not in it, but for a
    token of that length, whose end alone cannot be known for what it is.
    """
    if len(text) <= looked_at:
        return scrub(text), 0, ""
    half, sure = looked_at // 2, looked_at // 4
    start = _HALVED.match(text, len(text) - half).end()  # type: ignore[union-attr]  # it matches an empty text
    tail = scrub(text[-half:], start=max(half - sure, start - len(text) + half))
    return scrub(text[:half], end=sure), len(text) - 2 * sure, SCRUBBED * (start > len(text) - sure) + tail


def _clean(text: str) -> str:
    """Replace what no file can hold: halves of characters."""
    return text.encode("utf-8", "replace").decode("utf-8")


def _cut(head: str, between: int, tail: str) -> str:
    """Keep the beginning of `head` and the end of `tail`; without anything between, they are one text's."""
    whole = head + tail
    if not between and len(whole) <= LENGTH:
        return whole
    kept_head, kept_tail = (head if between else whole)[:_HEAD], (tail if between else whole)[_HEAD - LENGTH :]
    missing = between + len(whole) - len(kept_head) - len(kept_tail)
    return f"{kept_head} … [{missing:,} characters cut] … {kept_tail}"


# --- what was returned


def _render(value: Any, depth: int) -> str:
    """Return a value as people would write it, and no more of it than fits; only types that are known are asked."""
    show = next((show for kinds, show in _KINDS if issubclass(type(value), kinds)), None)
    if show is not None:
        return show(value, depth)
    if type(value).__module__.partition(".")[0] in _ARRAYS:
        return _array(value, depth)
    return f"{type(value).__name__}({_listed((f'{n}={_inner(v, depth)}' for n, v in _fields(value)), depth)})"


def _inner(value: Any, depth: int) -> str:
    return _render(value, depth - 1)


def _listed(items: Iterable[str], depth: int) -> str:
    """Join the first items; the iterator is not followed to its end, nor below the last level."""
    if depth <= 0:
        return "…"
    shown = _first(items)
    return ", ".join([*shown[:_ITEMS], "…"] if len(shown) > _ITEMS else shown)


def _text(value: str, _: int) -> str:
    """Quote the ends of a text, without its secrets: a key that is cut here would not be found later."""
    head, between, tail = _ends(str.__str__(value), _STRING)
    return repr(f"{head} … {tail}" if between else head)


def _whole(value: int, _: int) -> str:
    """Write an integer; the digits of a huge one would take long."""
    bits = int.bit_length(value)
    return int.__repr__(value) if bits < 3 * _DIGITS else f"<an integer of {bits:,} bits>"


def _first(items: Iterable[Any]) -> list[Any]:
    """Return the first of `items` in one go, so that no other thread changes them meanwhile."""
    return list(itertools.islice(items, _ITEMS + 1))


def _mapping(value: dict[Any, Any], depth: int) -> str:
    items = _first(dict.items(value))
    return "{" + _listed((f"{_inner(k, depth)}: {_inner(v, depth)}" for k, v in items), depth) + "}"


def _array(value: Any, depth: int) -> str:
    """Write a scalar of numpy or torch that does not live on a device; of others only what they are."""
    if getattr(value, "ndim", None) == 0 and not getattr(value, "is_cuda", False):
        return _inner(value.item(), depth) if depth > 0 else "…"
    return f"<{type(value).__module__.partition('.')[0]} {type(value).__name__}>"


def _fields(value: object) -> Iterator[tuple[str, Any]]:
    """Yield what an object has stored, but for what is private; a property is code."""
    stored = [*_first(stored_in(value).items()), *slots_in(value).items()]
    yield from ((name, held) for name, held in stored if not (isinstance(name, str) and name.startswith("_")))


def _sequence(left: str, right: str, iterate: Callable[[Any], Iterable[Any]]) -> Callable[[Any, int], str]:
    def show(value: Any, depth: int) -> str:
        return left + _listed((_inner(one, depth) for one in _first(iterate(value))), depth) + right

    return show


_KINDS: tuple[tuple[Any, Callable[[Any, int], str]], ...] = (
    (type(None), lambda *_: "None"),
    (bool, lambda value, _: repr(value)),
    (Enum, lambda value, _: f"{type(value).__name__}.{value._name_}"),
    (str, _text),
    (int, _whole),
    (float, lambda value, _: float.__repr__(value)),
    (complex, lambda value, _: complex.__repr__(value)),
    (Decimal, lambda value, _: Decimal.__repr__(value)[:_STRING]),
    ((bytes, bytearray), lambda value, depth: "b" + _text(value[:_STRING].decode("latin-1"), depth)),
    ((type, ModuleType), lambda value, _: f"<{type(value).__name__}>"),
    (dict, _mapping),
    (list, _sequence("[", "]", list.__iter__)),
    (tuple, _sequence("(", ")", tuple.__iter__)),
    (set, _sequence("{", "}", set.__iter__)),
    (frozenset, _sequence("{", "}", frozenset.__iter__)),
)
"""The types whose own code is known, in the order in which they are asked for; their subclasses' code is not run."""
