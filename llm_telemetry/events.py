"""The frozen records that travel from hooks to collectors to sinks. Unknown is `None`, never 0."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Mapping

Role = Literal["executor", "judge", "policy", "other"]
Split = Literal["train", "val", "eval"]
Outcome = Literal["correct", "incorrect", "score", "parse_failure", "api_failure", "undecided"]

ERRORS = ("rate_limit", "timeout", "connection", "server", "auth", "bad_request", "cancelled", "other")
"""What a call can end with."""
API_FAILURES = (*ERRORS, "empty", "refusal", "content_filter")
PARSE_FAILURES = ("truncated", "unclosed_think", "no_verdict", "ambiguous")
VERDICTS: tuple[Outcome, ...] = ("correct", "incorrect", "score")
FAILED: tuple[Outcome, ...] = ("parse_failure", "api_failure")
ROLES: tuple[Role, ...] = ("executor", "judge", "policy", "other")
ITEM_ROLES: tuple[Role, ...] = ("executor", "judge")
"""Those whose calls are made for rollouts."""
SPLITS: tuple[Split, ...] = ("train", "val")
"""What is counted apart."""
ALL_SPLITS: tuple[Split, ...] = (*SPLITS, "eval")
"""What a payload may be of: what a program counts that never trains is told as an evaluation."""
STEP_KEY = "llm_telemetry/step"
Id: TypeAlias = tuple[int, int]
"""Of a rollout or an evaluation: the process in which it was opened, and a number; the same wherever it is told."""


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
    """One of `ERRORS`, or `None`."""
    retries: int
    """Attempts that an SDK repeated by itself."""
    latency: float
    """Seconds from the request to the end of the response, retries and a stream's whole life included."""
    placed: bool = True
    """It is known for which item it was made, or at least for which dataset."""
    rollout: Id | None = None
    """The one rollout that it was made for; `None` for a call about several, and where it is not known."""
    evaluation: Id | None = None
    """The evaluation, or batch of them, that it was made for."""
    again: bool = False
    """Its evaluation had asked the same before, and got no usable answer."""
    answers: int = 1
    """How many it gave, as by `n=`; none where it failed."""
    fingerprint: str | None = None
    """Of the build that has answered, as the response tells it (`system_fingerprint`)."""
    service_tier: str | None = None
    """By which it was served, as the response tells it: `default`, `flex`, `priority`, …"""


class Evidence(NamedTuple):
    """What a failed or contradictory evaluation looked like: cut to a length and scrubbed; kept only when asked for."""

    answer: str
    """What the judge said."""
    returned: str
    """What the judge function returned; empty when it raised."""
    error: str
    """The exception that the last call or the judge function ended with; empty without one."""


class Clue(NamedTuple):
    """What an evaluation shows of how its judge function reads replies; no text."""

    returned: str
    """What the function returned, as something to compare."""
    form: str
    """The form of the reply that counted, see `judging.forms`; empty when the API failed."""
    read: int
    """Whether we read the reply: 0 not, -1 otherwise than the function, 1 in its words, 2 in a form made for it."""
    outcome: Outcome
    """The outcome by what was returned, `undecided` where that says nothing."""


class Judged(NamedTuple):
    """What was judged, without its text."""

    pair: int | None
    """The same wherever the same normalised answer is given to the same question; `None` without a question."""
    length: int
    """Characters."""
    degenerate: bool
    """It is no answer: empty, punctuation alone, an opening alone, or only the question again."""
    rule: bool | None = None
    """Whether it is right by the user's rule; `None` without one, or where that does not say."""


