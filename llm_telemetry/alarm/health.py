"""Whether the judge is well: rates over its latest evaluations held against limits, and what the likely cause is.

Nothing here remembers anything: functions from a window of evaluations to what is wrong with it. No prompt, answer
or error text gets into a window, so none can get out of it.
"""

from __future__ import annotations

import operator
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from llm_telemetry.collectors.aggregates import ratio

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from llm_telemetry.settings.limits import Limits

NEARLY_ALL = 0.9
"""The share of the failures from which on a source or a judge is named."""

FEW = 5
"""With fewer failures nobody stands out."""


class Seen(NamedTuple):
    """What a window keeps of one evaluation."""

    failure: str | None
    """`api_failure`, `parse_failure`, or `None` for a verdict."""
    kind: str | None
    """The kind of failure; where that is not known, the `failure`."""
    disagreed: bool
    """The judge's text says one thing, the judge function returned another."""
    source: str
    judge: str


class Condition(NamedTuple):
    """One rate that has a limit."""

    limit: str
    """Its name, as that of the field of `Limits`."""
    words: str
    """Its name for people."""
    counts: Callable[[Seen], bool]
    """Whether an evaluation is in the numerator."""
    blames: Callable[[Seen], bool]
    """Whether an evaluation is one of those that the condition is about."""
    among: Callable[[Seen], bool]
    """Whether an evaluation is in the denominator."""
    exceeds: Callable[[float, float], bool]
    """Whether a rate is beyond a limit."""


class Rate(NamedTuple):
    """What a condition has come to in a window."""

    condition: Condition
    part: int
    whole: int

    @property
    def value(self) -> float | None:
        """The rate, 0 to 1; `None` over nothing."""
        return ratio(self.part, self.whole)


class Checkup(NamedTuple):
    """What a window has come to."""

    window: Sequence[Seen]
    rates: Sequence[Rate]
    violated: Sequence[Rate]
    """Those of the rates that are beyond their limits."""

    @property
    def conditions(self) -> list[str]:
        """The names of the limits that are violated."""
        return [rate.condition.limit for rate in self.violated]

    @property
    def failures(self) -> list[Seen]:
        """The evaluations that the violations are about: what failed; only else what disagreed."""
        about = [rate.condition.blames for rate in self.violated if rate.condition is not _DISAGREEMENT]
        about = about or [rate.condition.blames for rate in self.violated]
        return [seen for seen in self.window if any(blames(seen) for blames in about)]


class Cause(NamedTuple):
    """Why evaluations fail."""

    name: str
    kinds: tuple[str, ...]
    """The kinds of failure that it shows as."""
    advice: str
    """What that means, and what to do."""


class Suspect(NamedTuple):
    """The likely cause, and how many of the failures speak for it."""

    cause: Cause
    failures: int
    among: int
    """All failures."""


class Focus(NamedTuple):
    """A source or a judge that has nearly all of the failures."""

    what: str
    """`source` or `judge`."""
    name: str
    failures: int
    among: int
    """All failures."""
    evaluations: int
    """Of this source or judge."""


def _is_any(_: Seen) -> bool:
    return True


def _is_verdict(seen: Seen) -> bool:
    return seen.failure is None


def _is_failure(seen: Seen) -> bool:
    return seen.failure is not None


def _is_api_failure(seen: Seen) -> bool:
    return seen.failure == "api_failure"


def _is_parse_failure(seen: Seen) -> bool:
    return seen.failure == "parse_failure"


def _is_disagreement(seen: Seen) -> bool:
    return seen.disagreed and seen.failure is None


# Among verdicts: what has none can contradict nothing, and would make the rate look small.
_DISAGREEMENT = Condition(
    "disagreement_rate", "disagreement", _is_disagreement, _is_disagreement, _is_verdict, operator.gt
)
CONDITIONS = (
    Condition("success_rate", "success", _is_verdict, _is_failure, _is_any, operator.lt),
    Condition("api_failure_rate", "API failures", _is_api_failure, _is_api_failure, _is_any, operator.gt),
    Condition("parse_failure_rate", "parse failures", _is_parse_failure, _is_parse_failure, _is_any, operator.gt),
    _DISAGREEMENT,
)

