"""What a table of settings is made of: each field of a frozen dataclass is a row, with its default and its sentence."""

from __future__ import annotations

import math
from dataclasses import field, fields
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


class Kind(NamedTuple):
    """What values a setting may have, and how others are made of them."""

    must_be: str
    """Its values, for people."""
    accepts: Callable[[Any], bool]
    """Tells a value that can work; raises `ValueError` where more is to be said than what it must be."""
    convert: Callable[[Any], Any] = lambda value: value
    """Makes of a given value what is kept."""
    read: Callable[[str], Any] | None = None
    """Makes a value of a variable's text, or raises `ValueError`; a setting without it has no variable."""
    written: str = ""
    """What a variable's text must be, where that is something else than `must_be`."""


class Setting(NamedTuple):
    """One row."""

    name: str
    default: Any
    kind: Kind
    says: str
    """One sentence for docs/settings.md, in Markdown."""
    type: str
    """Its annotation."""

    def checked(self, value: Any) -> Any:
        """Return what is kept of a value.

        Raises:
            ValueError: It cannot work; the message names the setting.
        """
        try:
            is_right = self.kind.accepts(value)
        except ValueError as error:
            raise ValueError(f"{self.name}: {error}") from error
        if not is_right:
            raise ValueError(f"{self.name} must be {self.kind.must_be}, not {value!r}")
        return self.kind.convert(value)


def setting(default: Any, kind: Kind, says: str) -> Any:
    """Return a field of such a dataclass."""
    return field(default=default, metadata={"kind": kind, "says": says})


def rows_of(table: type) -> tuple[Setting, ...]:
    """Return the rows of a dataclass whose fields are made by `setting`."""
    return tuple(Setting(f.name, f.default, f.metadata["kind"], f.metadata["says"], str(f.type)) for f in fields(table))


def is_number(value: Any) -> bool:
    """Tell a finite number; `True` and `False` are none."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def is_whole(value: Any) -> bool:
    """Tell a whole number of at least 0."""
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def checked(rows: Iterable[Setting], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what is kept of the given values, by name.

    Raises:
        ValueError: A value cannot work.
    """
    return {row.name: row.checked(given[row.name]) for row in rows if row.name in given}
