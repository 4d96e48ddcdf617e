"""The openai SDK, 1.x to 3.x, and others by its generator: two methods see every request, whatever the endpoint.

`SyncAPIClient.request` and `AsyncAPIClient.request` are below chat, completions, responses, embeddings, `parse`, raw
and streaming responses, Azure, and below Anthropic's messages. See docs/how-it-works.md for what is one level below
the documented API, and why.
"""

from __future__ import annotations

import functools
import importlib
from inspect import CO_COROUTINE
from types import FunctionType, MethodType
from typing import TYPE_CHECKING, Any, NamedTuple, cast

from llm_telemetry.clients.calls import OpenCall, held, held_call, outside
from llm_telemetry.clients.endpoints import endpoint_of
from llm_telemetry.clients.replies import body_of
from llm_telemetry.clients.shapes import know, shape_of
from llm_telemetry.guard import guarded, log
from llm_telemetry.hooks.observe import around, drive
from llm_telemetry.hooks.patching import Row
from llm_telemetry.hooks.scopes import SCOPE, Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from llm_telemetry.events import Role


GUESSED = (
    "a client that was taken for the %s's, from where it is held, is used by the %s too. Its calls from outside of "
    "both count as other from now on: llm_telemetry.scope(role=…) around them says whose they are."
)
REGISTERED = (
    "the client that %s= names is used by the %s too: such calls count as the %s's, a scope says more than a client. "
    "Around calls that are the policy's all the same: llm_telemetry.scope(role=…)"
)


_POST = ("post", "POST")


