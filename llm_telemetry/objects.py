"""Looking at objects of others: none is kept alive, no code of theirs is run."""

from __future__ import annotations

import weakref
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def weakly(part: Any) -> Callable[[], Any]:
    """Return what gives `part` for as long as it lives: the trainer's objects are not kept alive."""
    try:
        return weakref.ref(part)
    except TypeError:  # slots without `__weakref__`: it lives until telemetry is taken off
        return lambda: part
