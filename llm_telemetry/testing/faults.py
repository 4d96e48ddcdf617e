"""What goes wrong at the server, and how often; the script that one question will meet."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import TYPE_CHECKING, Literal, NamedTuple

from llm_telemetry.testing.draws import draw, pick

if TYPE_CHECKING:
    from llm_telemetry.testing.exchange import Reply

Form = Literal[
    "reply",  # what the model says
    "refused",  # an HTTP status that is an error
    "hung",  # no answer at all, until the client leaves
    "lost",  # the connection breaks in the middle of the body
    "stuck",  # the body stops in its middle, and nothing more comes
    "overloaded",  # a stream whose third event is an error; 529 where no stream was asked for
    "garbled",  # status 200, and a body that is no JSON
    "empty",  # no content
    "refusal",  # a refusal in place of content
    "truncated",  # the answer ends at the limit of tokens, before any verdict
    "unreadable",  # an answer without a verdict
]
MAX_RETRIES = 2  # the SDKs' default: one failure more and the call has failed
_SERVER_ERRORS = (500, 503)
_VAGUE = (
    "The candidate gives a value, the reference another notation; more context is needed to decide.",
    "I am unable to compare these two, as the problem leaves the unit open.",
)
_CUT_OFF = (
    "<think>The candidate writes a result. If the unit were the same this would be True, but first",
    "<think>Step by step. The reference may be rounded, and then the statement is False unless",
)


@dataclass(frozen=True)
class Faults:
    """How often each thing goes wrong; every field is a rate between 0 and 1, and 0 by default.

    Args:
        rate_limited: of the attempts of a call, answered 429, and then tried again by the SDK.
        server_error: of the attempts of a call, answered 500 or 503, and then tried again by the SDK.
        lost: of the attempts of a call, broken off in the middle of the body.
        exhausted: of the calls, refused so often that the SDK gives up.
        hung: of the calls, never answered.
        garbled: of the calls, answered with a body that is no JSON.
        empty: of the questions, answered first without content.
        refusal: of the questions, answered first with a refusal.
        empty_again: of both, answered so once more when they are asked again.
        truncated: of the questions, cut off; a judge in the middle of thinking.
        unreadable: of the questions, answered without any verdict.
        usage_missing: of the answers, without token counts.

    Raises:
        ValueError: a field is no rate.

    """

    rate_limited: float = 0.0
    server_error: float = 0.0
    lost: float = 0.0
    exhausted: float = 0.0
    hung: float = 0.0
    garbled: float = 0.0
    empty: float = 0.0
    refusal: float = 0.0
    empty_again: float = 0.0
    truncated: float = 0.0
    unreadable: float = 0.0
    usage_missing: float = 0.0

    def __post_init__(self) -> None:
        """Reject what is not a rate."""
        for field in fields(self):
            rate = getattr(self, field.name)
            if not 0 <= rate <= 1:
                raise ValueError(f"Faults.{field.name} is a rate between 0 and 1, not {rate!r}")


class Step(NamedTuple):
    """What the server does with one HTTP request of a script."""

    call: int
    """Which call of the script this is, from 0: a judge that gets an empty answer calls a second time."""
    attempt: int
    """How often the SDK has tried this call before, from 0."""
    form: Form
    status: int | None = 200
    """The HTTP status of the answer; `None` when none is given."""


def steps_of(faults: Faults, *key: object) -> tuple[Step, ...]:
    """Return all that a client will meet which asks one question, retries it, and asks again if it must.

    So what a client meets depends on `key`, not on what others do, nor on when it asks.
    """
    if draw(*key, "hung") < faults.hung:
        return tuple(Step(0, attempt, "hung", None) for attempt in range(MAX_RETRIES + 1))
    if draw(*key, "exhausted") < faults.exhausted:
        status = pick((429, *_SERVER_ERRORS), *key, "status")
        return tuple(Step(0, attempt, "refused", status) for attempt in range(MAX_RETRIES + 1))
    first = _first_form(faults, *key)
    steps = _call(0, first, faults, *key)
    if first in ("empty", "refusal"):
        again: Form = first if draw(*key, "again") < faults.empty_again else "reply"
        steps += _call(1, again, faults, *key)
    return steps


def planned(fault: int | Form) -> Step:
    """Return the step of a fault that was asked for by its name, or by its HTTP status."""
    if isinstance(fault, int):
        return Step(0, 0, "refused", fault) if fault != 200 else Step(0, 0, "reply")  # noqa: PLR2004 - an HTTP status
    return Step(0, 0, fault, None if fault == "hung" else 200)


def spoiled(reply: Reply, form: Form, *key: object) -> Reply:
    """Return what is left of a reply in this form."""
    if form not in ("empty", "refusal", "unreadable", "truncated"):
        return reply
    text, is_judge = reply.content or "", reply.verdict is not None
    reply = replace(reply, verdict=None, tool_calls=())
    if form == "empty":
        return replace(reply, content=pick(("", None), *key))
    if form == "refusal":
        return replace(reply, content=None, refusal="I can't help with that.")
    if form == "unreadable":
        return replace(reply, content=pick(_VAGUE, *key))
    return replace(reply, content=pick(_CUT_OFF, *key) if is_judge else text[: len(text) // 2], finish_reason="length")


def _first_form(faults: Faults, *key: object) -> Form:
    """Draw in what form a question is answered at first."""
    at = draw(*key, "form")
    forms: tuple[Form, ...] = ("garbled", "empty", "refusal", "truncated", "unreadable")
    for form in forms:
        rate = getattr(faults, form)
        if at < rate:
            return form
        at -= rate
    return "reply"


def _call(call: int, form: Form, faults: Faults, *key: object) -> tuple[Step, ...]:
    """Return the attempts of one call that is answered in the end."""
    failed: list[Step] = []
    while len(failed) < MAX_RETRIES:
        attempt = len(failed)
        at = draw(*key, call, "fault", attempt)
        if at < faults.rate_limited:
            failed.append(Step(call, attempt, "refused", 429))
        elif at < faults.rate_limited + faults.server_error:
            failed.append(Step(call, attempt, "refused", pick(_SERVER_ERRORS, *key, call, attempt)))
        elif at < faults.rate_limited + faults.server_error + faults.lost:
            failed.append(Step(call, attempt, "lost"))
        else:
            break
    return (*failed, Step(call, len(failed), form))