def observe_request(wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """Watch one request of a client."""
    scope = _open_call(instance, args, kwargs)
    return wrapped(*args, **kwargs) if scope is None else drive(scope.call, wrapped, args, kwargs)


@guarded
def _open_call(client: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Scope | None:
    """Return the scope within the call that this request is; `None` where it is none, or not one of its own."""
    scope = SCOPE.get()
    if scope is None or scope.session.closed:
        scope = outside()
    if scope is None:
        return None
    session, _, outer, _, _, call, _, told = scope
    options: Any = args[1] if len(args) > 1 else kwargs.get("options")
    if call is not None or options.method not in _POST or (endpoint := endpoint_of(options.url)) is None:
        return None
    role = told or outer
    if session.parts.clients and not session.parts.agree(client, role):
        role = _role(scope, client, role)
    return OpenCall(scope, role, endpoint, options.json_data).scope()


@guarded
def _end_call(call: OpenCall, result: Any, error: BaseException | None) -> None:
    if error is None and shape_of(type(result)) is None:  # type: ignore[arg-type]  # mypy: no type is Hashable
        call.finish(result)
    else:
        call.end(result, error)


def _role(scope: Scope, client: Any, role: Role) -> Role:
    """Return the role that the scope says; outside of all, whose the client is.

    Whose a client is may be a guess, from where it is held: contradicted by a scope it is dropped, and told.
    """
    session, told = scope.session, scope.told
    known = session.parts.role_of(client)
    if known is None or known == role:
        return role
    if role == "other" and told is None:
        return known
    if session.parts.drop_guess(client):
        session.tell(GUESSED, known, role)
    elif told is None:
        session.tell(REGISTERED, known, role, role)
    return role


def observe_retry(wrapped: Any, _instance: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """Count an attempt that the SDK repeats by itself."""
    scope = SCOPE.get()
    if scope is not None and scope.call is not None:
        scope.call.retries += 1
    return wrapped(*args, **kwargs)


class _Parse:
    """A response of a call being parsed: by the SDK, within the call, or a raw one by the trainer, who holds it."""

    __slots__ = ("_call", "_response")

    def __init__(self, response: Any, call: OpenCall) -> None:
        self._response = response
        self._call = call

    def begin(self) -> Scope:
        return self._call.scope()

    def end(self, result: Any, error: BaseException | None) -> None:
        if error is not None:
            _note(self._response)
        elif self._call.open and held_call(self._response) is self._call:
            self._call.settle(result)


def observe_parse(wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """Read the usage of a raw response when the trainer parses it, and note one that cannot be parsed."""
    scope = SCOPE.get()
    call = held_call(instance) or (scope and scope.call)
    return wrapped(*args, **kwargs) if call is None else drive(_Parse(instance, call), wrapped, args, kwargs)


@guarded
def _note(response: Any) -> None:
    """Note, for the call that is open, a response that the SDK could not parse."""
    scope = SCOPE.get()
    if scope is not None and scope.call is not None:
        scope.call.spent = response.http_response


def observe_close(wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """Finish the call of a stream or a raw response that the trainer closes."""
    _closing(instance)
    return wrapped(*args, **kwargs)


@guarded
def _closing(response: Any) -> None:
    call = held_call(getattr(response, "_raw_stream", response))
    if call is not None:
        call.finish(body_of(getattr(response, "http_response", None)))


def _parse(original: FunctionType) -> FunctionType:
    """Return what `observe_parse` makes of the method: each response of the SDK is parsed by it, so in one frame."""
    if original.__code__.co_flags & CO_COROUTINE:

        @functools.wraps(original)
        async def parse(self: Any, /, *args: Any, **kwargs: Any) -> Any:
            if held:
                return await observe_parse(MethodType(original, self), self, args, kwargs)
            try:
                return await original(self, *args, **kwargs)
            except BaseException:
                _note(self)
                raise

    else:

        @functools.wraps(original)
        def parse(self: Any, /, *args: Any, **kwargs: Any) -> Any:
            if held:
                return observe_parse(MethodType(original, self), self, args, kwargs)
            try:
                # Without arguments to unpack, Python runs the method in the loop that runs this one.
                return original(self, *args, **kwargs) if args or kwargs else original(self)
            except BaseException:
                _note(self)
                raise

    return cast("FunctionType", parse)


class _Target(NamedTuple):
    module: str
    owner: str
    names: tuple[str, ...]
    """The first one that exists is hooked."""
    wrapper: Any
    shape: str = ""
    """What `OpenCall.settle` knows instances of the owner by."""
    direct: Callable[[FunctionType], FunctionType] | None = None
    """See `Row`."""


_request = around(_open_call, _end_call)
_RETRIES = ("_sleep_for_retry", "_retry_request")  # the second one until openai 1.66
_TARGETS = (
    _Target("_base_client", "SyncAPIClient", ("request",), observe_request, direct=_request),
    _Target("_base_client", "AsyncAPIClient", ("request",), observe_request, direct=_request),
    _Target("_base_client", "SyncAPIClient", _RETRIES, observe_retry),
    _Target("_base_client", "AsyncAPIClient", _RETRIES, observe_retry),
    _Target("_streaming", "Stream", ("close",), observe_close, "stream"),
    _Target("_streaming", "AsyncStream", ("close",), observe_close, "stream"),
    _Target("lib.streaming.chat._completions", "ChatCompletionStream", ("close",), observe_close),
    _Target("lib.streaming.chat._completions", "AsyncChatCompletionStream", ("close",), observe_close),
    _Target("lib.streaming.responses._responses", "ResponseStream", ("close",), observe_close),
    _Target("lib.streaming.responses._responses", "AsyncResponseStream", ("close",), observe_close),
    _Target("_response", "APIResponse", ("close",), observe_close),
    _Target("_response", "AsyncAPIResponse", ("close",), observe_close),
    _Target("_response", "APIResponse", ("parse",), observe_parse, "raw", _parse),
    _Target("_response", "AsyncAPIResponse", ("parse",), observe_parse, "raw", _parse),
    _Target("_legacy_response", "LegacyAPIResponse", ("parse",), observe_parse, "raw"),
)


def _module(name: str) -> Any:
    """Import a module of the SDK; `None` for one that this SDK, or this version, does not have."""
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        return None


def rows(sdk: str) -> Iterator[Row]:
    """Yield the hooks of an SDK that has the shape of openai's, and is imported."""
    for module, owner, names, wrapper, shape, direct in _TARGETS:
        cls = getattr(_module(f"{sdk}.{module}"), owner, None)
        name = next((name for name in names if hasattr(cls, name)), None)
        if cls is None or name is None:
            if wrapper is observe_request:
                log.warning("%s.%s has no method request: its calls are not seen by llm_telemetry", sdk, owner)
            continue
        if shape:
            know(cls, shape)
        yield Row(cls, name, wrapper, of_library=True, direct=direct)
