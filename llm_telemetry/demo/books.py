"""The server's books: what it was asked and what it served, to hold other counts against."""

from __future__ import annotations

import threading
from collections import Counter
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import TYPE_CHECKING, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llm_telemetry.demo.faults import Form, Kind

Role = Literal["executor", "judge"]
Outcome = Literal["correct", "incorrect", "parse_failure", "api_failure"]


class Price(NamedTuple):
    """USD per million tokens."""

    prompt: Decimal
    cached: Decimal
    completion: Decimal


PRICES = {
    "gpt-4o-mini": Price(Decimal("0.15"), Decimal("0.075"), Decimal("0.60")),
    "gpt-4.1-mini": Price(Decimal("0.40"), Decimal("0.10"), Decimal("1.60")),
}
_MILLION = Decimal(1_000_000)


class Tokens(NamedTuple):
    """Tokens told to the client; `cached` is part of `prompt`, `reasoning` of `completion`."""

    prompt: int = 0
    completion: int = 0
    cached: int = 0
    reasoning: int = 0


@dataclass(frozen=True)
class Entry:
    """One HTTP request and what came of it.

    Args:
        role: whose model was asked.
        kind: what was asked: a step of a workflow, a verdict, or the extraction of an answer.
        form: what the server did with it; `hung` is never answered, `refused` is an HTTP error.
        model: the model named in the request.
        source: the dataset of the problem in the prompt, `unknown` for a foreign one.
        split: `train` or `val` likewise, `unknown` for a foreign one.
        status: the HTTP status served, `None` when nothing was.
        retry: how often the SDK had tried this call before.
        tokens: the tokens told to the client; zeros when none were told.
        usage_sent: whether the client was told token counts.
        streamed: whether the answer was a stream.
        content: the text served, `None` when there was none.
        verdict: the verdict that the text tells, `None` when it tells none.
        finished: whether the whole answer left the server while the client was there.
        evaluation: the same for all requests of one evaluation, or of one call if it is not the judge's.
        call: the number of this call within the evaluation, from 0.
        refusal: whether the answer was told to be a refusal.

    """

    role: Role
    kind: Kind
    form: Form
    model: str
    source: str
    split: str
    status: int | None
    retry: int
    tokens: Tokens
    usage_sent: bool
    streamed: bool
    content: str | None
    verdict: bool | None
    finished: bool
    evaluation: str
    call: int
    refusal: bool = False

    @property
    def usd(self) -> Decimal:
        """Return what the told tokens cost; 0 for a model without a price here."""
        price = PRICES.get(self.model)
        if price is None:
            return Decimal(0)
        fresh = self.tokens.prompt - self.tokens.cached
        spent = fresh * price.prompt + self.tokens.cached * price.cached
        return (spent + self.tokens.completion * price.completion) / _MILLION


class Evaluation(NamedTuple):
    """One evaluation of the judge, as its last answer has it."""

    source: str
    split: str
    outcome: Outcome
    form: Form
    """`foreign` is an answer with a verdict that the demo's trainer cannot read: it takes it for wrong."""
    failure: str | None
    """Why there is no verdict."""
    calls: int
    """How often it asked, the SDK's own retries left out."""


class Books:
    """All entries, in order of arrival; safe to use from many threads.

    The summing methods take the fields to select by, such as `role="judge"`, `split="val"`, `source="math"`.
    """

    def __init__(self) -> None:
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

    def entries(self, **fields: object) -> list[Entry]:
        """Return a copy of the entries whose fields have these values."""
        with self._lock:
            copy = list(self._entries)
        return [entry for entry in copy if all(getattr(entry, k) == v for k, v in fields.items())]

    def tokens(self, **fields: object) -> Tokens:
        """Return the sums of all tokens told."""
        return Tokens(*map(sum, zip(*(entry.tokens for entry in self.entries(**fields)), strict=True)))

    def usd(self, **fields: object) -> Decimal:
        """Return what all tokens told cost, in USD."""
        return sum((entry.usd for entry in self.entries(**fields)), Decimal(0))

    def calls(self, **fields: object) -> int:
        """Return the number of calls, the SDK's own retries left out."""
        return len(self.entries(retry=0, **fields))

    def retries(self, **fields: object) -> int:
        """Return the number of requests that were the SDK's own retries."""
        return sum(entry.retry > 0 for entry in self.entries(**fields))

    def no_usage(self, **fields: object) -> int:
        """Return the number of calls that were answered without token counts."""
        return sum(not entry.usage_sent for entry in self.entries(status=200, finished=True, **fields))

    def errors(self, **fields: object) -> Counter[str]:
        """Return how many calls failed in the end, by kind: `rate_limit`, `server`, `cancelled`."""
        calls: dict[tuple[str, int], Entry] = {}
        for entry in self.entries(**fields):
            calls[entry.evaluation, entry.call] = entry
        kinds = (_error_kind(entry) for entry in calls.values())
        return Counter(kind for kind in kinds if kind is not None)

    def evaluations(self, **fields: object) -> list[Evaluation]:
        """Return the judge's evaluations: each is told by the last answer that it got."""
        last = {entry.evaluation: entry for entry in self.entries(kind="verdict", **fields)}
        return [
            Evaluation(e.source, e.split, _outcome(e), e.form, _failure(e) if e.verdict is None else None, e.call + 1)
            for e in last.values()
        ]

    def outcomes(self, **fields: object) -> Counter[Outcome]:
        """Return how many evaluations came out how, by what the judge's texts say."""
        return Counter(evaluation.outcome for evaluation in self.evaluations(**fields))

    def __iter__(self) -> Iterator[Entry]:
        """Iterate over a copy of the entries."""
        return iter(self.entries())

    def __len__(self) -> int:
        """Return the number of HTTP requests so far."""
        return len(self._entries)


def _error_kind(entry: Entry) -> str | None:
    """Name the way in which a call failed whose last request this was."""
    if entry.form == "hung":
        return "cancelled"
    if entry.form == "refused":
        return "rate_limit" if entry.status == 429 else "server"  # noqa: PLR2004 - an HTTP status
    return None


def _outcome(entry: Entry) -> Outcome:
    """Name the outcome of an evaluation whose last request this was."""
    if entry.form in ("refused", "empty"):
        return "api_failure"
    if entry.verdict is None:
        return "parse_failure"
    return "correct" if entry.verdict else "incorrect"


def _failure(entry: Entry) -> str:
    """Name the cause of an evaluation without a verdict whose last request this was."""
    kind = _error_kind(entry)
    if kind is not None:
        return kind
    if entry.form == "empty":
        return "refusal" if entry.refusal else "empty"
    if "<think>" in (entry.content or ""):
        return "unclosed_think"
    return "truncated" if entry.form == "truncated" else "no_verdict"