UNKNOWN = Cause(
    "no usable answers",
    ("other", "api_failure"),
    "What the calls ended with is in llm/judge/errors/… of the payloads.",
)
READ_DIFFERENTLY = Cause(
    "verdicts read differently",
    (),
    "Your trainer reads another verdict than the judge's text says, so those rewards are wrong: compare the judge's "
    "answers with what your parser makes of them.",
)
CAUSES = (
    Cause(
        "rate limit",
        ("rate_limit",),
        "The judge's API refuses calls that come too fast: make fewer at once, or ask for a higher quota.",
    ),
    Cause(
        "endpoint down or overloaded",
        ("timeout", "connection", "server"),
        "Look whether the judge's endpoint is up and keeps pace, and whether the client's timeout is long enough.",
    ),
    Cause("key refused", ("auth",), "Check the API key of the judge's client, its permissions and its credit."),
    Cause(
        "request refused",
        ("bad_request",),
        "The API does not accept the request: check the model's name, its parameters, and the length of the prompt.",
    ),
    Cause(
        "calls cancelled",
        ("cancelled",),
        "Something gives up before the judge has answered: check the time limits around it.",
    ),
    Cause(
        "empty answers",
        ("empty",),
        "A reasoning judge may spend all of max_tokens on thinking, or a server gives up: raise max_tokens, or let it "
        "think less.",
    ),
    Cause(
        "judge refuses",
        ("refusal", "content_filter"),
        "The judge's model, or its provider's filter, declines to answer: look at what it is shown, or take another.",
    ),
    Cause(
        "max_tokens too small",
        ("truncated", "unclosed_think"),
        "The judge's answers end before their verdict: raise max_tokens, or ask for the verdict first.",
    ),
    Cause(
        "prompt format",
        ("no_verdict", "ambiguous", "parse_failure"),
        "The judge's answers have no verdict that can be read: make the prompt ask for one fixed form, or give "
        "judge_parser.",
    ),
    UNKNOWN,
)
_CAUSES_BY_KIND = {kind: cause for cause in CAUSES for kind in cause.kinds}


def examine(window: Iterable[Seen], limits: Limits) -> Checkup:
    """Count every condition in `window`, and hold it against its limit."""
    seen = tuple(window)
    rates = [Rate(one, sum(map(one.counts, seen)), sum(map(one.among, seen))) for one in CONDITIONS]
    return Checkup(seen, rates, violations(rates, limits))


def violations(rates: Iterable[Rate], limits: Limits) -> list[Rate]:
    """Return the rates that are beyond their limits, over at least the minimum of evaluations."""
    return [rate for rate in rates if _is_beyond(rate, getattr(limits, rate.condition.limit), limits.minimum)]


def _is_beyond(rate: Rate, limit: float | None, minimum: int) -> bool:
    value = rate.value
    if limit is None or value is None or rate.whole < minimum:
        return False
    return rate.condition.exceeds(value, limit)


def likely_cause(failures: Sequence[Seen]) -> Suspect | None:
    """Return the cause that most of the failures speak for; `None` without failures."""
    causes = Counter(map(_cause_of, failures)).most_common(1)
    return next((Suspect(cause, count, len(failures)) for cause, count in causes), None)


def _cause_of(seen: Seen) -> Cause:
    return READ_DIFFERENTLY if seen.kind is None else cause_of(seen.kind)


def cause_of(kind: str) -> Cause:
    """Return the cause that a kind of failure speaks for."""
    return _CAUSES_BY_KIND.get(kind, UNKNOWN)


def focus_of(judge: Checkup) -> list[Focus]:
    """Return the source and the judge with nearly all of the failures; none that has nearly all evaluations anyway."""
    found = []
    for what in ("source", "judge"):
        names = Counter(getattr(seen, what) for seen in judge.failures)
        evaluations = Counter(getattr(seen, what) for seen in judge.window)
        for name, count in names.most_common(1):
            focus = Focus(what, name, count, names.total(), evaluations[name])
            if name and _stands_out(focus, len(judge.window)):
                found.append(focus)
    return found


def _stands_out(focus: Focus, evaluations: int) -> bool:
    has_most = focus.failures >= max(FEW, NEARLY_ALL * focus.among)
    return has_most and focus.evaluations < NEARLY_ALL * evaluations
