"""LLM calls by aiohttp: its responses are read through a `StreamReader`, in half a dozen ways with one end.

`_read_nowait_chunk` gives out every byte, `_wait` raises every error and cancellation of a read. Both are private:
where a release has them no more, such calls are counted without their tokens.
"""

from __future__ import annotations

import functools
import sys
from typing import TYPE_CHECKING, Any

from llm_telemetry.clients.calls import held_call, hold
from llm_telemetry.clients.http import sender
from llm_telemetry.guard import guarded
from llm_telemetry.hooks.observe import drive
from llm_telemetry.hooks.patching import Row

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llm_telemetry.clients.http import Args, HttpCall, Kwargs
    from llm_telemetry.hooks.scopes import Scope

_reading: dict[int, HttpCall] = {}
"""Calls by the identity of the reader of their response, which cannot be referenced weakly."""


def _ask(args: Args, kwargs: Kwargs) -> tuple[str, Any] | None:
    given = {**dict(zip(("method", "str_or_url"), args, strict=False)), **kwargs}
    if given["method"].upper() != "POST":
        return None
    path, body = str(given["str_or_url"]).partition("?")[0], given.get("json")
    return path, given.get("data") if body is None else body


def _follow(call: HttpCall, response: Any) -> None:
    reader = response.content
    if reader.at_eof():
        call.finish()
    else:
        _reading[id(reader)] = call
        call.done = functools.partial(_reading.pop, id(reader), None)
        hold(response, call)


def _observe_chunk(wrapped: Any, instance: Any, args: Args, kwargs: Kwargs) -> Any:
    """Let the call hear what is given out."""
    call = _reading.pop(id(instance), None) if _reading else None
    if call is None:
        return wrapped(*args, **kwargs)
    try:
        data = wrapped(*args, **kwargs)  # this may take in the rest of the body: until it is heard, that is no end
    finally:
        if call.open:
            _reading[id(instance)] = call
    _hear(call, instance, data)
    return data


@guarded
def _hear(call: HttpCall, reader: Any, data: bytes) -> None:
    call.see(data)
    _end_at(reader)


def _observe_eof(wrapped: Any, instance: Any, args: Args, kwargs: Kwargs) -> Any:
    """Finish the call when the body ends after its last byte was given out."""
    result = wrapped(*args, **kwargs)
    if _reading:
        _end_at(instance)
    return result


@guarded
def _end_at(reader: Any) -> None:
    call = _reading.get(id(reader))
    if call is not None and reader.at_eof():
        call.finish()


class _Wait:
    """A read that is waiting for bytes."""

    __slots__ = ("_call",)

    def __init__(self, call: HttpCall) -> None:
        self._call = call

    def begin(self) -> Scope:
        return self._call.scope()

    def end(self, _result: Any, error: BaseException | None) -> None:
        if error is not None:
            self._call.finish(error=error)


def _observe_wait(wrapped: Any, instance: Any, args: Args, kwargs: Kwargs) -> Any:
    """Note the error that a read ends with."""
    call = _reading.get(id(instance)) if _reading else None
    return wrapped(*args, **kwargs) if call is None else drive(_Wait(call), wrapped, args, kwargs)


def _observe_end(wrapped: Any, instance: Any, args: Args, kwargs: Kwargs) -> Any:
    """Finish the call of a response that is closed, or given back, before its end."""
    _closing(instance)
    return wrapped(*args, **kwargs)


@guarded
def _closing(response: Any) -> None:
    call = held_call(response)
    if call is not None:
        call.finish(error=response.content.exception())


_HOOKS = (
    ("ClientSession", "_request", sender(_ask, _follow)),
    ("StreamReader", "_read_nowait_chunk", _observe_chunk),
    ("StreamReader", "feed_eof", _observe_eof),
    ("StreamReader", "_wait", _observe_wait),
    ("ClientResponse", "close", _observe_end),
    ("ClientResponse", "release", _observe_end),
)


def rows() -> Iterator[Row]:
    """Yield the hooks of aiohttp."""
    for owner, name, wrapper in _HOOKS:
        if (cls := getattr(sys.modules["aiohttp"], owner, None)) is not None:
            yield Row(cls, name, wrapper, of_library=True)
