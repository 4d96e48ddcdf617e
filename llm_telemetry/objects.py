"""Looking at objects of others: none is kept alive, no code of theirs is run."""

from __future__ import annotations

import weakref
from types import FunctionType, MappingProxyType, MemberDescriptorType, ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

_WITHOUT_FIELDS = (str, bytes, int, float, complex, list, set, frozenset, type, ModuleType, FunctionType)
FLAT = frozenset(map(id, (str, int, float, bool, type(None))))
"""Of classes by what `id` gives: a class of others may not let itself be hashed, or run code of theirs for it."""
_INNER_DICTS = ("data", "_data", "_tensordict")
"""Where mappings that are no dicts keep what they hold: `UserDict`, rows of `datasets`, `TensorDict`."""


def weakly(part: Any) -> Callable[[], Any]:
    """Return what gives `part` for as long as it lives: the trainer's objects are not kept alive."""
    try:
        return weakref.ref(part)
    except TypeError:  # slots without `__weakref__`: it lives until telemetry is taken off
        return lambda: part


def stored_in(thing: Any) -> Mapping[str, Any]:
    """Return an object's, a class's or a module's own dict; a lazy module stays asleep, a proxy shows itself."""
    try:
        stored = object.__getattribute__(thing, "__dict__")
    except AttributeError:
        return {}
    return stored if isinstance(stored, dict) else {}


def slots_in(thing: Any) -> dict[str, Any]:
    """Return what an object holds in slots."""
    slots: dict[str, Any] = {}
    for parent in type(thing).__mro__:
        for name, member in vars(parent).items():
            if isinstance(member, MemberDescriptorType):
                try:
                    slots.setdefault(name, member.__get__(thing))
                except AttributeError:  # declared, never set
                    continue
    return slots


def held_by(thing: Any) -> dict[str, Any]:
    """Return what an object holds, in its dict and in slots; what a property would give is not asked for."""
    return {**stored_in(thing), **slots_in(thing)}


def fields_of(value: Any) -> Mapping[Any, Any]:
    """Return what a dict, a named tuple, a data class or another object stores by name; nothing for anything else.

    A mapping that is no dict is read where it keeps one: no method and no property of its class runs.
    """
    kind = type(value)
    if id(kind) in FLAT:  # as most are
        return {}
    if kind is dict or kind is MappingProxyType:
        fields: Mapping[Any, Any] = value
        return fields
    if issubclass(kind, dict):
        return dict(dict.items(value))
    if issubclass(kind, tuple):
        return dict(zip(getattr(kind, "_fields", ()), value, strict=False))
    if issubclass(kind, _WITHOUT_FIELDS):
        return {}
    held = held_by(value)
    inner = next((held[name] for name in _INNER_DICTS if type(held.get(name)) is dict), None)
    return held if inner is None or not hasattr(kind, "__getitem__") else inner


def is_flat(values: Iterable[Any]) -> bool:
    """Tell whether these are texts and numbers alone, in which nothing is nested."""
    return FLAT.issuperset(map(id, map(type, values)))


def ranked(*names: str) -> dict[str, int]:
    """Return names with their ranks, for `named_in`; of one that is there twice the first."""
    return {name: rank for rank, name in enumerate(dict.fromkeys(names))}


def named_in(fields: Mapping[Any, Any], names: Mapping[str, int]) -> Iterable[str]:
    """Return those of the `ranked` names that fields have, in their order; most have few, so C looks for them."""
    found = names.keys() & fields.keys()
    return found if len(found) < 2 else sorted(found, key=names.__getitem__)  # noqa: PLR2004 - what has an order


def defined_by(cls: type, name: str, default: Any = None) -> Any:
    """Return what a class, or one that it inherits from, has under this name; its metaclass does not count."""
    return next((vars(parent)[name] for parent in cls.__mro__ if name in vars(parent)), default)


def is_asleep(module: ModuleType) -> bool:
    """Tell a module of importlib's `LazyLoader` that nobody has used yet; we do not wake it."""
    return type(module).__name__ == "_LazyModule"
