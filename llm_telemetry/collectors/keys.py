"""The catalogue of keys: every key that a payload of ours can hold, and what there is to know of it.

Collectors name what they tell with it, sinks and readers find it again with it, and the tables of docs/metrics.md are
made from it (`python docs/from_catalogue.py`). A new key is one line here, and one collector that tells it.
"""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, NamedTuple

from llm_telemetry.collectors.naming import Key
from llm_telemetry.events import ALL_SPLITS, ROLES, STEP_KEY

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llm_telemetry.events import Payload, Split


def _step(name: str, unit: str, merge: str, meaning: str, *, by_source: bool = False) -> Key:
    return Key(name, "step", unit, merge, meaning, by_source)


def _run(name: str, unit: str, merge: str, meaning: str) -> Key:
    return Key(name, "run", unit, merge, meaning, shared=True)


# fmt: off
# A table: a row has its name, unit, and way to merge in one line, and what it means behind them or below.

# --- datasets

ACCURACY = _step("dataset/accuracy", "percent, 0 to 100", "correct / scored",
    "rollouts whose reward is at least the threshold (0.9, see [settings](settings.md)), over all "
    "that are scored", by_source=True)
COUNT = _step("dataset/count", "rollouts", "sum", "all rollouts, failed ones included", by_source=True)
FAILED = _step("dataset/failed", "rollouts", "sum", "failed rollouts; they count as wrong", by_source=True)
UNSCORED = _step("dataset/unscored", "rollouts", "sum",
    "rollouts that did not fail and of which no reward is known: in no accuracy", by_source=True)
UNMATCHED_REWARDS = _step("dataset/unmatched_rewards", "rewards", "sum",
    "rewards of which it is not known which rollout they belong to: in no accuracy")
PADDED = _step("dataset/padded", "rollouts", "sum",
    "those of `dataset/count` that are copies by which a framework (verl) has filled a batch up: rewarded, judged and "
    "paid for, and thrown away; absent when there are none")
AVG_REWARD = _step("dataset/avg_reward", "reward", "reward_sum / rewarded",
    "mean of the rewards that were computed; absent when none was", by_source=True)
REWARD_STD = _step("dataset/reward_std", "reward", "deviation",
    "standard deviation of the rewards that were computed: 0 where a step's rewards teach nothing", by_source=True)
AVG_COST = _step("dataset/avg_cost", "USD", "cost / count",
    "what executor and judge spent per rollout; absent when no cost is known", by_source=True)

PASS_AT = Key("dataset/pass@{k}", "step", "0 to 1", "mean over problems",
    "probability that of {k} attempts at a problem at least one is right, unbiased, mean over the problems; for 1, 2, "
    "4, … as far as each problem has so many scored attempts", by_source=True, evaluation=True)
JUDGED_ACCURACY = _step("dataset/judged_accuracy", "percent, 0 to 100", "judged_correct / judged",
    "the same over the rollouts that were judged, and whose judges all had a verdict; where a judge was asked",
    by_source=True)
ACCURACY_LOW = _step("dataset/accuracy_low", "percent, 0 to 100", "sure_correct / whole",
    "accuracy if all rollouts of which a judge has no verdict were wrong", by_source=True)
ACCURACY_HIGH = _step("dataset/accuracy_high", "percent, 0 to 100", "highest / whole",
    "accuracy if all of them were right", by_source=True)

# --- groups

GROUPS = _step("group/count", "groups", "sum", "groups of at least two rollouts", by_source=True)
SOLVED_ALL = _step("group/solved_all", "0 to 1", "solved_all / decided",
    "groups in which every rollout is correct, over those of which that is known", by_source=True)
SOLVED_NONE = _step("group/solved_none", "0 to 1", "solved_none / decided",
    "groups in which none is, over the same", by_source=True)
MIXED = _step("group/mixed", "0 to 1", "mixed / decided",
    "groups in which some are; the three rates add up to 1", by_source=True)
ZERO_VARIANCE_RATE = _step("group/zero_variance_rate", "0 to 1", "flat / measured",
    "groups whose rewards are all the same, so that they teach nothing, over those of which the rewards are known",
    by_source=True)
CONTAMINATED_RATE = _step("group/contaminated_rate", "0 to 1", "contaminated / count",
    "groups in which an evaluation failed and the reward that stands in for it moved the group's mean, and with it "
    "every sibling's advantage", by_source=True)
CONTAMINATED_ROLLOUTS = _step("group/contaminated_rollouts", "rollouts", "sum",
    "all rollouts of such groups", by_source=True)

# --- the functions that a reward is made of

PART_MEAN = _step("reward/{function}/mean", "reward", "reward_sum / given",
    "mean of what one reward function gave, before weighting; absent when it gave nothing", by_source=True)