class Evaluation(NamedTuple):
    """One item judged by one call of the judge function; it has exactly one outcome."""

    split: Split
    source: str
    outcome: Outcome
    score: float | None
    """The normalised score, 0 to 1, of a graded verdict."""
    disagreed: bool
    """The judge's text says one thing, the judge function returned another."""
    judge: str = ""
    """The judge's name, as it stands in keys."""
    failure: str | None = None
    """Why there is no verdict; of an API failure one of `API_FAILURES`, of a parse failure one of `PARSE_FAILURES`."""
    attempts: int = 0
    """LLM calls that it took, samples of a vote and both orders of a comparison included."""
    agreement: float | None = None
    """Share of a vote's samples, 0 to 1, that are on the majority's side; `None` without a vote."""
    flipped: bool | None = None
    """Asked in both orders, the judge named the same position twice; `None` for a single order."""
    evidence: Evidence | None = None
    """What it looked like, where that was asked for and there is something to see."""
    clue: Clue | None = None
    """What there is to learn from it; gone when collectors see it."""
    rollout: Id | None = None
    """The rollout that was judged."""
    key: Id | None = None
    """By which its calls name it; evaluations of a batch share one."""
    batch: int = 1
    """How many evaluations share its key."""
    judged: Judged | None = None
    """The answer, where the judge function is told it under a name for one."""


class CapturedEvaluation(NamedTuple):
    """An evaluation whose evidence a payload keeps; the fields are those of `Evaluation` and `Evidence`."""

    step: int
    split: Split
    source: str
    judge: str
    outcome: Outcome
    failure: str | None
    disagreed: bool
    answer: str
    returned: str
    error: str


class Rollout(NamedTuple):
    """One attempt at one dataset item, closed."""

    split: Split
    source: str
    reward: float | None
    """`None` when no reward was computed for it, or none that could be read."""
    failed: bool
    """The executor raised, timed out, or said that it did not succeed."""
    group: str | int | None = None
    """What attempts at one item have in common: as it is told, else a number that stands for the problem."""
    parts: tuple[tuple[str, float | None], ...] = ()
    """What its reward is made of, where it is told: the name of each reward function and what it gave."""
    tokens: int | None = None
    """Tokens of its completion, where an engine of the trainer's own has generated it: no API has told of them."""
    keys: tuple[Id, ...] = ()
    """By which its calls and evaluations name it: the execution's, and those of its rewards."""

    wrong: bool = False
    """It got no reward, and the user, or what is known of its kind of trainer, says that such a rollout is wrong."""
    correct: bool | None = None
    """What `threshold=` says of it, where that is a function of the user's."""

    @property
    def unscored(self) -> bool:
        """Whether it is not known to be right or wrong: without a reward only a failed one is wrong."""
        return self.reward is None and not self.failed and not self.wrong


class UnmatchedReward(NamedTuple):
    """A reward of which it is not known whose it is."""

    split: Split
    reward: float | None


class Padded(NamedTuple):
    """Rollouts that are copies, by which a framework has filled a batch up; each is counted as a rollout, too."""

    split: Split
    rows: int


Event: TypeAlias = "Call | Evaluation | Rollout | UnmatchedReward | Padded"


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
    evidence: tuple[CapturedEvaluation, ...] = ()
    """The first failed or contradictory evaluations since the last payload of this split, where that was asked for."""
    steps: int | None = None
    """How many steps the training will have; `None` where that is not known."""


class Alert(NamedTuple):
    """What the alarm tells, once; names and numbers, and no text of a prompt, an answer or an error."""

    step: int
    """The training step after which it is told."""
    title: str
    text: str
    """A sentence or two a line: numbers with their limits, the likely cause, what to do."""
    numbers: Mapping[str, float]
    """`success_rate`, `api_failure_rate`, `parse_failure_rate`, `disagreement_rate` (0 to 1) over the latest
    `evaluations`, `inconsistent_rate` and `degenerate_accepted_rate` over the latest of their own, as far as there is
    something to divide by; `total_cost` in USD when that is beyond the budget."""
    conditions: tuple[str, ...]
    """The limits that are violated, as they are called in the setting `alarm`; or `judge_changed`."""
    cause: str
    """The likely cause in a few plain words, such as `rate limit`; `budget` when that is all there is to tell."""
