"""Looking at objects from outside: what they hold, and which function of theirs is meant. No code of theirs is run."""

from __future__ import annotations

import inspect
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from llm_telemetry.hooks.patching import Hook
from llm_telemetry.objects import defined_by, held_by, stored_in
from llm_telemetry.settings.config import InstrumentError
from llm_telemetry.trainers.actors import seen_through

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_HEAP_TYPE, _IMMUTABLE_TYPE = 1 << 9, 1 << 8  # of `type.__flags__`, see CPython's Include/object.h


class Part(NamedTuple):
    """A function of the trainer's: `getattr(owner, name)`."""

    owner: Any
    name: str
    label: str = ""
    """What a judge is called in keys."""

    @property
    def function(self) -> Any:
        """The function, bound."""
        return getattr(self.owner, self.name)

    def is_same(self, other: Part) -> bool:
        """Tell whether both are the same function of the same owner."""
        return self.owner is other.owner and self.name == other.name

    def __str__(self) -> str:
        """Name it for people."""
        return f"{type(self.owner).__name__}.{self.name}"


def at(root: Any, path: str, what: str, methods: Sequence[str]) -> Part | None:
    """Find the function at a dotted path, or the telling method of the object that is there.

    Raises:
        InstrumentError: There is nothing at that path.
    """
    owner_path, _, name = path.rpartition(".")
    found = resolve(root, path, what)
    if inspect.isroutine(found):
        return Part(resolve(root, owner_path, what) if owner_path else root, name)
    return on(found, methods)


def resolve(root: Any, path: str, what: str) -> Any:
    """Return what is at a dotted path below `root`.

    Raises:
        InstrumentError: There is nothing.
    """
    found = root
    for name in path.split("."):
        if not hasattr(found, name):
            raise InstrumentError(
                f"{what} {path!r}: {type(found).__name__} has no attribute {name!r}; it has "
                f"{listed([*held_by(found), *methods_of(found)])}"
            )
        found = seen_through(getattr(found, name))
    return found


def places_of(function: Any, roots: Sequence[Any] = ()) -> list[Part]:
    """Find what holds a function: its object, or the modules that define or import it, and those of `roots`."""
    if inspect.ismethod(function):
        return [Part(function.__self__, function.__name__)]
    holders, function = [*sys.modules.values(), *roots], _plain(function)
    items = ((holder, name, value) for holder in holders for name, value in [*stored_in(holder).items()])
    held = [(holder, name) for holder, name, value in items if _plain(value) is function]
    return [Part(holder, name, getattr(function, "__name__", name)) for holder, name in held]


def _plain(value: Any) -> Any:
    """Return a function that has a hook without it."""
    return value.__wrapped__ if type(value) is Hook else value


def is_function(value: Any) -> bool:
    """Tell whether a value is a function, or an object as good as one, such as a `functools.partial`."""
    return inspect.isroutine(value) or (callable(value) and not isinstance(value, type) and _is_immutable(type(value)))


def on(owner: Any, methods: Sequence[str]) -> Part | None:
    """Return the first of `methods` that the class of `owner` has."""
    if owner is None or isinstance(owner, str | bytes | int | float | dict | list | tuple | set | type):
        return None
    name = next((name for name in methods if _has_method(owner, name)), None)
    return None if name is None else Part(owner, name)


def _has_method(owner: Any, name: str) -> bool:
    """Tell whether the class of `owner` defines a method; its metaclass does not count, nor does a built-in type."""
    found = defined_by(type(owner), name)
    return callable(getattr(found, "__func__", found)) and not _is_immutable(type(owner))


def _is_immutable(cls: type) -> bool:
    """Tell whether a class is written in C: its methods cannot be hooked."""
    return not cls.__flags__ & _HEAP_TYPE or bool(cls.__flags__ & _IMMUTABLE_TYPE)


def methods_of(thing: Any) -> list[str]:
    """Return the names of a thing's own methods; properties are not touched."""
    return [name for name in dir(type(thing)) if not name.startswith("__") and _has_method(thing, name)]


def listed(names: Iterable[str]) -> str:
    """Name things for people."""
    return ", ".join(sorted(dict.fromkeys(names))) or "nothing"
