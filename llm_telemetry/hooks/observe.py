"""The one path of every watched function: sync or async, step or LLM call, it is the same few lines.

A `Span` is opened, the trainer's function runs inside the span's scope, the span is closed with the result or the
exception. The function's result is given back as it is; only a coroutine is driven by one of ours, because the scope
has to be in force while it runs and not while it is made.
"""

from __future__ import annotations

import asyncio
import functools
from inspect import CO_COROUTINE
from types import CoroutineType, FunctionType, MethodType
from typing import TYPE_CHECKING, Any, Protocol, cast

from llm_telemetry.guard import guarded
from llm_telemetry.hooks.scopes import SCOPE

if TYPE_CHECKING:
    from collections.abc import Callable, Coroutine, Mapping
    from contextvars import Token
    from typing import TypeAlias

    from llm_telemetry.hooks.scopes import Scope

    Opens: TypeAlias = Callable[[Any, tuple[Any, ...], Mapping[str, Any]], Scope | None]
    Ends: TypeAlias = Callable[[Any, Any, BaseException | None], object]


_BEGUN = (CoroutineType, asyncio.Future)
"""Results that are only the beginning.

What can be awaited and is neither of these (an awaitable context manager, say) is given back untouched: a coroutine of
ours in its place would have fewer abilities.
"""


class Span(Protocol):
    """What a hook wants to know about one call of a watched function."""

    def begin(self) -> Scope:
        """Note the start and return the scope to run in; called again when a coroutine starts to run."""

    def end(self, result: Any, error: BaseException | None) -> None:
        """Note the end; exactly once."""


def drive(span: Span, wrapped: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """Call `wrapped` inside `span`; same result, same exception, same timing."""
    function = wrapped.__func__ if type(wrapped) is MethodType else wrapped
    if type(function) is FunctionType and function.__code__.co_flags & CO_COROUTINE:
        return _later(span, wrapped(*args, **kwargs))
    token = enter(span)
    try:
        result = wrapped(*args, **kwargs)
    except BaseException as error:
        close(span, None, error)
        raise
    finally:
        leave(token)
    if issubclass(type(result), _BEGUN):
        return _await_end(span, result)
    close(span, result, None)
    return result


def _await_end(span: Span, result: Any) -> Any:
    """Close the span when what has only begun is done."""
    if type(result) is CoroutineType:
        return _later(span, result)
    _end_with(span, result)
    return result


def around(opens: Opens, ends: Ends) -> Callable[[FunctionType], FunctionType]:
    """Return what makes, of a method, one that runs within the call that is opened, as `drive` does: in one frame.

    Args:
        opens: Given the object and the arguments, returns the scope of the call that begins, if one does.
        ends: Given that call, what the method returned, and what it raised.
    """

    def make(original: FunctionType) -> FunctionType:
        is_coroutine = original.__code__.co_flags & CO_COROUTINE
        method = (_around_coroutine if is_coroutine else _around_function)(original, opens, ends)
        return cast("FunctionType", functools.wraps(original)(method))

    return make


def _around_function(original: FunctionType, opens: Opens, ends: Ends) -> Callable[..., Any]:
    def method(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        scope = opens(self, args, kwargs)
        if scope is None:
            return original(self, *args, **kwargs)
        token = SCOPE.set(scope)
        try:
            result = original(self, *args, **kwargs)
        except BaseException as error:
            ends(scope.call, None, error)
            raise
        finally:
            SCOPE.reset(token)
        if issubclass(type(result), _BEGUN):  # of another tool's wrapper, which is no coroutine function itself
            return _await_end(scope.call, result)
        ends(scope.call, result, None)
        return result

    return method


def _around_coroutine(original: FunctionType, opens: Opens, ends: Ends) -> Callable[..., Any]:
    async def method(self: Any, /, *args: Any, **kwargs: Any) -> Any:
        scope = opens(self, args, kwargs)
        if scope is None:
            return await original(self, *args, **kwargs)
        token = SCOPE.set(scope)
        try:
            result = await original(self, *args, **kwargs)
        except BaseException as error:
            ends(scope.call, None, error)
            raise
        finally:
            leave(token)
        ends(scope.call, result, None)
        return result

    return method


@guarded
def _end_with(span: Span, future: asyncio.Future[Any]) -> None:
    """Close the span when a future is done."""
    future.add_done_callback(guarded(functools.partial(_end_future, span)))


def _later(span: Span, coroutine: Any) -> Any:
    """Return a coroutine of ours around the trainer's; nothing has begun until it runs."""
    ours: Any = _drive_coroutine(span, Inner(coroutine))
    # A debugger, a task's repr and a "never awaited" warning shall show the trainer's function.
    ours.__name__ = getattr(coroutine, "__name__", ours.__name__)
    ours.__qualname__ = getattr(coroutine, "__qualname__", ours.__qualname__)
    return ours


class Inner:
    """Closes the trainer's coroutine with ours: a task that is cancelled before its start never gets to it."""

    __slots__ = ("coroutine",)

    def __init__(self, coroutine: Coroutine[Any, Any, Any]) -> None:
        """Take it over."""
        self.coroutine = coroutine

    def __del__(self) -> None:
        self.coroutine.close()


async def _drive_coroutine(span: Span, inner: Inner) -> Any:
    token = enter(span)
    try:
        result = await inner.coroutine
    except BaseException as error:
        close(span, None, error)
        raise
    finally:
        leave(token)
    close(span, result, None)
    return result


def _end_future(span: Span, future: asyncio.Future[Any]) -> None:
    if future.cancelled():
        close(span, None, asyncio.CancelledError())
    else:  # `exception()` would mark it as retrieved, and asyncio would not say that nobody has
        close(span, future._result, future._exception)  # type: ignore[attr-defined]


@guarded
def enter(span: Span) -> Token[Scope | None]:
    """Begin, and be in the span's scope; returns what `leave` takes."""
    return SCOPE.set(span.begin())


def leave(token: Token[Scope | None] | None) -> None:
    """Go back to the scope that was there before."""
    if token is None:
        return
    try:
        SCOPE.reset(token)
    except ValueError:  # a coroutine that the garbage collector closes does so in a context that is not its own
        return


@guarded
def close(span: Span, result: Any, error: BaseException | None) -> None:
    """End, with what the function returned or raised."""
    span.end(result, error)
