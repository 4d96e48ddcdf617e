"""The table of hooks: apply, verify, undo.

A hook replaces one attribute of one owner (a class, as a rule) by a wrapt wrapper that still pickles; on the class of a
library by a function, which takes less. Applying a row twice changes nothing; undoing leaves no trace; a row whose
wrapper was replaced by a copy of the original (cloudpickle does that to classes in `__main__`) is put back at the next
flush.
"""

from __future__ import annotations

import copy
import functools
import inspect
import operator
import pkgutil
import sys
from collections import Counter
from inspect import CO_COROUTINE
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any, NamedTuple, cast

import wrapt

from llm_telemetry.guard import attempt, log
from llm_telemetry.objects import weakly

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


_ABSENT = object()


class _Picklable:
    """Lets a wrapper travel as what it wraps: hooks stay in the process that installed them, and no pickle names us."""

    __slots__ = ()  # wrapt's wrappers have a dict of their own, and before wrapt 2 a second one hides it

    def __reduce_ex__(self, protocol: Any) -> Any:
        wrapped = self.__wrapped__  # type: ignore[attr-defined]
        if inspect.isfunction(wrapped) and _is_found(wrapped):
            return pkgutil.resolve_name, (f"{wrapped.__module__}:{wrapped.__qualname__}",)  # as pickle has functions
        return _FIRST, ((wrapped,),)

    def __reduce__(self) -> Any:
        return self.__reduce_ex__(2)

    def __copy__(self) -> Any:
        return self

    def __deepcopy__(self, memo: Any) -> Any:
        return copy.deepcopy(self.__wrapped__, memo)  # type: ignore[attr-defined]


_FIRST = operator.itemgetter(0)
"""Gives back what is in a tuple: a function of the standard library, for pickles that are read without us."""


def _is_found(function: Any) -> bool:
    """Tell whether a function is there under its own name."""
    try:
        operator.attrgetter(function.__qualname__)(sys.modules[function.__module__])
    except (AttributeError, KeyError):
        return False
    return True


class _BoundHook(_Picklable, wrapt.BoundFunctionWrapper):  # type: ignore[type-arg]
    """A hooked method, bound to its object."""

    def __new__(cls, *given: Any) -> Any:
        """Bind; also as `types.MethodType` does, which is how `weakref.WeakMethod` makes a method again."""
        if len(given) == _FUNCTION_AND_OBJECT:
            return MethodType(*given)
        return super().__new__(cls, *given)

    @property
    def __func__(self) -> Any:
        return self._self_parent


_FUNCTION_AND_OBJECT = 2


class Hook(_Picklable, wrapt.FunctionWrapper):  # type: ignore[type-arg]
    """A hooked function."""

    __bound_function_wrapper__ = _BoundHook


class _MethodHook(Hook):
    """A hooked function of a class: through the class it is one and the same object, as a function is."""

    def __get__(self, instance: Any, owner: Any = None) -> Any:
        return self if instance is None else _bind(self, instance, owner)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Be called with the object as its first argument."""
        called: Any = _bind(self, None, type(args[0])) if args else self.__wrapped__
        return called(*args, **kwargs)


_bind = wrapt.FunctionWrapper.__get__


def _function(original: FunctionType, wrapper: Callable[..., Any]) -> FunctionType:
    """Return a function in a method's place that calls `wrapper(wrapped, instance, args, kwargs)`.

    It takes a third of what a `Hook` takes, and Python itself binds it. A copy of a class by cloudpickle would take it
    along, and us with it: so it is for classes that are always found under their name.
    """
    if original.__code__.co_flags & CO_COROUTINE:

        @functools.wraps(original)
        async def method(self: Any, /, *args: Any, **kwargs: Any) -> Any:
            return await wrapper(MethodType(original, self), self, args, kwargs)

    else:

        @functools.wraps(original)
        def method(self: Any, /, *args: Any, **kwargs: Any) -> Any:
            return wrapper(MethodType(original, self), self, args, kwargs)

    return cast("FunctionType", method)


class Row(NamedTuple):
    """One hook: `owner.name` is replaced by what calls `wrapper(wrapped, instance, args, kwargs)`."""

    owner: Any
    name: str
    wrapper: Callable[..., Any]
    of_library: bool = False
    """The owner is a class of a library's: whoever pickles it names it."""
    direct: Callable[[FunctionType], FunctionType] | None = None
    """Makes what replaces a function of such a class at less cost: the same as `wrapper` does, in one frame."""


