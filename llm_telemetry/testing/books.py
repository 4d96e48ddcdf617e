"""The server's books: what it was asked and what it served, to hold other counts against."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Literal, NamedTuple

from llm_telemetry.testing.exchange import Request, Tokens

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from llm_telemetry.testing.faults import Form

Outcome = Literal["correct", "incorrect", "parse_failure", "api_failure"]

_MILLION = Decimal(1_000_000)
_ERRORS = {429: "rate_limit", 408: "timeout", 401: "auth", 403: "auth"}  # by status; the rest by its first digit
_ERROR_FORMS: dict[Form, str] = {
    "hung": "cancelled",
    "stuck": "cancelled",
    "lost": "connection",
    "overloaded": "server",
    "garbled": "other",
}


class Price(NamedTuple):
    """USD per million tokens."""

    prompt: Decimal
    cached: Decimal
    completion: Decimal


@dataclass(frozen=True)
class Entry:
    """One HTTP request and what came of it.

    Args:
        request: what was asked.
        form: what the server did with it.
        status: the HTTP status served, `None` when nothing was.
        retry: how often the SDK had tried this call before.
        tokens: the tokens told to the client; zeros when none were told.
        usage_sent: whether the client was told token counts.
        content: the text served, `None` when there was none.
        verdict: the verdict that the text tells, `None` when it tells none.
        finished: whether the whole answer left the server while the client was there.
        question: the same for all requests of one question: the SDK's retries, and another call after an answer
            without content.
        call: the number of this call within the question, from 0.
        marks: what the server's `mark` says of the request.

    """

    request: Request
    form: Form
    status: int | None
    retry: int
    tokens: Tokens
    usage_sent: bool
    content: str | None
    verdict: bool | None
    finished: bool
    question: str
    call: int
    marks: Mapping[str, object]

    @property
    def model(self) -> str:
        """Return the model asked for."""
        return self.request.model

    @property
    def endpoint(self) -> str:
        """Return the endpoint asked."""
        return self.request.endpoint

    @property
    def streamed(self) -> bool:
        """Tell whether a stream was asked for."""
        return self.request.stream

    def has(self, name: str, value: object) -> bool:
        """Tell whether the mark of this name, else the field, has this value."""
        return (self.marks[name] if name in self.marks else getattr(self, name, None)) == value


class Evaluation(NamedTuple):
    """One question to a judge, as its last answer has it."""

    outcome: Outcome
    failure: str | None
    """Why there is no verdict."""
    calls: int
    """How often it was asked, the SDK's own retries left out."""
    last: Entry


class Books:
    """All entries, in order of arrival; safe to use from many threads.

    The summing methods take what to select by, marks and fields alike: `role="judge"`, `model="gpt-4.1-mini"`.

    Args:
        prices: by model, for `usd`.

    """

    def __init__(self, prices: Mapping[str, Price] | None = None) -> None:
        self._prices = dict(prices or {})
        self._lock = threading.Lock()
        self._entries: list[Entry] = []

    def add(self, entry: Entry) -> int:
        """Write one entry; return its number, for `lost`."""
        with self._lock:
            self._entries.append(entry)
            return len(self._entries) - 1

    def lost(self, number: int) -> None:
        """Correct an entry: the client had gone before the answer was out, so nothing was served."""
        with self._lock:
            self._entries[number] = replace(self._entries[number], tokens=Tokens(), usage_sent=False, finished=False)

    def entries(self, **selected: object) -> list[Entry]:
        """Return a copy of the entries that are selected."""
        with self._lock:
            copy = list(self._entries)
        return [entry for entry in copy if all(entry.has(name, value) for name, value in selected.items())]

    def tokens(self, **selected: object) -> Tokens:
        """Return the sums of all tokens told."""
        rows = [Tokens(), *(entry.tokens for entry in self.entries(**selected))]
        return Tokens(*map(sum, zip(*rows, strict=True)))

    def usd(self, **selected: object) -> Decimal:
        """Return what all tokens told cost, in USD; models without a price cost nothing here."""
        return sum((self._cost(entry) for entry in self.entries(**selected)), Decimal(0))

    def calls(self, **selected: object) -> int:
        """Return the number of calls, the SDK's own retries left out."""
        return len(self.entries(retry=0, **selected))

    def retries(self, **selected: object) -> int:
        """Return the number of requests that were the SDK's own retries."""
        return sum(entry.retry > 0 for entry in self.entries(**selected))

    def no_usage(self, **selected: object) -> int:
        """Return the number of calls that were answered without token counts."""
        answered = (entry for entry in self.entries(finished=True, **selected) if _error_kind(entry) is None)
        return sum(not entry.usage_sent for entry in answered)

    def errors(self, **selected: object) -> Counter[str]:
        """Return how many calls failed in the end, by kind, in the words of `llm/{role}/errors/{kind}`.

        A call that was never answered is `cancelled`: that its client has left because of a timeout is not seen here.
        """
        calls: dict[tuple[str, int], list[Entry]] = {}
        for entry in self.entries(**selected):
            of_question = calls.setdefault((entry.question, entry.call), [])
            if entry.retry and of_question:
                of_question[-1] = entry
            else:
                of_question.append(entry)
        kinds = (_error_kind(entry) for ends in calls.values() for entry in ends)
        return Counter(kind for kind in kinds if kind is not None)

    def evaluations(self, **selected: object) -> list[Evaluation]:
        """Return the questions that were asked, as evaluations of a judge: each is told by its last answer."""
        last = {entry.question: entry for entry in self.entries(**selected)}
        return [
            Evaluation(_outcome(entry), _failure(entry) if entry.verdict is None else None, entry.call + 1, entry)
            for entry in last.values()
        ]

    def outcomes(self, **selected: object) -> Counter[Outcome]:
        """Return how many evaluations came out how, by the verdicts that the replies tell."""
        return Counter(evaluation.outcome for evaluation in self.evaluations(**selected))

    def _cost(self, entry: Entry) -> Decimal:
        price = self._prices.get(entry.model)
        if price is None:
            return Decimal(0)
        fresh = entry.tokens.prompt - entry.tokens.cached
        spent = fresh * price.prompt + entry.tokens.cached * price.cached
        return (spent + entry.tokens.completion * price.completion) / _MILLION

    def __iter__(self) -> Iterator[Entry]:
        """Iterate over a copy of the entries."""
        return iter(self.entries())

    def __len__(self) -> int:
        """Return the number of HTTP requests so far."""
        return len(self._entries)


def _error_kind(entry: Entry) -> str | None:
    """Name the way in which a call failed whose last request this was."""
    if entry.form != "refused":
        return _ERROR_FORMS.get(entry.form)
    status = entry.status or 0
    return _ERRORS.get(status, "server" if status >= 500 else "bad_request")  # noqa: PLR2004 - an HTTP status


def _outcome(entry: Entry) -> Outcome:
    """Name the outcome of an evaluation whose last request this was."""
    if _error_kind(entry) is not None or entry.form in ("empty", "refusal"):
        return "api_failure"
    if entry.verdict is None:
        return "parse_failure"
    return "correct" if entry.verdict else "incorrect"


def _failure(entry: Entry) -> str:
    """Name the cause of an evaluation without a verdict whose last request this was."""
    kind = _error_kind(entry)
    if kind is not None:
        return kind
    if entry.form in ("empty", "refusal"):
        return entry.form
    if "<think>" in (entry.content or ""):
        return "unclosed_think"
    return "truncated" if entry.form == "truncated" else "no_verdict"
