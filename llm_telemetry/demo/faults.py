"""What goes wrong at the server, and how often; the script that one request will meet."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, NamedTuple

from llm_telemetry.demo.draws import draw, pick

Kind = Literal["workflow", "verdict", "extraction"]
Form = Literal["reply", "refused", "hung", "empty", "truncated", "prose", "foreign"]

_MAX_FAULTS_PASSED = 2  # the SDK's default max_retries: one more and the call fails


@dataclass(frozen=True)
class Faults:
    """How often each thing goes wrong; every field is a rate between 0 and 1.

    Args:
        rate_limited: of the attempts of a call, answered 429 and then tried again.
        server_error: of the attempts of a call, answered 500 or 503 and then tried again.
        exhausted: of the calls, refused so often that the SDK gives up.
        hung: of the executor's calls, never answered.
        empty: of the judge's evaluations, answered first without content.
        empty_again: of those, answered without content once more.
        truncated: of the judge's evaluations, cut off in the middle of thinking.
        prose: of the judge's evaluations, answered without any verdict.
        foreign: of the judge's evaluations, answered with a verdict in a form that the trainer cannot read.
        misjudged: of the judge's verdicts, wrong.
        usage_missing: of the answers, without token counts.

    """

    rate_limited: float = 0.05
    server_error: float = 0.02
    exhausted: float = 0.008
    hung: float = 0.003
    empty: float = 0.05
    empty_again: float = 0.25
    truncated: float = 0.015
    prose: float = 0.03
    foreign: float = 0.02
    misjudged: float = 0.01
    usage_missing: float = 0.004

    def __post_init__(self) -> None:
        """Reject what is not a rate."""
        for name, rate in vars(self).items():
            if not 0 <= rate <= 1:
                raise ValueError(f"Faults.{name} is a rate between 0 and 1, not {rate!r}")

    @classmethod
    def none(cls) -> Faults:
        """Return a server that never fails."""
        return cls(**dict.fromkeys(cls.__dataclass_fields__, 0.0))

    @classmethod
    def everything(cls) -> Faults:
        """Return a server on its worst day: each fault is common."""
        return cls(
            rate_limited=0.15,
            server_error=0.1,
            exhausted=0.05,
            hung=0.03,
            empty=0.15,
            empty_again=0.4,
            truncated=0.08,
            prose=0.1,
            foreign=0.08,
            misjudged=0.05,
            usage_missing=0.05,
        )


class Step(NamedTuple):
    """What the server does with one HTTP request of a script."""

    call: int
    """Which call of the script this is, from 0: a judge that gets an empty answer calls a second time."""
    attempt: int
    """How often the SDK has tried this call before, from 0."""
    form: Form
    status: int | None
    """The HTTP status of the answer; `None` when none is given."""


def script(kind: Kind, faults: Faults, *key: object) -> tuple[Step, ...]:
    """Return all that a client will meet which sends one request, retries it, and asks again if it must.

    The next identical request after the end of the script starts it from the beginning. So what a client
    meets does not depend on what others do, nor on when it asks.
    """
    if kind == "workflow" and draw(*key, "hung") < faults.hung:
        return (Step(0, 0, "hung", None),)
    if draw(*key, "exhausted") < faults.exhausted:
        status = pick((429, 500, 503), *key, "status")
        return tuple(Step(0, attempt, "refused", status) for attempt in range(_MAX_FAULTS_PASSED + 1))
    if kind != "verdict":
        return _call(0, "reply", faults, *key)
    first = _verdict_form(faults, *key)
    steps = _call(0, first, faults, *key, "first")
    if first == "empty":
        again: Form = "empty" if draw(*key, "again") < faults.empty_again else "reply"
        steps += _call(1, again, faults, *key, "second")
    return steps


def _verdict_form(faults: Faults, *key: object) -> Form:
    """Draw in what form the judge answers one evaluation at first."""
    at = draw(*key, "form")
    rates: tuple[tuple[Form, float], ...] = (
        ("empty", faults.empty),
        ("truncated", faults.truncated),
        ("prose", faults.prose),
        ("foreign", faults.foreign),
    )
    for form, rate in rates:
        if at < rate:
            return form
        at -= rate
    return "reply"


def _call(call: int, form: Form, faults: Faults, *key: object) -> tuple[Step, ...]:
    """Return the attempts of one call that is answered in the end."""
    refused: list[Step] = []
    while len(refused) < _MAX_FAULTS_PASSED:
        attempt = len(refused)
        at = draw(*key, call, "fault", attempt)
        if at < faults.rate_limited:
            refused.append(Step(call, attempt, "refused", 429))
        elif at < faults.rate_limited + faults.server_error:
            refused.append(Step(call, attempt, "refused", pick((500, 503), *key, call, attempt)))
        else:
            break
    return (*refused, Step(call, len(refused), form, 200))
