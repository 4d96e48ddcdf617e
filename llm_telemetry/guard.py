"""The fail-open boundary: telemetry's own failures are logged once, counted, and never reach the trainer."""

from __future__ import annotations

import functools
import logging
import os
import threading
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

P = ParamSpec("P")
R = TypeVar("R")

log = logging.getLogger("llm_telemetry")


class _Failures:
    """What went wrong inside this library, by place; `strict` makes it loud (the test-suite sets it)."""

    def __init__(self) -> None:
        self.strict = False
        self._lock = threading.Lock()
        self._counts: dict[str, int] = {}

    def add(self, place: str) -> bool:
        """Count one failure; true the first time that `place` fails."""
        with self._lock:
            self._counts[place] = self._counts.get(place, 0) + 1
            return self._counts[place] == 1

    def total(self) -> int:
        """Return the number of failures in this process so far."""
        with self._lock:
            return sum(self._counts.values())


failures = _Failures()


def report(place: str, error: Exception) -> None:
    """Count `error` at `place` and say so once per place; in strict mode raise it instead.

    Raises:
        Exception: `error` itself, in strict mode.
    """
    if failures.strict:
        raise error
    if failures.add(place):
        log.warning(
            "llm_telemetry failed in %s; your training goes on, with less telemetry. "
            "Further failures here are only counted (telemetry/errors).",
            place,
            exc_info=error,
        )


def guarded(function: Callable[P, R]) -> Callable[P, R | None]:
    """Make `function` fail open: an `Exception` inside it is reported and `None` returned.

    A `BaseException` that is no `Exception` (a cancellation, a keyboard interrupt) passes: it is not ours.
    """

    @functools.wraps(function)
    def call(*args: P.args, **kwargs: P.kwargs) -> R | None:
        try:
            return function(*args, **kwargs)
        except Exception as error:  # noqa: BLE001 - the one broad `except` of the library, see docs/how-it-works.md
            report(getattr(function, "__qualname__", repr(function)), error)
            return None

    return call


def attempt(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call `function` with these arguments, and fail open."""
    return guarded(function)(*arguments)


def survive_fork(lock: Any) -> Any:
    """Return `lock`, which is made anew in a forked child: a thread that is not there may have held it."""
    if hasattr(os, "register_at_fork"):
        os.register_at_fork(after_in_child=lock._at_fork_reinit)
    return lock
