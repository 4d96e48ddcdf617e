"""One LLM call, from its request to the end of its response: plain, streamed, or raw and read later."""

from __future__ import annotations

import threading
import time
import weakref
from typing import TYPE_CHECKING, Any

from llm_telemetry.events import Call, Role, Usage
from llm_telemetry.guard import guarded
from llm_telemetry.hooks.replies import (
    Reply,
    anthropic_head,
    body_of,
    delta_of,
    error_kind,
    field,
    fields_of,
    reply_of,
    usage_in,
)
from llm_telemetry.scopes import Scope
from llm_telemetry.sources import UNKNOWN

if TYPE_CHECKING:
    from llm_telemetry.session import Session

shapes: dict[str, tuple[type, ...]] = {"stream": (), "raw": ()}
"""The SDK's classes for responses that are not complete when they come; filled in when the SDK is hooked."""

_MAX_TEXT = 65536
"""Characters of a streamed judge answer that are looked at."""


class OpenCall:
    """One request until its response is complete; `finish` happens once, whatever comes first."""

    __slots__ = (
        "_scope",
        "_session",
        "embedding",
        "http",
        "model",
        "open",
        "requested",
        "retries",
        "seen",
        "started",
        "text",
        "told",
        "truncated",
        "usage",
    )

    def __init__(self, session: Session, scope: Scope | None, role: Role, options: Any) -> None:
        """Note who calls, and which model; the request itself is not touched."""
        self._session = session
        self._scope = Scope(
            session,
            session.phase if scope is None else scope.phase,
            role,
            None if scope is None else scope.rollout,
            None if scope is None else scope.evaluation,
            self,
            None if scope is None else scope.source,
        )
        self.embedding = options.url.endswith("/embeddings")
        model = field(options.json_data, "model")
        self.requested = model if isinstance(model, str) else None
        self.model = self.requested
        self.usage: Usage | None = None
        self.told: dict[str, Any] = {}
        self.retries = 0
        self.open = True
        self.http: Any = None
        self.text = ""
        self.truncated = False
        self.seen = False

    def begin(self) -> Scope:
        """Start the clock."""
        self.started = time.perf_counter()
        return self._scope

    def end(self, result: Any, error: BaseException | None) -> None:
        """Take what `request` gave."""
        if error is None:
            self.settle(result)
        else:
            self.finish(getattr(error, "completion", None) or body_of(self.http), error)

    def settle(self, result: Any) -> None:
        """Finish with a complete response; follow a stream, or a raw response that is still to be read."""
        if isinstance(result, shapes["stream"]):
            self._follow(result)
        elif isinstance(result, shapes["raw"]):
            self._await_body(result)
        else:
            self.finish(result)

    def _follow(self, stream: Any) -> None:
        if not isinstance(stream._iterator, Tap):  # a raw response gives the same stream each time it is parsed
            stream._iterator = Tap(stream._iterator, self)
            hold(stream, self)

    def _await_body(self, raw: Any) -> None:
        if getattr(raw.http_response, "_content", None) is None:
            hold(raw, self)
        else:
            self.finish(body_of(raw.http_response))

    def see(self, chunk: Any) -> None:
        """Take one chunk of a stream; most have nothing but text."""
        fields = fields_of(chunk)
        whole = fields.get("response")  # the last events of the responses API hold the whole response
        if whole is not None:
            self._read(fields_of(whole))
        elif fields.get("message") is not None:
            self._read(anthropic_head(fields["message"]))
        elif not self.seen or fields.get("usage") is not None:
            self._read(fields)
        self.seen = True
        if self._scope.evaluation is not None and len(self.text) < _MAX_TEXT:
            delta = delta_of(chunk)
            self.text += delta.text
            self.truncated |= delta.truncated

    def _read(self, fields: dict[str, Any]) -> None:
        usage = fields.get("usage")
        if usage is not None:
            if self.told:  # Anthropic's streams tell the prompt first, and the answer's tokens as they grow
                usage = {**self.told, **{name: count for name, count in fields_of(usage).items() if count is not None}}
            self.told = fields_of(usage)
            self.usage = usage_in(usage, embedding=self.embedding) or self.usage
        model = fields.get("model")
        if isinstance(model, str) and model:
            self.model = model

    def finish(self, response: Any = None, error: BaseException | None = None) -> None:
        """Record the call; only the first time."""
        if not self.open:
            return
        self.open = False
        latency = time.perf_counter() - self.started
        kind = None if error is None else error_kind(error)
        self._learn(response, kind)
        scope = self._scope
        source = scope.source or (scope.rollout and scope.rollout.source) or UNKNOWN
        self._session.record(
            Call(scope.role, scope.split, source, self.requested, self.model, self.usage, kind, self.retries, latency)
        )
        self.http = None

    @guarded
    def _learn(self, response: Any, kind: str | None) -> None:
        """Read a complete response; whatever is odd about it, the call is recorded."""
        if response is not None:
            self._read(fields_of(response))
        if self._scope.evaluation is not None:
            reply = Reply() if response is None else reply_of(response)
            text = reply.text or self.text
            self._scope.evaluation.hear(Reply(text, kind, reply.truncated or self.truncated))


class Tap:
    """Stands in for a stream's `_iterator`, sync or async: passes every chunk on, and tells the call."""

    __slots__ = ("_call", "_iterator", "_see")

    def __init__(self, iterator: Any, call: OpenCall) -> None:
        """Listen to `iterator`."""
        self._iterator = iterator
        self._call = call
        self._see = guarded(call.see)

    def __iter__(self) -> Tap:
        return self

    def __aiter__(self) -> Tap:
        return self

    def __next__(self) -> Any:
        try:
            chunk = next(self._iterator)
        except BaseException as end:
            self._end(end)
            raise
        self._see(chunk)
        return chunk

    async def __anext__(self) -> Any:
        try:
            chunk = await self._iterator.__anext__()
        except BaseException as end:
            self._end(end)
            raise
        self._see(chunk)
        return chunk

    def __getattr__(self, name: str) -> Any:
        """Be the generator in everything else."""
        return getattr(self._iterator, name)

    @guarded
    def _end(self, end: BaseException) -> None:
        self._call.finish(error=None if isinstance(end, StopIteration | StopAsyncIteration) else end)


_held: weakref.WeakKeyDictionary[Any, OpenCall] = weakref.WeakKeyDictionary()
"""Streams and unread responses that the trainer still has."""
_holding = threading.Lock()


def hold(response: Any, call: OpenCall) -> None:
    """Finish `call` when `response` is closed or, at the latest, gone."""
    with _holding:
        _held[response] = call
    weakref.finalize(response, _abandon, call).atexit = False


@guarded
def _abandon(call: OpenCall) -> None:
    call.finish()


@guarded
def finish_held(session: Session) -> None:
    """Finish the calls whose stream nobody has finished: the session is about to make its last payload."""
    with _holding:
        calls = [call for call in _held.values() if call._session is session]
    for call in calls:
        call.finish()


def held_call(response: Any) -> OpenCall | None:
    """Return the call whose stream or unread response this is, `None` for any other object."""
    # `.data`, because `len()` of a weak dict takes its time, and this runs for every call
    return _held.get(response) if _held.data else None  # type: ignore[attr-defined]