class _Applied(NamedTuple):
    row: Row
    """Its owner gives the owner for as long as it lives: a hook on an object must not keep it alive."""
    before: Any
    """What the owner itself had under this name; `_ABSENT` when it inherited it."""
    hook: Any


Key = tuple[int, str]


class Patches:
    """The rows that are in force, and how often each was asked for: trainers may share a class."""

    def __init__(self) -> None:
        """Start with none."""
        self._applied: dict[Key, _Applied] = {}
        self._users: Counter[Key] = Counter()

    def apply(self, row: Row) -> Key | None:
        """Put the hook in place, once, and return its key for `undo`; `None` when there is no such attribute.

        Raises:
            TypeError: The owner does not let its attributes be set (an extension type, say).
        """
        key = (id(row.owner), row.name)
        applied = self._applied.get(key)
        if applied is None or applied.row.owner() is not row.owner:
            applied = _put(row)
            if applied is None:
                return None
            self._applied[key] = applied
        self._users[key] += 1
        return key

    def verify(self) -> None:
        """Put back every hook that is gone; one that somebody has wrapped again is left alone."""
        for key, (row, before, hook) in list(self._applied.items()):
            owner = row.owner()
            if owner is None or (present := vars(owner).get(row.name, _ABSENT)) is hook:
                continue
            if present is not before and not _is_copy(present, hook.__wrapped__):
                continue
            again = _put(row._replace(owner=owner))
            if again is not None:
                self._applied[key] = again
                log.warning("the hook on %s was removed by somebody else, and is back", row.name)

    def undo(self, keys: Iterable[Key]) -> None:
        """Take back what `apply` gave these keys for; what somebody else has put in a hook's place stays."""
        for key in keys:
            self._users[key] -= 1
            if self._users[key] <= 0:
                del self._users[key]
                attempt(_take_away, self._applied.pop(key))


patches = Patches()
"""All hooks of this process."""


def _put(row: Row) -> _Applied | None:
    original = inspect.getattr_static(row.owner, row.name, _ABSENT)
    if original is _ABSENT:
        return None
    before = vars(row.owner).get(row.name, _ABSENT)
    hook = _kind_of(row, original)(original, row.wrapper)
    setattr(row.owner, row.name, hook)
    return _Applied(row._replace(owner=weakly(row.owner)), before, hook)


def _kind_of(row: Row, original: Any) -> Callable[..., Any]:
    if not isinstance(row.owner, type) or not inspect.isfunction(original):
        return Hook
    if not row.of_library or type(original) is not FunctionType:
        return _MethodHook
    direct = row.direct
    return _function if direct is None else lambda function, _: direct(function)


def _take_away(applied: _Applied) -> None:
    owner, name = applied.row.owner(), applied.row.name
    if owner is None or vars(owner).get(name) is not applied.hook:
        return
    if applied.before is _ABSENT:
        delattr(owner, name)
    else:
        setattr(owner, name, applied.before)


def _is_copy(present: Any, original: Any) -> bool:
    """Tell a copy of the original function, as cloudpickle makes one, from a wrapper around our hook."""
    present, original = getattr(present, "__func__", present), getattr(original, "__func__", original)
    return (
        not hasattr(present, "__wrapped__")
        and inspect.isfunction(present)
        and inspect.isfunction(original)
        and present.__code__ == original.__code__
    )
