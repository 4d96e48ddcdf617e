"""Several trainers of one process in one run: whoever begins first has the plain keys, the others their names."""

from __future__ import annotations

from typing import Any
from weakref import WeakKeyDictionary

_prefixes: WeakKeyDictionary[Any, WeakKeyDictionary[Any, str]] = WeakKeyDictionary()
"""By the run: what the keys of each sink begin with."""


def prefix_in(run: Any, sink: Any, name: str) -> str:
    """Return what the keys of a sink begin with in a run: nothing for the first, else its trainer's name and `/`."""
    known = _prefixes.setdefault(run, WeakKeyDictionary())
    if sink not in known:
        taken = set(known.values())
        wanted = ["", f"{name}/", *(f"{name}_{number}/" for number in range(2, len(taken) + 2))]
        known[sink] = next(prefix for prefix in wanted if prefix not in taken)
    return known[sink]


def leave(sink: Any) -> None:
    """Let others have the keys of a sink that writes no more."""
    for known in list(_prefixes.values()):
        known.pop(sink, None)
