"""Decides what one request is answered: follows the faults that were planned or drawn, and writes the books."""

from __future__ import annotations

import threading
from collections import deque
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

from llm_telemetry.testing.books import Books, Entry
from llm_telemetry.testing.draws import draw
from llm_telemetry.testing.exchange import Reply, Request, Tokens, count
from llm_telemetry.testing.faults import MAX_RETRIES, Faults, Form, Step, planned, spoiled, steps_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from llm_telemetry.testing.books import Price

    Answering = str | Reply | Callable[[Request], str | Reply]
    Failing = Faults | Callable[[Request], Faults]
    Marking = Callable[[Request], Mapping[str, object]]

_KEEPS_THE_SCRIPT = ("refused", "hung", "lost", "stuck", "overloaded")  # planned ones that are no answer to a question
_GOES_ON = ("refused", "hung")  # at the end of a script: until the SDK gives up


class Answer(NamedTuple):
    """What the server sends back."""

    request: Request
    step: Step
    reply: Reply
    tokens: Tokens | None
    """`None` where none are told."""
    number: int
    """Of the entry in the books."""


class _Place(NamedTuple):
    """How far a question has come that is asked again and again."""

    turn: int = 0
    left: tuple[Step, ...] = ()
    """What is still to come of its script; empty before its first request, and after its last."""
    failed: int = 0
    """How many planned faults were met in turn: the next request is a retry, or else a new question."""


class Script:
    """Answers requests; the same seed, faults and requests give the same answers in any order.

    Args:
        answer: what the model says, or a function of the request that gives it.
        faults: what goes wrong, or a function of the request that gives it.
        mark: what the books are to know of a request besides.
        prices: for the books.
        seed: of all that is drawn.

    """

    def __init__(
        self, answer: Answering, faults: Failing, mark: Marking, prices: Mapping[str, Price], seed: int
    ) -> None:
        self.answer = answer
        self.faults = faults
        self.mark = mark
        self.books = Books(prices)
        self._seed = seed
        self._lock = threading.Lock()
        self._number = 0
        self._places: dict[str, _Place] = {}
        self._plan: deque[int | Form] = deque()

    def fail_next(self, *faults: int | Form) -> None:
        """Let the next requests meet these, one each: an HTTP status, or the name of a fault (see `Form`)."""
        with self._lock:
            self._plan.extend(faults)

    def decide(self, request: Request) -> Answer:
        """Decide the answer to one request, and write it into the books as served.

        Raises what the functions raise that were given.
        """
        faults = self.faults(request) if callable(self.faults) else self.faults
        request, step, turn = self._next_step(request, faults)
        key = (self._seed, request.key, request.turn, step.call)
        reply = Reply(None) if step.form in ("refused", "hung") else spoiled(self._said(request), step.form, *key)
        whole = step.form in ("reply", "empty", "refusal", "truncated", "unreadable")
        told = whole and request.wants_usage and draw(*key, "usage") >= faults.usage_missing
        tokens = count(request, reply) if told else None
        entry = Entry(
            request=request,
            form=step.form,
            status=step.status,
            retry=request.retry or 0,
            tokens=tokens or Tokens(),
            usage_sent=told,
            content=reply.content,
            verdict=reply.verdict if whole else None,
            finished=whole or step.form in ("refused", "garbled"),
            question=f"{request.key}:{turn}",
            call=step.call,
            marks=self.mark(request),
        )
        return Answer(request, step, reply, tokens, self.books.add(entry))

    def _said(self, request: Request) -> Reply:
        """Let the scripted model speak."""
        said = self.answer(request) if callable(self.answer) else self.answer
        return Reply(said) if isinstance(said, str) else said

    def _next_step(self, request: Request, faults: Faults) -> tuple[Request, Step, int]:
        """Take the next step of a request's script, or of the plan; return the request numbered, and its real turn."""
        with self._lock:
            turn, left, failed = self._places.get(request.key, _Place())
            if _is_new(request, left, failed):
                turn, left, failed = turn + 1, (), 0
            variant = 0 if request.repeatable else turn
            left = left or steps_of(faults, self._seed, request.key, variant)
            step, left = left[0], left[1:]
            if not left and step.form in _GOES_ON and request.retry is not None:
                left = (step,)  # an SDK may retry more often than by default
            retry = step.attempt + failed if request.retry is None else request.retry
            if self._plan:
                fault = planned(self._plan.popleft())
                left = _after(fault, step, left)
                step = fault._replace(call=step.call)
                failed = failed + 1 if fault.form in _KEEPS_THE_SCRIPT else 0
            else:
                failed = 0
            self._places[request.key] = _Place(turn if left else turn + 1, left, failed)
            request = replace(request, number=self._number, retry=retry, turn=variant, call=step.call)
            self._number += 1
        return request, step, turn


def _is_new(request: Request, left: tuple[Step, ...], failed: int) -> bool:
    """Tell whether a request begins a question, though the one before has not come to its end."""
    if request.retry is not None:
        return request.retry == 0 and (failed > 0 or (bool(left) and left[0].attempt > 0))
    return failed > (MAX_RETRIES if request.is_sdk else 0)


def _after(fault: Step, step: Step, left: tuple[Step, ...]) -> tuple[Step, ...]:
    """Return what is still to come of a script whose `step` a planned fault has taken the place of."""
    if fault.form in _KEEPS_THE_SCRIPT:
        return (step, *left)
    return (Step(step.call + 1, 0, "reply"),) if fault.form in ("empty", "refusal") and step.call == 0 else ()