PART_NONE_SHARE = _step("reward/{function}/none_share", "0 to 1", "none / asked",
    "rollouts of which it has nothing to say (`None`), over all that it was asked about", by_source=True)

# --- the judge against a rule

TRUE_POSITIVE_RATE = _step("rule/{function}/true_positive_rate", "0 to 1", "true_positives / right",
    "rollouts that the judge calls correct, over those that `rule=`, or a reward function of 0 and 1, calls right")
FALSE_POSITIVE_RATE = _step("rule/{function}/false_positive_rate", "0 to 1", "false_positives / wrong",
    "rollouts that the judge calls correct, over those that it calls wrong")
YOUDEN_J = _step("rule/{function}/youden_j", "-1 to 1", "deviation",
    "the first less the second: 1 for a judge that says what the rule says, 0 for one that says nothing of it")
RULE_PAIRS = _step("rule/{function}/pairs", "rollouts", "sum", "rollouts that these are made of")

# --- the judge

SUCCESS_RATE = _step("judge/success_rate", "0 to 1", "verdicts / decided",
    "evaluations with a verdict (correct, incorrect or score), over all that are decided", by_source=True)
PARSE_FAILURE_RATE = _step("judge/parse_failure_rate", "0 to 1", "parse_failure / decided",
    "parse failures over all that are decided", by_source=True)
API_FAILURE_RATE = _step("judge/api_failure_rate", "0 to 1", "api_failure / decided",
    "API failures over all that are decided; the three rates add up to 1", by_source=True)
CORRECT_RATIO = _step("judge/correct_ratio", "0 to 1", "correct / binary",
    "correct over correct and incorrect together", by_source=True)
EVALUATIONS = _step("judge/calls", "evaluations", "sum",
    "all evaluations; API calls are `llm/judge/calls`", by_source=True)
UNDECIDED = _step("judge/undecided", "evaluations", "sum",
    "those of them whose reply has no verdict in a known form, at a judge whose function has not "
    "shown yet that it reads such replies: in no rate", by_source=True)
AVG_SCORE = _step("judge/avg_score", "0 to 1", "score_sum / scaled",
    "mean of the graded verdicts whose scale is known, brought to 0 to 1")
CORRECT_COUNT = _step("judge/correct_count", "evaluations", "sum", "verdicts that are binary and positive")
INCORRECT_COUNT = _step("judge/incorrect_count", "evaluations", "sum", "verdicts that are binary and negative")
DISAGREEMENTS = _step("judge/disagreements", "evaluations", "sum",
    "the judge's text says one thing, the judge function returned another")
FAILURES = _step("judge/failures/{failure}", "evaluations", "sum",
    "evaluations without a verdict, by cause; present where there was one")
ATTEMPTS_AVG = _step("judge/attempts_avg", "calls", "attempts / asked",
    "API calls per evaluation that made any: asked again, samples of a vote, both orders of a comparison; the SDK's "
    "own retries are in `llm/judge/retries`")
AGREEMENT_RATE = _step("judge/agreement_rate", "0 to 1", "agreement_sum / votes",
    "where the same request was sampled several times: mean share of the readable samples that are on the majority's "
    "side")
POSITION_FLIP_RATE = _step("judge/position_flip_rate", "0 to 1", "flips / pairs",
    "where a comparison was asked in both orders: share of those in which the better one changed with the order")
INCONSISTENT_RATE = _step("judge/inconsistent_rate", "0 to 1", "inconsistent / pairs",
    "verdicts that differ from the verdict that the same judge gave to the same answer to the same question before")
REPEATED_PAIRS = _step("judge/repeated_pairs", "evaluations", "sum",
    "verdicts on answers that the same judge has judged before: what that rate is of")
DEGENERATE_ACCEPTED_RATE = _step("judge/degenerate_accepted_rate", "0 to 1", "accepted / degenerate",
    "answers that are none (empty, punctuation or an opening alone, only the question again) and were judged correct, "
    "over all such answers with a verdict")
DEGENERATE_SEEN = _step("judge/degenerate_seen", "evaluations", "sum", "such answers with a verdict")
JUDGE_CHANGES = _step("judge/changes", "changes", "sum",
    "models, fingerprints and service tiers that the judge's calls were answered with, and never before the last "
    "payload; absent where no answer told its tokens")
FORGOTTEN_ANSWERS = _step("judge/forgotten_answers", "answers", "sum",
    "answers that are no longer remembered, as too many others have come since: if they come again, that is not seen")
LENGTH_CORRELATION = _step("judge/length_correlation", "-1 to 1", "deviation",
    "correlation of the verdict with the logarithm of the answer's length, within sources (point-biserial)",
    by_source=True)
