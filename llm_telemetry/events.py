"""The frozen records that travel from hooks to collectors to sinks. Unknown is `None`, never 0."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

Role = Literal["executor", "judge", "policy", "other"]
Split = Literal["train", "val"]
Outcome = Literal["correct", "incorrect", "score", "parse_failure", "api_failure"]

ROLES: tuple[Role, ...] = ("executor", "judge", "policy", "other")
SPLITS: tuple[Split, ...] = ("train", "val")
STEP_KEY = "llm_telemetry/step"


class Usage(NamedTuple):
    """Tokens that the API reported for one call; each field is `None` where it reported none."""

    prompt: int | None = None
    completion: int | None = None
    cached: int | None = None
    """Prompt tokens that were read from the provider's cache; part of `prompt`."""
    reasoning: int | None = None
    """Completion tokens spent on hidden reasoning; part of `completion`."""
    cache_write: int | None = None
    """Prompt tokens that were written to the provider's cache; part of `prompt`."""


class Call(NamedTuple):
    """One request of an LLM client, with the client's own retries inside."""

    role: Role
    split: Split
    source: str
    requested_model: str | None
    """The model named in the request."""
    model: str | None
    """The model named in the response, else the requested one."""
    usage: Usage | None
    """`None` when the response, if one came, carried no usable token counts."""
    error: str | None
    """One of `rate_limit, timeout, connection, server, auth, bad_request, cancelled, other`, or `None`."""
    retries: int
    """Attempts that an SDK repeated by itself."""
    latency: float
    """Seconds from the request to the end of the response, retries and a stream's whole life included."""


class Evaluation(NamedTuple):
    """One call of the judge function; it has exactly one outcome."""

    split: Split
    source: str
    outcome: Outcome
    score: float | None
    """The normalised score, 0 to 1, of a graded verdict."""
    disagreed: bool
    """The judge's text says one thing, the judge function returned another."""


class Rollout(NamedTuple):
    """One attempt at one dataset item, closed."""

    split: Split
    source: str
    reward: float | None
    """`None` when no reward was computed for it."""
    failed: bool
    """The executor raised, timed out, or said that it did not succeed."""


class Payload(NamedTuple):
    """What one flush gives to the sinks."""

    step: int
    split: Split
    values: Mapping[str, float]
    """Every key of the payload, plain ints and floats; `llm_telemetry/step` among them."""
    totals: Mapping[str, float]
    """The keys of `values` that count since the run began."""
    time: float
    """Seconds since the epoch."""
    state: Mapping[str, Any] = {}
    """What a later process needs to go on counting; see `Session.state`."""
