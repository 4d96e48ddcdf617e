"""Ray's actors: parts of a trainer that live in other processes, while the trainer holds handles of them."""

from __future__ import annotations

import sys
from typing import Any
from weakref import WeakKeyDictionary

from llm_telemetry.names import MAINS
from llm_telemetry.objects import stored_in

_known: WeakKeyDictionary[Any, Any] = WeakKeyDictionary()
"""What stands for each handle."""
_MARK = "_llm_telemetry_actor"


def seen_through(value: Any) -> Any:
    """Return what stands for an actor in place of its handle, or of the first of several handles; else the value.

    It is an object of the actor's class that was never initialised: parts are found on it by shape, and nothing of it
    is called. Hooks on it are on a class of its own.
    """
    first = next(iter(value), None) if isinstance(value, list | tuple) else value
    if not _is_handle(first):
        return value
    if first not in _known:
        cls = _class_of(first)
        if cls is None:
            return value
        names = {"__module__": cls.__module__, "__qualname__": cls.__qualname__, _MARK: True, "__del__": _nothing}
        _known[first] = object.__new__(type(cls)(cls.__name__, (cls,), names))
    return _known[first]


def is_actor(thing: Any) -> bool:
    """Tell what stands for an actor."""
    return _MARK in vars(type(thing))


def _is_handle(value: Any) -> bool:
    kind = getattr(sys.modules.get("ray.actor"), "ActorHandle", None)
    return kind is not None and issubclass(type(value), kind)


def _class_of(handle: Any) -> type | None:
    """Return the class of an actor, where this program has it; Ray calls the main module after its file."""
    told = handle._ray_actor_creation_function_descriptor
    named = (stored_in(sys.modules.get(module)).get(told.class_name) for module in (told.module_name, *MAINS))
    found: Any = next(filter(None, named), None)
    made = getattr(found, "__ray_metadata__", None)  # `@ray.remote` has replaced the class
    if made is not None:
        found = made.modified_class
    found = getattr(found, "__ray_actor_class__", found)
    return found if isinstance(found, type) else None


def _nothing(_self: object) -> None:
    """Do nothing: what was never initialised has nothing to clean up."""