LENGTH_PAIRS = _step("judge/length_pairs", "evaluations", "sum", "verdicts that it is made of", by_source=True)
UNPARSED_SHORT = _step("judge/parse_failure_rate_short", "0 to 1", "deviation",
    "parse failures in the third with the shortest answers, over the replies to them")
UNPARSED_MEDIUM = _step("judge/parse_failure_rate_medium", "0 to 1", "deviation", "the same in the middle third")
UNPARSED_LONG = _step("judge/parse_failure_rate_long", "0 to 1", "deviation",
    "the same in the third with the longest answers")
TOTAL_EVALUATIONS = Key(
    "judge/total_calls", "run", "evaluations", "sum", "all evaluations made in training; in validation, of validation"
)

# --- money

TOTAL_COST = _run("cost/total_cost", "USD", "sum",
    "all calls of all roles whose cost is known, training and validation")
EXECUTOR_COST = _run("cost/executor_cost", "USD", "sum", "the executor's part of it")
JUDGE_COST = _run("cost/judge_cost", "USD", "sum",
    "the judge's part of it; answers extracted through the judge's client are in it")
PROJECTED_COST = _run("cost/projected", "USD", "sum",
    "what `cost/total_cost` will be after the last step, if the steps to come cost what those after the first have "
    "cost; where the number of steps is known (`steps=`)")
STEP_COST = _step("cost/step_cost", "USD", "sum", "all roles")
PER_CORRECT_ROLLOUT = _step("cost/per_correct_rollout", "USD", "cost / correct",
    "what executor and judge spent, over the rollouts that are correct; absent where none is")
PER_INFORMATIVE_GROUP = _step("cost/per_informative_group", "USD", "cost / informative",
    "the same over the groups whose rewards differ; absent where none do")
IN_ZERO_VARIANCE_GROUPS = _step("cost/in_zero_variance_groups", "USD", "sum",
    "what the rollouts of groups with equal rewards spent")
FAILED_ROLLOUTS_COST = _step("cost/failed_rollouts", "USD", "sum", "what failed rollouts spent")
JUDGE_FAILURES_COST = _step("cost/judge_failures", "USD", "sum",
    "what evaluations without a verdict spent; of calls that several evaluations share, each has its part")
RETRIES_COST = _step("cost/retries", "USD", "sum",
    "what calls spent that asked a judge the same again, after an answer that could not be used")
UNATTRIBUTED_COST = _step("cost/unattributed", "USD", "sum",
    "what executor and judge spent on calls that are of no single rollout, as a call for a whole batch is: it is "
    "missing from the costs of groups and of failed rollouts")
TOTAL_SAMPLES = _run("cost/total_samples", "rollouts", "sum", "all closed rollouts, training and validation")
AVG_COST_PER_SAMPLE = _run("cost/avg_cost_per_sample", "USD", "total_cost / total_samples",
    "`cost/total_cost` over `cost/total_samples`")
EXECUTOR_CALLS = _run("cost/executor_calls", "calls", "sum", "calls of the executor, those that failed included")
JUDGE_CALLS = _run("cost/judge_calls", "calls", "sum", "calls of the judge, those that failed included")
UNPRICED_CALLS = _run("cost/unpriced_calls", "calls", "sum",
    "calls whose model has no known price, so that they are missing from the USD above")
UNMETERED_CALLS = _run("cost/unmetered_calls", "calls", "sum",
    "calls that succeeded without telling their tokens, so that they are missing from the USD above too")
STANDARD_CALLS = _run("cost/priced_as_standard_calls", "calls", "sum",
    "calls of another service tier (flex, batch, priority, …) whose price is not known: they are in the USD above at "
    "the price of the standard tier; present where there was one")

# --- tokens and calls

PROMPT_TOKENS = _step("tokens/{role}/prompt", "tokens", "sum", "as reported by the API")
COMPLETION_TOKENS = _step("tokens/{role}/completion", "tokens", "sum", "as reported by the API")
CACHED_TOKENS = _step("tokens/{role}/cached", "tokens", "sum",
    "the part of the prompt tokens that came from the provider's cache")
CACHE_WRITE_TOKENS = _step("tokens/{role}/cache_write", "tokens", "sum",
    "the part of the prompt tokens that was written to it, where the API tells (Anthropic's does)")
CACHE_HIT_RATE = _step("tokens/{role}/cache_hit_rate", "0 to 1", "cached / cacheable",
    "cached tokens over the prompt tokens of those calls that told how many were cached")
REASONING_TOKENS = _step("tokens/{role}/reasoning", "tokens", "sum",
    "the part of the completion tokens that is hidden reasoning")
