"""Whether the judge is well: rates over its latest evaluations held against limits, and what the likely cause is.

Nothing here remembers anything: functions from a window of evaluations to what is wrong with it. No prompt, answer
or error text gets into a window, so none can get out of it.
"""

from __future__ import annotations

import math
from collections import Counter, deque
from typing import TYPE_CHECKING, NamedTuple

from llm_telemetry.events import FAILED

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from llm_telemetry.events import Evaluation
    from llm_telemetry.settings.limits import Limits

NEARLY_ALL = 0.9
"""The share of the failures from which on a source or a judge is named."""
FEW = 5
"""With fewer failures nobody stands out."""
_API, _PARSE, _DISAGREEMENT, _VERDICT = "api_failure", "parse_failure", "disagreement", "verdict"
_REPEATED, _NOW_RIGHT, _NOW_WRONG = "repeated", "now correct", "now incorrect"
_REFUSED, _ACCEPTED = "refused", "accepted"
"""Verdicts that are held against what is known beforehand: the verdict before, or that an answer is none."""
_BY_CAUSE = frozenset({_DISAGREEMENT, _NOW_RIGHT, _NOW_WRONG, _ACCEPTED})
"""Faults of evaluations that have a verdict; what has failed comes first."""


_BINARY = ("correct", "incorrect")


class Seen(NamedTuple):
    """What a window keeps of one evaluation."""

    outcome: str
    """`verdict`, `disagreement` (a verdict that the judge function returned otherwise), or the kind of failure."""
    kind: str
    """Why it failed; where that is not known, the outcome."""
    source: str
    judge: str


class Latest:
    """The latest of what was seen, and how many of them came to what: counted as they come and go, not at each flush.

    Args:
        most: How many it keeps, at least 1.
    """

    def __init__(self, most: int) -> None:
        self.seen: deque[Seen] = deque(maxlen=most)
        self.counts: Counter[str] = Counter()

    def add(self, seen: Seen) -> None:
        """Take one more; the first goes where there is no room."""
        latest, counts = self.seen, self.counts
        if len(latest) == latest.maxlen:
            counts[latest[0].outcome] -= 1
        latest.append(seen)
        counts[seen.outcome] += 1

    def clear(self) -> None:
        """Forget all of them."""
        self.seen.clear()
        self.counts.clear()


class Rate(NamedTuple):
    """A rate that has a limit, as it is in a window."""

    limit: str
    """Its name, as that of the field of `Limits`."""
    words: str
    """Its name for people."""
    part: int
    whole: int
    faults: tuple[str, ...]
    """The outcomes to look at when it is beyond its limit."""
    least: int = 0
    """Over fewer it says nothing, where that is not the usual minimum."""
    deviations: bool = False
    """It is told in standard deviations of a fair coin: `part` is by how many one side is ahead."""

    @property
    def value(self) -> float:
        """What is held against the limit; there must be something to divide by."""
        return self.part / (math.sqrt(self.whole) if self.deviations else self.whole)

    def is_beyond(self, limits: Limits) -> bool:
        """Tell whether it is beyond its limit, over at least the minimum of evaluations."""
        limit = getattr(limits, self.limit)
        if limit is None or self.whole < min(self.least or limits.minimum, limits.window):
            return False
        value = self.value
        return bool(value < limit if self.limit == "success_rate" else value > limit)


class Cause(NamedTuple):
    """Why evaluations fail."""

    name: str
    kinds: tuple[str, ...]
    """The kinds of failure that it shows as."""
    advice: str
    """What that means, and what to do."""


