"""The fail-open boundary: telemetry's own failures are logged once, counted, and never reach the trainer."""

from __future__ import annotations

import functools
import logging
import os
import sys
import threading
from collections import deque
from contextlib import suppress
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, Protocol, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import FrameType

P = ParamSpec("P")
R = TypeVar("R")
Owner = TypeVar("Owner", bound="Owned")


class _Log(logging.LoggerAdapter):  # type: ignore[type-arg]  # Python 3.10 cannot be told at runtime
    """Says whose a line is, and never raises: a handler that fails is the user's, and must not end a training."""

    def process(self, msg: Any, kwargs: Any) -> tuple[Any, Any]:
        """Begin a line with our name, as not every handler shows the logger's."""
        return f"llm_telemetry: {msg}", {"stacklevel": 2, **kwargs}

    def log(self, level: int, msg: object, *args: object, **kwargs: Any) -> None:
        """Write a line; `%` in `msg` as ever."""
        with suppress(Exception):
            super().log(level, msg, *args, **kwargs)


log = _Log(logging.getLogger("llm_telemetry"))
"""The one logger of this library."""


class Failures:
    """What went wrong inside this library, by place; `strict` makes it loud.

    Each session has its own, so that one trainer's are neither counted for another nor made loud by it.
    """

    def __init__(self, *, strict: bool = False) -> None:
        self.strict = strict
        self._lock = threading.RLock()  # a signal handler may come in between, and fail too
        self._counts: dict[str, int] = {}

    def add(self, place: str) -> bool:
        """Count one failure; true the first time that `place` fails."""
        with self._lock:
            self._counts[place] = self._counts.get(place, 0) + 1
            return self._counts[place] == 1

    def total(self) -> int:
        """Return the number of failures so far."""
        with self._lock:
            return sum(self._counts.values())


failures = Failures()
"""Those that happen where nobody is watched; `strict` here makes all loud (the test-suite sets it)."""
find_here: list[Callable[[], Failures | None]] = []
"""Asked whose the work is that is done here, where no `Owned` method says so; `hooks.scopes` knows."""
_LOUD = "_llm_telemetry_loud"
"""In the dict of an exception that strict mode has let through: outer guards do not catch it, whoever they work for."""
_working_for: ContextVar[Failures | None] = ContextVar("llm_telemetry_working_for", default=None)


class Owned(Protocol):
    """What keeps its own failures."""

    failures: Failures


def owned(method: Callable[Concatenate[Owner, P], R]) -> Callable[Concatenate[Owner, P], R]:
    """Have failures within a method, wherever deep inside, counted for the object that it belongs to."""

    @functools.wraps(method)
    def call(self: Owner, /, *args: P.args, **kwargs: P.kwargs) -> R:
        token = _working_for.set(self.failures)
        try:
            return method(self, *args, **kwargs)
        finally:
            _working_for.reset(token)

    return call


def report(function: object, error: Exception) -> None:
    """Count `error`, by which `function` has failed, and say so once per function; in strict mode raise it instead.

    Nothing of the user's is asked here: an exception of his, or a function, may itself raise when it is looked at.

    Raises:
        Exception: `error` itself, in strict mode.
    """
    owner, marks = _owner(), object.__getattribute__(error, "__dict__")
    if owner.strict or failures.strict or _LOUD in marks:
        marks[_LOUD] = True
        raise error
    if owner.add(place := _place_of(function)):
        log.warning(
            "failed in %s; your training goes on, with less telemetry. "
            "Further failures here are only counted (telemetry/errors).",
            place,
            exc_info=error,
        )


def _owner() -> Failures:
    """Return whose work is done here; where finding that out is what fails, nobody's."""
    with suppress(Exception):
        return _working_for.get() or next((found for find in find_here if (found := find())), failures)
    return failures


def _place_of(function: object) -> str:
    with suppress(Exception):
        name = getattr(function, "__qualname__", None)
        return name if isinstance(name, str) else type(function).__qualname__
    return "a function"


def guarded(function: Callable[P, R]) -> Callable[P, R | None]:
    """Make `function` fail open: an `Exception` inside it is reported and `None` returned.

    A `BaseException` that is no `Exception` (a cancellation, a keyboard interrupt) passes: it is not ours.
    """
    return functools.wraps(function)(failing_open(function))


def failing_open(function: Callable[P, R]) -> Callable[P, R | None]:
    """Return what `guarded` makes of it, without its name and signature: for what is made anew at each step."""

    def call(*args: P.args, **kwargs: P.kwargs) -> R | None:
        try:
            return function(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - the one broad `except` of the library, see docs/how-it-works.md
            report(function, error)
            return None
        finally:
            if _postponed:
                _do_postponed(sys._getframe().f_back)

    return call


_postponed: deque[tuple[int, Callable[[], object]]] = deque()
"""What threads have put off until they are out of work of ours; each with its thread."""


def _is_own_work(frame: FrameType | None) -> bool:
    """Tell whether a function of ours runs in this frame, or has called it; so guards need not count their depth."""
    while frame is not None:
        if frame.f_code is _GUARD:
            return True
        frame = frame.f_back
    return False


def after_own_work(method: Callable[P, object]) -> Callable[P, None]:
    """Have `method`, which takes locks, put off when its own thread is in work of ours: it would wait for itself.

    That is where a signal handler, a finaliser, a log handler, or a user's collector or sink calls it. It is done as
    soon as the thread is out of that work. It fails open.
    """
    do = guarded(method)

    @functools.wraps(method)
    def call(*args: P.args, **kwargs: P.kwargs) -> None:
        if _is_own_work(sys._getframe().f_back):
            _postponed.append((threading.get_ident(), functools.partial(do, *args, **kwargs)))
        else:
            do(*args, **kwargs)

    return call


def _do_postponed(caller: FrameType | None) -> None:
    """Do what this thread has put off, if `caller`, where it goes on, is no work of ours; at exit there is none."""
    me = threading.get_ident()
    while not _is_own_work(caller) and (own := next((one for one in _postponed.copy() if one[0] == me), None)):
        _postponed.remove(own)
        own[1]()


_GUARD = guarded(report).__code__
"""The code of every guard."""


def attempt(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call `function` with these arguments, and fail open."""
    return failing_open(function)(*arguments)


def survive_fork(lock: Any) -> Any:
    """Return `lock`, which is made anew in a forked child: a thread that is not there may have held it."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=lock._at_fork_reinit)
    return lock
