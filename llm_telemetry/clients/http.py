"""LLM calls by plain HTTP: httpx, requests, and what is built upon them, such as LiteLLM.

A POST to one of the endpoints that the SDKs know, and with a body that looks like theirs, is a call; inside an open
call it is how that call is made, and none of its own. Nothing of any other request is looked at.
"""

from __future__ import annotations

import functools
import sys
from inspect import CO_COROUTINE
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any, cast
from urllib.parse import urlsplit

from llm_telemetry.clients.calls import OpenCall, held_call, hold, outside
from llm_telemetry.clients.endpoints import endpoint_of
from llm_telemetry.clients.openai import observe_close
from llm_telemetry.clients.taps import Tap
from llm_telemetry.clients.translations import as_chat
from llm_telemetry.clients.unheard import unheard
from llm_telemetry.clients.wire import Body, Failure, is_last, parsed
from llm_telemetry.guard import guarded
from llm_telemetry.hooks.observe import drive
from llm_telemetry.hooks.patching import Row
from llm_telemetry.hooks.scopes import SCOPE, innermost

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from typing import TypeAlias

    from llm_telemetry.hooks.scopes import Scope

    Args: TypeAlias = tuple[Any, ...]
    Kwargs: TypeAlias = Mapping[str, Any]
    Ask: TypeAlias = Callable[[Args, Kwargs], tuple[str, Any] | None]
    """Gives path and body of a POST from the arguments of the hooked function; `None` for other requests."""
    Follow: TypeAlias = Callable[["HttpCall", Any], None]
    """Sees to it that a call hears the body of a response, which is still to come."""

_SIGNS = frozenset(("model", "messages", "prompt", "input", "contents", "content", "requests"))
"""One of these is in the body of every request for tokens; other services have paths that end in `/responses`, too."""
_FIRST_ERROR = 400


class HttpCall(OpenCall):
    """A call by plain HTTP; its response is bytes."""

    __slots__ = ("_body", "_failure", "_follow_body", "decode", "done")

    def __init__(self, scope: Scope, endpoint: str, asked: dict[str, Any], follow: Follow) -> None:
        """Note who calls; registered clients are those of SDKs, so the scope alone decides."""
        super().__init__(scope, scope.told or scope.role, endpoint, asked)
        self._body = Body()
        self._failure: Failure | None = None
        self._follow_body = follow
        self.decode: Callable[[bytes], bytes] = bytes
        self.done: Callable[[], object] = bool

    def settle(self, response: Any) -> None:
        """Finish with a response that is complete, or follow it to its end."""
        status = getattr(response, "status_code", None) or response.status
        content = getattr(response, "_content", None)
        if status >= _FIRST_ERROR:
            told = parsed(content)
            self.finish(error=Failure(status, told.get("error") if isinstance(told, dict) else None))
        elif isinstance(content, bytes):
            self.see(content)
            self.finish()
        else:
            self._follow_body(self, response)

    def see(self, chunk: Any) -> None:
        """Take the next bytes of the body."""
        if not self.open:  # what comes after the last event
            return
        for event in self._body.feed(self.decode(chunk if isinstance(chunk, bytes) else str(chunk).encode())):
            self.take(event)

    def take(self, event: dict[str, Any]) -> None:
        """Take the next event of a stream."""
        if event.get("error"):
            self._failure = Failure(told=event["error"])
        super().see(as_chat(event))
        if is_last(event):
            self.finish()

    def finish(self, response: Any = None, error: BaseException | None = None) -> None:
        """Record the call with what the body has told."""
        if self.open:
            self.done()
            super().finish(self._body.document() if response is None else response, error or self._failure)


def sender(ask: Ask, follow: Follow) -> Callable[..., Any]:
    """Make the hook of the function that sends a library's requests."""

    def observe_send(wrapped: Any, _instance: Any, args: Args, kwargs: Kwargs) -> Any:
        scope = innermost()
        if scope is not None and scope.call is not None:
            return wrapped(*args, **kwargs)
        call = _open_call(scope, ask, follow, args, kwargs)
        return wrapped(*args, **kwargs) if call is None else drive(call, wrapped, args, kwargs)

    return observe_send


