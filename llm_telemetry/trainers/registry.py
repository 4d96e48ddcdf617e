"""Which adapter a trainer gets: the one that is named, else a user's own, else one of ours, the hand-written last."""

from __future__ import annotations

import importlib.metadata
from typing import TYPE_CHECKING, Any, TypeVar

from llm_telemetry.guard import attempt, guarded
from llm_telemetry.settings.config import InstrumentError
from llm_telemetry.trainers.by_shape import ByShape
from llm_telemetry.trainers.frameworks.adapter import Logging
from llm_telemetry.trainers.frameworks.table import FRAMEWORKS
from llm_telemetry.trainers.module import ModuleFunctions
from llm_telemetry.trainers.script import Functions
from llm_telemetry.trainers.trl import TRL

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llm_telemetry.trainers.adapter import Adapter


GROUP = "llm_telemetry.adapters"
"""The entry points of installed packages that bring adapters: each a class without arguments, or an instance."""
BUILT_IN: tuple[Adapter, ...] = (
    *(Functions(), ModuleFunctions(), TRL()),
    *map(Logging, FRAMEWORKS),
    ByShape(),
)
"""Ours. The last one takes every trainer."""

C = TypeVar("C", bound="type[Adapter]")
_registered: list[Adapter] = []
_installed: list[Adapter] | None = None


def register(cls: C) -> C:
    """Decorate an adapter's class: trainers that it matches are watched its way from now on."""
    _registered.insert(0, _checked(cls))
    return cls


def forget(cls: type[Adapter]) -> None:
    """Take back what `register` did."""
    _registered[:] = [adapter for adapter in _registered if type(adapter) is not cls]


def adapters() -> Sequence[Adapter]:
    """Return all that there are, the first to be asked first."""
    return (*_registered, *_from_entry_points(), *BUILT_IN)


def adapter_for(trainer: Any, given: Any = None) -> Adapter:
    """Return the adapter for a trainer.

    Args:
        trainer: The trainer.
        given: The user's choice: an adapter, its class, or its name.

    Raises:
        InstrumentError: There is no adapter of that name, or what was given is none.
    """
    if isinstance(given, str):
        return _named(given)
    if given is not None:
        return _checked(given)
    theirs = (adapter for adapter in (*_registered, *_from_entry_points()) if attempt(adapter.matches, trainer))
    return next(theirs, None) or next(adapter for adapter in BUILT_IN if adapter.matches(trainer))


def _named(name: str) -> Adapter:
    known = {adapter.name: adapter for adapter in reversed(adapters())}
    if name not in known:
        raise InstrumentError(f"adapter={name!r}: there is no such adapter; there are {', '.join(sorted(known))}")
    return known[name]


def _checked(given: Any) -> Adapter:
    adapter: Adapter = given() if isinstance(given, type) else given
    lacks = [name for name in ("matches", "find", "entrances") if not callable(getattr(adapter, name, None))]
    if lacks or not isinstance(getattr(adapter, "name", None), str):
        wanted = f"a method {lacks[0]}()" if lacks else "a name"
        raise InstrumentError(f"adapter: {adapter!r} has not {wanted}; see docs/extending.md")
    return adapter


def _from_entry_points() -> Sequence[Adapter]:
    """Return what installed packages bring; read once, and a package that is broken is only told."""
    global _installed  # noqa: PLW0603 - looking through what is installed takes milliseconds
    if _installed is None:
        found = [_load(point) for point in importlib.metadata.entry_points(group=GROUP)]
        _installed = [adapter for adapter in found if adapter is not None]
    return _installed


@guarded
def _load(point: importlib.metadata.EntryPoint) -> Adapter | None:
    return _checked(point.load())
