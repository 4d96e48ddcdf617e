"""Functions of ours, found from the code, made to raise: whoever holds them, closures and bound methods too.

A function is broken by giving its code object another one. What it is called, and where it is defined, tell which.
"""

from __future__ import annotations

import contextlib
import functools
import gc
import importlib
import inspect
import pkgutil
from pathlib import Path
from types import CodeType, FunctionType

import llm_telemetry
from llm_telemetry import guard

PACKAGE = Path(llm_telemetry.__file__).parent
OUTSIDE = ("cli", "demo", "doctor", "report", "testing")
"""What runs in no trainer's process."""
LEFT_OUT = ("guard.py", "session/turn.py")
"""The boundary itself, and the lock: with these broken nothing can hold. They have tests of their own."""
GUARDS = {guard._GUARD}


@functools.cache
def modules():
    """Import every module that may run in a trainer's process, so that all functions are there."""
    found = pkgutil.walk_packages(llm_telemetry.__path__, "llm_telemetry.")
    return [
        importlib.import_module(info.name) for info in found if info.name.split(".")[1] not in (*OUTSIDE, "__main__")
    ]


@functools.cache
def place_of(code):
    """Return what a function is known by: file, line and name; `None` for what is no function of ours."""
    path = Path(code.co_filename)
    if PACKAGE not in path.parents or (code.co_name.startswith("<") and code.co_name != "<lambda>"):
        return None
    inside = path.relative_to(PACKAGE)
    is_body = not code.co_flags & inspect.CO_OPTIMIZED  # of a class
    return None if is_body or inside.parts[0] in OUTSIDE else f"{inside}:{code.co_firstlineno}:{code.co_name}"


@functools.cache
def live():
    """Return all functions of ours that there are, without asking any object what it is."""
    modules()
    return [thing for thing in gc.get_objects() if type(thing) is FunctionType and _is_ours(thing.__code__)]


def _is_ours(code):
    return any(place_of(one) is not None for one in inner(code))


def inner(code):
    """Yield a code object and those in it."""
    yield code
    for constant in code.co_consts:
        if isinstance(constant, CodeType):
            yield from inner(constant)


@functools.cache
def places():
    """Return every function of ours that may run in a trainer's process, but the guard itself."""
    found = {place_of(code) for function in live() for code in inner(function.__code__)}
    return sorted(place for place in found if place is not None and not place.startswith(LEFT_OUT))


class HostileError(Exception):
    """An exception that does not like to be looked at."""

    def __getattr__(self, name):
        raise LookupError(name)

    def __eq__(self, other):
        raise RuntimeError("nobody compares")

    __hash__ = None

    def __str__(self):
        raise RuntimeError("nobody reads")

    __repr__ = __str__


ERRORS = {"plain": ArithmeticError, "hostile": HostileError}
_NOT_PLAIN = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR
_failing: dict[str, tuple[str, int]] = {}
_calls: dict[str, int] = {}
_originals: dict[str, FunctionType] = {}


def fail(place, args, kwargs):
    """Stand in for a broken function: raise, or at another call than the one that is to fail do as it did."""
    kind, at = _failing[place]
    _calls[place] = _calls.get(place, 0) + 1
    if at in (0, _calls[place]):
        raise ERRORS[kind]
    return _originals[place](*args, **kwargs)


@contextlib.contextmanager
def broken(place, kind="plain", at=0):
    """Let the function at `place` raise for as long as this lasts: at its first call, second, …, or at all (0).

    One with variables of its surroundings, and a coroutine or a generator, raises at all.
    """
    changed = [(function, function.__code__) for function in live() if _has(function.__code__, place)]
    _calls.pop(place, None)
    _failing[place] = (kind, at)
    for function, code in changed:
        if place_of(code) == place:
            if code.co_freevars or code.co_flags & _NOT_PLAIN:
                _failing[place] = (kind, 0)
            twin = FunctionType(code, function.__globals__, code.co_name, function.__defaults__, function.__closure__)
            twin.__kwdefaults__ = function.__kwdefaults__
            _originals[place] = twin
        function.__code__ = _broken(code, place)
    try:
        yield
    finally:
        for function, code in changed:
            function.__code__ = code


@functools.cache
def _has(code, place):
    return any(place_of(one) == place for one in inner(code))


def _broken(code, place):
    if not _has(code, place):
        return code
    if place_of(code) == place:
        return _raising(code, place)
    constants = tuple(_broken(c, place) if isinstance(c, CodeType) else c for c in code.co_consts)
    return code.replace(co_consts=constants)


def _raising(code, place):
    """Return code that may take the place of `code`: of the same kind, with the same free variables."""
    free = "".join(f"{name}, " for name in code.co_freevars)
    is_async = code.co_flags & (inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR)
    is_generator = code.co_flags & (inspect.CO_GENERATOR | inspect.CO_ASYNC_GENERATOR)
    source = f"""
def around():
    {" = ".join(code.co_freevars)}{" = None" if code.co_freevars else "pass"}
    {"async " if is_async else ""}def broken(*args, **kwargs):
        if 0: ({free})
        {"if 0: yield" if is_generator else "pass"}
        {"return " if not is_async and not is_generator else ""}__import__({__name__!r}, None, None, ['fail']).fail(
            {place!r}, args, kwargs)
"""
    names: dict[str, FunctionType] = {}
    exec(source, names)
    (broken,) = [c for c in inner(names["around"].__code__) if c.co_name == "broken"]
    told = {"co_name": code.co_name, "co_filename": code.co_filename, "co_firstlineno": code.co_firstlineno}
    return broken.replace(**told)
