"""One LLM call, from its request to the end of its response: plain, streamed, or raw and read later."""

from __future__ import annotations

import threading
import time
import weakref
from typing import TYPE_CHECKING, Any

from llm_telemetry.clients.replies import (
    anthropic_head,
    body_of,
    delta_of,
    error_kind,
    failure_kind,
    field,
    fields_of,
    name_in,
    replies_of,
    served_in,
    usage_in,
)
from llm_telemetry.clients.shapes import shape_of
from llm_telemetry.clients.translations import as_chat
from llm_telemetry.clients.unheard import before_call
from llm_telemetry.events import Call, Role, Usage
from llm_telemetry.guard import guarded, survive_fork
from llm_telemetry.hooks.scopes import Scope
from llm_telemetry.judging.attempts import Reply
from llm_telemetry.sources import UNKNOWN

if TYPE_CHECKING:
    from llm_telemetry.judging.attempts import Attempt
    from llm_telemetry.session.session import Session

_UNFINISHED = ("queued", "in_progress")


class OpenCall:
    """One request until its response is complete; `finish` happens once, whatever comes first."""

    # fmt: off
    __slots__ = (
        "_outer", "_role", "answers", "attempt", "embedding", "holder", "http", "model", "open", "requested",
        "retries", "seen", "served", "started", "told", "usage",
    )
    # fmt: on

    def __init__(self, session: Session, scope: Scope | None, role: Role, options: Any) -> None:
        """Note who calls, and which model; the request itself is not touched."""
        for look in before_call:
            look()
        if scope is None:
            role, rollout = session.parts.at_work() or (role, None)
            scope = Scope(session, session.phase, role, rollout)
        asked = options.json_data
        self._outer = scope
        self._role = role
        self.attempt: Attempt | None = None if scope.evaluation is None else scope.evaluation.ask(asked)
        self.embedding = options.url.endswith("/embeddings")
        model = (asked if type(asked) is dict else fields_of(asked)).get("model")
        self.requested = name_in(model)
        self.model = self.requested
        self.served: tuple[str | None, str | None] = None, None
        self.usage: Usage | None = None
        self.told: dict[str, Any] | None = None
        self.retries = 0
        self.answers = 0 if self.embedding else 1
        self.open = True
        self.http: Any = None
        self.holder: weakref.finalize[Any, Any] | None = None
        self.seen = False

    def begin(self) -> Scope:
        """Start the clock."""
        scope = self.scope()
        self.started = time.perf_counter()
        return scope

    def scope(self) -> Scope:
        """Return the scope of what the SDK calls within itself; it is not kept here, as each would keep the other."""
        outer = self._outer
        return Scope(outer.session, outer.phase, self._role, outer.rollout, outer.evaluation, self, outer.source)

    def end(self, result: Any, error: BaseException | None) -> None:
        """Take what `request` gave."""
        if error is None:
            self.settle(result)
        else:
            self.finish(getattr(error, "completion", None) or body_of(self.http), error)

    def settle(self, result: Any) -> None:
        """Finish with a complete response; follow a stream, or a raw response that is still to be read."""
        shape = shape_of(type(result))  # type: ignore[arg-type]  # mypy: no type is Hashable
        if shape is None:
            self.finish(result)
        elif shape == "stream":
            self._follow(result)
        else:
            self._await_body(result)

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
            if self.attempt is not None:
                self._answer(self.attempt, whole)
        elif fields.get("message") is not None:
            self._read(anthropic_head(fields["message"]))
        elif fields.get("usage") is not None or not self.seen:
            self._read(fields)
            self.seen = True
        if self.attempt is not None and whole is None:
            self.attempt.add(delta_of(chunk))

    def _answer(self, attempt: Attempt, response: Any) -> None:
        """Tell the judge's evaluation what came, when it is complete."""
        if field(response, "status") not in _UNFINISHED:
            attempt.replies = replies_of(response)

    def _read(self, fields: dict[str, Any]) -> None:
        usage = fields.get("usage")
        if usage is not None:
            told = fields_of(usage)
            if self.told:  # Anthropic's streams tell the prompt first, and the answer's tokens as they grow
                told = {**self.told, **{name: count for name, count in told.items() if count is not None}}
            self.told = told
            self.usage = usage_in(told, embedding=self.embedding) or self.usage
        choices = fields.get("choices")
        if type(choices) is list and len(choices) > self.answers:
            self.answers = len(choices)
        self.model = name_in(fields.get("model")) or self.model
        self.served = served_in(fields, self.told, self.served)

    def finish(self, response: Any = None, error: BaseException | None = None) -> None:
        """Record the call; only the first time."""
        if not self.open:
            return
        self.open = False
        latency = time.perf_counter() - self.started
        kind = None if error is None else error_kind(error)
        self._learn(response, error)
        outer, attempt = self._outer, self.attempt
        rollout, evaluation = outer.rollout, outer.evaluation
        source = outer.source or (None if rollout is None else rollout.source)
        placed = source is not None or (rollout is not None and rollout.problem is not None)
        if not placed and attempt is not None and (source := self._place(attempt)) is not None:
            placed = True
        outer.session.record(
            Call(
                self._role,
                outer.split,
                source or UNKNOWN,
                self.requested,
                self.model,
                self.usage,
                kind,
                self.retries,
                latency,
                placed,
                (rollout and rollout.key) if evaluation is None else evaluation.rollout,
                evaluation and evaluation.key,
                attempt is not None and attempt.again,
                self.answers if kind is None else 0,
                *self.served,
            )
        )
        self.http = None

    @guarded
    def _place(self, attempt: Attempt) -> str | None:
        """Return the source of the item that a judge is asked about in a batch, if the request has its text."""
        source: str | None = self._outer.evaluation.source_of(attempt)
        return source

    @guarded
    def _learn(self, response: Any, error: BaseException | None) -> None:
        """Read a complete response; whatever is odd about it, the call is recorded."""
        if response is not None:
            response = as_chat(response)
            self._read(fields_of(response))
            if self.attempt is not None:
                self._answer(self.attempt, response)
        if self.attempt is not None and error is not None:
            said = self.attempt.replies[0] if self.attempt.replies else Reply()
            told = f"{type(error).__name__}: {error}"  # the error itself would keep the trainer's frames alive
            kind = said.failure or failure_kind(error)
            failure = None if kind == "other" and said.text.strip() else kind  # what does not validate is an answer
            self.attempt.replies = [said._replace(failure=failure, error=told)]


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
held = _held.data  # type: ignore[attr-defined]
"""The same by weak reference: whether there are any is asked in each call, which `len()` of a weak dict is slow for."""
_holding = survive_fork(threading.RLock())


def hold(response: Any, call: OpenCall) -> None:
    """Finish `call` when `response` is closed or, at the latest, gone.

    A raw response that has been parsed as a stream may go before the stream does: the last one to be held decides.
    """
    with _holding:
        _held[response] = call
    if call.holder is not None:
        call.holder.detach()
    call.holder = weakref.finalize(response, _abandon, call)
    call.holder.atexit = False


@guarded
def _abandon(call: OpenCall) -> None:
    call.finish()


@guarded
def finish_held(session: Session) -> None:
    """Finish the calls whose stream nobody has finished: the session is about to make its last payload."""
    with _holding:
        calls = [call for call in _held.values() if call._outer.session is session]
    for call in calls:
        call.finish()


@guarded
def held_call(response: Any) -> OpenCall | None:
    """Return the call whose stream or unread response this is, `None` for any other object."""
    return _held.get(response) if held else None