GENERATED_TOKENS = _step("tokens/generated", "tokens", "sum",
    "completion tokens that an engine of the trainer's own has generated (TRL's, in its process or by vLLM), as the "
    "trainer tells them: in no other key, and without a price")
TOTAL_TOKENS = _run("tokens/total", "tokens", "sum",
    "prompt and completion tokens of all roles, training and validation")
CALLS = _step("llm/{role}/calls", "calls", "sum", "all calls, those that failed included")
ERROR_CALLS = _step("llm/{role}/errors", "calls", "sum", "calls that failed in the end")
ERRORS_BY_KIND = _step("llm/{role}/errors/{kind}", "calls", "sum", "the same by kind; present where there was one")
RETRIES = _step("llm/{role}/retries", "attempts", "sum",
    "attempts that the SDK repeated by itself, which the trainer never sees; by plain HTTP every attempt is a call")
NO_USAGE = _step("llm/{role}/no_usage", "calls", "sum",
    "calls that succeeded without telling both prompt and completion tokens")
UNPLACED_SHARE = _step("llm/{role}/unplaced_share", "0 to 1", "unplaced / calls",
    "of the judge alone: calls of which nothing tells for which item they were made: they are in the totals, and in no "
    "dataset's cost")
LATENCY_P50 = _step("llm/{role}/latency_p50", "seconds", "quantile",
    "median of the calls' whole time, retries and a stream's whole life included; within 1 %")
LATENCY_P95 = _step("llm/{role}/latency_p95", "seconds", "quantile", "95th percentile of the same")

# --- the library itself

TELEMETRY_ERRORS = _run("telemetry/errors", "count", "sum",
    "failures inside this library, swallowed for the trainer's sake and logged once per place")
ROWS_DROPPED = _run("telemetry/trainer_rows_dropped", "rows", "sum",
    "rows of the trainer that W&B threw away, see [wandb.md](wandb.md); absent without a W&B run")
UNCLOSED_WRITERS = _run("telemetry/unclosed_writers", "processes", "sum",
    "other processes of the training that have ended, or were not done at its end, without a word, and may have lost "
    "what was under way: ranks, and processes of other machines; absent when there are none")
STEP = Key(
    STEP_KEY, "step", "step number", "max", "the training step; the x-axis of all other keys in W&B", shared=True
)
# fmt: on

CATALOGUE: tuple[Key, ...] = tuple(value for value in dict(globals()).values() if isinstance(value, Key))
"""All of them, in the order of this page."""

CAPTURED_FAILURES = Key("judge/captured_failures", "step", "table", "all", "captured evaluations; only in W&B")
"""In no payload: W&B has a table of this name in a row's place."""

_TOTALS = frozenset(key.of(split) for key in CATALOGUE for split in ALL_SPLITS if key.window == "run")
_SHARED = frozenset(key.name for key in CATALOGUE if key.shared)


class Told(NamedTuple):
    """What stands in a key of a payload."""

    key: Key
    split: Split
    source: str
    """Or a judge; empty over all of them."""
    holes: Mapping[str, str]


@functools.lru_cache(maxsize=4096)
def tell_apart(name: str) -> Told | None:
    """Return what stands in a payload's key; `None` for one that is not in the catalogue, as of your own collectors."""
    matches = ((pattern.fullmatch(name), key, split) for pattern, key, split in _patterns())
    found = [(match.groupdict(), key, split) for match, key, split in matches if match is not None]
    if not found:
        return None
    parts, key, split = min(found, key=lambda one: bool(one[0].get("source")))  # `val/group/count` is of no source
    source = parts.pop("source", None) or ""
    return Told(key, split, source, parts)


@functools.cache
def _patterns() -> list[tuple[re.Pattern[str], Key, Split]]:
    return [(re.compile(key.pattern(split)), key, split) for key in CATALOGUE for split in ALL_SPLITS]


def sum_over_roles(payload: Payload, key: Key) -> float:
    """Return what a `key` with the hole `{role}` comes to in a payload over all roles."""
    values = payload.values
    return sum([values[name] for name in _over_roles(key, payload.split) if name in values])


@functools.cache
def _over_roles(key: Key, split: Split) -> list[str]:
    return [key.of(split, role=role) for role in ROLES]


def totals_in(values: Mapping[str, float]) -> dict[str, float]:
    """Return those of a payload's `values` that count since the run began."""
    return {key: values[key] for key in filter(_TOTALS.__contains__, values)}


def is_shared(key: str) -> bool:
    """Tell whether a payload's `key` is told by training and validation alike; it is then the same count."""
    return key in _SHARED


def in_evaluation(key: str) -> str:
    """Return what a `key` of training is called where nothing is trained."""
    return key if is_shared(key) else "eval/" + key.removeprefix("dataset/")