def _send(observe_send: Callable[..., Any], original: FunctionType) -> FunctionType:
    """Return what `observe_send` makes of the method: the request of an SDK's call passes in one frame."""
    if original.__code__.co_flags & CO_COROUTINE:

        @functools.wraps(original)
        async def send(self: Any, /, *args: Any, **kwargs: Any) -> Any:
            scope = SCOPE.get()
            if scope is None or scope.call is None:
                return await observe_send(MethodType(original, self), self, args, kwargs)
            return await original(self, *args, **kwargs)

    else:

        @functools.wraps(original)
        def send(self: Any, /, *args: Any, **kwargs: Any) -> Any:
            scope = SCOPE.get()
            if scope is None or scope.call is None:
                return observe_send(MethodType(original, self), self, args, kwargs)
            return original(self, *args, **kwargs)

    return cast("FunctionType", send)


@guarded
def _open_call(scope: Scope | None, ask: Ask, follow: Follow, args: Args, kwargs: Kwargs) -> HttpCall | None:
    request = ask(args, kwargs)
    if request is None or (endpoint := endpoint_of(request[0])) is None:
        return None
    path, body = request
    fields = body if isinstance(body, dict) else parsed(body)
    if not isinstance(fields, dict) or _SIGNS.isdisjoint(fields):
        return None
    scope = scope or outside() or _unheard()
    if scope is None:
        return None
    model, method, _ = path.rpartition("/")[2].partition(":")
    return HttpCall(scope, endpoint, {"model": model, **fields} if method else fields, follow)


def _unheard() -> Scope | None:
    """Count a call that nobody hears; return its scope if somebody is found who is to be watched."""
    unheard.calls += 1
    for look in unheard.looks:
        look()
    return innermost() or outside()


# --- httpx, and httpx2, its continuation


def _ask_httpx(args: Args, kwargs: Kwargs) -> tuple[str, Any] | None:
    request = args[0] if args else kwargs["request"]
    return (request.url.path, getattr(request, "_content", None)) if request.method == "POST" else None


class _Stream:
    """Stands in for a response's `stream`: what is read from it passes on, and the call hears it."""

    def __init__(self, stream: Any, call: OpenCall) -> None:
        self._stream = stream
        self._call = call

    def __iter__(self) -> Tap:
        return Tap(iter(self._stream), self._call)

    def __aiter__(self) -> Tap:
        return Tap(self._stream.__aiter__(), self._call)

    def close(self) -> None:
        _end(self._call)
        self._stream.close()

    async def aclose(self) -> None:
        _end(self._call)
        await self._stream.aclose()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)


@functools.lru_cache(maxsize=8)
def _stream_like(base: type) -> type[_Stream]:
    """Return the stand-in that is also a `base`: httpx asks for the class of its streams."""
    return type(base.__name__, (_Stream, base), {})


@guarded
def _end(call: OpenCall) -> None:
    call.finish()


def _follow_httpx(library: str, call: HttpCall, response: Any) -> None:
    module: Any = sys.modules[library]
    base = next(base for base in (module.SyncByteStream, module.AsyncByteStream) if isinstance(response.stream, base))
    if "content-encoding" in response.headers:  # a decoder of the library's own, for the same headers
        call.decode = module.Response(200, headers=response.headers)._get_content_decoder().decode
    response.stream = _stream_like(base)(response.stream, call)
    hold(response, call)


def httpx_rows(library: str) -> Iterator[Row]:
    """Yield the hooks of httpx, or of its continuation."""
    send = sender(_ask_httpx, functools.partial(_follow_httpx, library))
    for client in ("Client", "AsyncClient"):
        if (owner := getattr(sys.modules[library], client, None)) is not None:
            yield Row(owner, "send", send, of_library=True, direct=functools.partial(_send, send))


# --- requests


def _ask_requests(args: Args, kwargs: Kwargs) -> tuple[str, Any] | None:
    request = args[0] if args else kwargs["request"]
    return (urlsplit(request.url).path, request.body) if request.method == "POST" else None


def _follow_requests(call: HttpCall, response: Any) -> None:
    hold(response, call)


def _observe_content(wrapped: Any, instance: Any, args: Args, kwargs: Kwargs) -> Any:
    """Let the call hear the bytes that the program reads."""
    chunks = wrapped(*args, **kwargs)
    call = held_call(instance)
    return chunks if call is None or not call.open else Tap(chunks, call)


def requests_rows() -> Iterator[Row]:
    """Yield the hooks of requests."""
    module: Any = sys.modules["requests"]
    hooks = (
        ("Session", "send", sender(_ask_requests, _follow_requests)),
        ("Response", "iter_content", _observe_content),
        ("Response", "close", observe_close),
    )
    for owner, name, wrapper in hooks:
        if (cls := getattr(module, owner, None)) is not None:
            yield Row(cls, name, wrapper, of_library=True)
