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
    usage_in,
)
from llm_telemetry.clients.shapes import shape_of
from llm_telemetry.clients.taps import Tap
from llm_telemetry.clients.translations import as_chat
from llm_telemetry.clients.unheard import before_call
from llm_telemetry.events import Call, Role, Usage
from llm_telemetry.guard import guarded, survive_fork
from llm_telemetry.hooks.scopes import Scope, session_of
from llm_telemetry.judging.attempts import Reply
from llm_telemetry.sources import UNKNOWN

if TYPE_CHECKING:
    from llm_telemetry.judging.attempts import Attempt
    from llm_telemetry.session.session import Session

_UNFINISHED = ("queued", "in_progress")
_TOLD = ("usage", "service_tier", "choices", "model", "system_fingerprint")
"""What is read of a response."""
made = tuple.__new__
"""Makes a record of its fields without the frame of Python that a `NamedTuple` runs: three are made for every call."""


def outside() -> Scope | None:
    """Return the scope of a call that is made outside of all scopes; `None` where nobody is watched."""
    session = session_of(None)
    if session is None:
        return None
    role, rollout = session.parts.at_work() or ("other", None)
    return Scope(session, session.phase, role, rollout)


class OpenCall:
    """One request until its response is complete; `finish` happens once, whatever comes first."""

    # fmt: off
    __slots__ = (
        "_outer", "_role", "answers", "attempt", "embedding", "holder", "model", "open", "requested", "retries",
        "seen", "served", "spent", "started", "told", "usage",
    )
    # fmt: on

    def __init__(self, scope: Scope, role: Role, endpoint: str, asked: Any) -> None:
        """Note who calls, and which model, and start the clock; the request itself is not touched.

        Args:
            scope: Where it is made.
            role: Whose it is.
            endpoint: See `endpoint_of`.
            asked: The request's body.
        """
        for look in before_call:
            look()
        self._outer = scope
        self._role = role
        self.attempt: Attempt | None = None if scope.evaluation is None else scope.evaluation.ask(asked)
        self.embedding = endpoint == "/embeddings"
        model = (asked if type(asked) is dict else fields_of(asked)).get("model")
        self.requested = self.model = name_in(model)
        self.served: tuple[str | None, str | None] = None, None
        self.usage: Usage | None = None
        self.told: dict[str, Any] | None = None
        self.spent: Any = None
        """The HTTP response that the SDK could not parse: its tokens are spent."""
        self.holder: weakref.finalize[Any, Any] | None = None
        self.retries = 0
        self.answers = 0 if self.embedding else 1
        self.open = True
        self.seen = False
        self.started = time.perf_counter()

    def begin(self) -> Scope:
        """Start the clock anew: a coroutine begins when it runs, not when it is made."""
        self.started = time.perf_counter()
        return self.scope()

    def scope(self) -> Scope:
        """Return the scope of what the SDK calls within itself; it is not kept here, as each would keep the other."""
        session, phase, _, rollout, evaluation, _, source, _ = self._outer
        return made(Scope, (session, phase, self._role, rollout, evaluation, self, source, None))

    def end(self, result: Any, error: BaseException | None) -> None:
        """Take what `request` gave."""
        if error is None:
            self.settle(result)
        else:
            self.finish(getattr(error, "completion", None) or body_of(self.spent), error)

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
        usage, tier, choices, model, build = map(fields.get, _TOLD)
        if usage is not None:
            told = fields_of(usage)
            if self.told:  # Anthropic's streams tell the prompt first, and the answer's tokens as they grow
                told = {**self.told, **{name: count for name, count in told.items() if count is not None}}
            self.told = told
            self.usage = usage_in(told, embedding=self.embedding) or self.usage
            tier = tier or told.get("service_tier")  # Anthropic's is here
        if type(choices) is list and len(choices) > self.answers:
            self.answers = len(choices)
        if model is not None and model != self.model:
            self.model = name_in(model) or self.model
        if build is not None or tier is not None:
            self.served = name_in(build) or self.served[0], name_in(tier) or self.served[1]

    def finish(self, response: Any = None, error: BaseException | None = None) -> None:
        """Record the call, whatever is odd about its response; only the first time."""
        if not self.open:
            return
        self.open = False
        latency = time.perf_counter() - self.started
        try:
            if type(response) is dict:
                response = as_chat(response)
            if response is not None:
                self._read(fields_of(response))
            if self.attempt is not None:
                self._end_attempt(self.attempt, response, error)
        finally:
            self._record(latency, None if error is None else error_kind(error))

    def _record(self, latency: float, error: str | None) -> None:
        session, phase, _, rollout, evaluation, _, source, _ = self._outer
        attempt, again, key = self.attempt, False, None
        if rollout is not None:
            source, key = source or rollout.source, rollout.key
        placed = source is not None or (rollout is not None and rollout.problem is not None)
        if evaluation is not None:
            key = evaluation.rollout
        if attempt is not None:
            again = attempt.again
            if not placed:
                source = self._place(attempt)
                placed = source is not None
        session.record(
            made(
                Call,
                (
                    self._role,
                    "train" if phase is None else phase.split,
                    source or UNKNOWN,
                    self.requested,
                    self.model,
                    self.usage,
                    error,
                    self.retries,
                    latency,
                    placed,
                    key,
                    evaluation and evaluation.key,
                    again,
                    self.answers if error is None else 0,
                    *self.served,
                ),
            )
        )

    @guarded
    def _place(self, attempt: Attempt) -> str | None:
        """Return the source of the item that a judge is asked about in a batch, if the request has its text."""
        source: str | None = self._outer.evaluation.source_of(attempt)
        return source

    def _end_attempt(self, attempt: Attempt, response: Any, error: BaseException | None) -> None:
        """Tell the judge's evaluation what came at the end."""
        if response is not None:
            self._answer(attempt, response)
            attempt.elsewhere = not attempt.replies
        if error is not None:
            said = attempt.replies[0] if attempt.replies else Reply()
            told = f"{type(error).__name__}: {error}"  # the error itself would keep the trainer's frames alive
            kind = said.failure or failure_kind(error)
            failure = None if kind == "other" and said.text.strip() else kind  # what does not validate is an answer
            attempt.replies = [said._replace(failure=failure, error=told)]


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