UNKNOWN = Cause(
    "no usable answers",
    ("other", "api_failure"),
    "What the calls ended with is in llm/judge/errors/… of the payloads.",
)
READ_DIFFERENTLY = Cause(
    "verdicts read differently",
    (_DISAGREEMENT,),
    "Your trainer reads another verdict than the judge's text says, so those rewards are wrong: compare the judge's "
    "answers with what your parser makes of them.",
)
CONTRADICTS_ITSELF = Cause(
    "judge contradicts itself",
    (_NOW_RIGHT, _NOW_WRONG),
    "The judge gives another verdict on an answer that it has judged before: has its model or its prompt changed, is "
    "its temperature high? Try temperature 0, a stronger model, or a majority of several samples.",
)
ACCEPTS_ANYTHING = Cause(
    "judge accepts what is no answer",
    (_ACCEPTED,),
    "Answers without content are rewarded, and training will find them: let your code refuse them before the judge is "
    "asked, or show the judge the reference and ask for a strict comparison.",
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
_CAUSES_BY_KIND = {
    kind: cause for cause in (*CAUSES, READ_DIFFERENTLY, CONTRADICTS_ITSELF, ACCEPTS_ANYTHING) for kind in cause.kinds
}


def see(evaluation: Evaluation, source: str) -> Seen:
    """Return what a window keeps of an evaluation of `source`, as it stands in keys."""
    outcome = evaluation.outcome
    if outcome in FAILED:
        return Seen(outcome, evaluation.failure or outcome, source, evaluation.judge)
    told = _DISAGREEMENT if evaluation.disagreed else _VERDICT
    return Seen(told, told, source, evaluation.judge)


def see_anchors(evaluation: Evaluation, source: str, agrees: bool | None) -> Iterator[Seen]:
    """Yield what a window keeps of a verdict that can be held against something.

    Args:
        evaluation: The verdict.
        source: Its source, as it stands in keys.
        agrees: It is the verdict that the same answer got before; `None` where there is none before.
    """
    if agrees is not None:
        changed = _NOW_RIGHT if evaluation.outcome == "correct" else _NOW_WRONG
        outcome = _REPEATED if agrees else changed
        yield Seen(outcome, outcome, source, evaluation.judge)
    if evaluation.judged is not None and evaluation.judged.degenerate and evaluation.outcome in _BINARY:
        outcome = _ACCEPTED if evaluation.outcome == "correct" else _REFUSED
        yield Seen(outcome, outcome, source, evaluation.judge)


def rates_of(window: Latest, anchors: Latest) -> list[Rate]:
    """Return every rate that has a limit, of what was seen at all."""
    return [*(_by_outcome(window) if window.seen else ()), *(_by_anchor(anchors) if anchors.seen else ())]


def _by_outcome(window: Latest) -> list[Rate]:
    """Return what came of the latest evaluations.

    Disagreement is that of verdicts: what has none can contradict nothing, and would make the rate look small.
    """
    counts, whole = window.counts, len(window.seen)
    verdicts = counts[_VERDICT] + counts[_DISAGREEMENT]
    return [
        Rate("success_rate", "success", verdicts, whole, (_API, _PARSE)),
        Rate("api_failure_rate", "API failures", counts[_API], whole, (_API,)),
        Rate("parse_failure_rate", "parse failures", counts[_PARSE], whole, (_PARSE,)),
        Rate("disagreement_rate", "disagreement", counts[_DISAGREEMENT], verdicts, (_DISAGREEMENT,)),
    ]


def _by_anchor(anchors: Latest) -> list[Rate]:
    """Return what the latest verdicts came to of which something was known beforehand."""
    known = anchors.counts
    changed = known[_NOW_RIGHT] + known[_NOW_WRONG]
    return [
        Rate(
            "inconsistent_rate",
            "verdicts that contradict an earlier one on the same answer",
            changed,
            changed + known[_REPEATED],
            (_NOW_RIGHT, _NOW_WRONG),
            least=50,
        ),
        Rate(
            "verdict_shift",
            "changed verdicts on the same answers that go one way",
            abs(known[_NOW_RIGHT] - known[_NOW_WRONG]),
            changed,
            (_NOW_RIGHT, _NOW_WRONG),
            least=20,
            deviations=True,
        ),
        Rate(
            "degenerate_accepted_rate",
            "answers without content that were accepted",
            known[_ACCEPTED],
            known[_ACCEPTED] + known[_REFUSED],
            (_ACCEPTED,),
            least=20,
        ),
    ]


def cases_of(window: Iterable[Seen], violated: Iterable[Rate]) -> list[Seen]:
    """Return the evaluations that violated rates are about: what failed; only else what disagreed."""
    faults = {fault for rate in violated for fault in rate.faults}
    faults = faults - _BY_CAUSE or faults
    return [seen for seen in window if seen.outcome in faults]


def likely_cause(cases: Iterable[Seen]) -> tuple[Cause, int]:
    """Return the cause that most of the cases speak for, and how many do; there must be a case."""
    return Counter(cause_of(seen.kind) for seen in cases).most_common(1)[0]


def cause_of(kind: str) -> Cause:
    """Return the cause that a kind of failure speaks for."""
    return _CAUSES_BY_KIND.get(kind, UNKNOWN)


def who_stands_out(window: Collection[Seen], cases: Collection[Seen]) -> Iterator[str]:
    """Yield a sentence for the source, and the judge, with nearly all cases; none that has nearly all evaluations."""
    for what in ("source", "judge"):
        name, count = Counter(getattr(seen, what) for seen in cases).most_common(1)[0]
        evaluations = sum(getattr(seen, what) == name for seen in window)
        if name and count >= max(FEW, NEARLY_ALL * len(cases)) and evaluations < NEARLY_ALL * len(window):
            of_cases = f"{count} of these {len(cases)} cases"
            yield f"The {what} {name} has {of_cases}, and {evaluations} of the {len(window)} evaluations."
