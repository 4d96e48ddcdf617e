"""The alarm: when it is told, what it says, how often."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_telemetry.alarm.alarm import Alarm
from llm_telemetry.alarm.health import CAUSES, READ_DIFFERENTLY, rates_of
from llm_telemetry.events import API_FAILURES, PARSE_FAILURES, Evaluation
from llm_telemetry.settings.limits import Limits, limits_of
from llm_telemetry.sources import SourceNames


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


def verdict(disagreed=False, source="gsm8k", judge="", split="train"):
    return Evaluation(split, source, "correct", None, disagreed, judge)


def failed(kind, source="gsm8k", judge="", split="train"):
    outcome = "parse_failure" if kind in PARSE_FAILURES else "api_failure"
    return Evaluation(split, source, outcome, None, False, judge, kind)


def alarm(clock=None, **limits):
    return Alarm(limits_of(limits), SourceNames(), clock or Clock())


def fed(one, *evaluations):
    for evaluation in evaluations:
        one.add(evaluation)
    return one


def told(*evaluations, spent=None, **limits):
    return fed(alarm(**limits), *evaluations).check(3, spent)


# --- when


def test_one_failure_of_one_is_no_alarm():
    assert told(failed("rate_limit")) is None
    assert told(*[failed("rate_limit")] * 49) is None
    assert told(*[failed("rate_limit")] * 50) is not None


@pytest.mark.parametrize(
    ("bad", "limit", "most"),
    [
        (failed("server"), "api_failure_rate", 10),
        (failed("no_verdict"), "parse_failure_rate", 15),
        (verdict(disagreed=True), "disagreement_rate", 5),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_rate_at_its_limit_is_well_and_one_more_is_not(bad, limit, most):
    assert told(*[bad] * most, *[verdict()] * (100 - most)) is None
    alert = told(*[bad] * (most + 1), *[verdict()] * (99 - most))
    assert alert.conditions == (limit,)
    assert alert.numbers[limit] == (most + 1) / 100


def test_success_at_its_limit_is_well_and_one_less_is_not():
    limits = {"api_failure_rate": None, "parse_failure_rate": None}
    bad = [failed("server"), failed("no_verdict")] * 10
    assert told(*bad, *[verdict()] * 80, **limits) is None
    alert = told(*bad, failed("server"), *[verdict()] * 79, **limits)
    assert (alert.conditions, alert.numbers["success_rate"]) == (("success_rate",), 0.79)


def test_disagreement_is_that_of_verdicts_and_failures_do_not_make_it_small():
    limits = {"success_rate": None, "api_failure_rate": None}
    evaluations = [verdict(disagreed=True)] * 3 + [verdict()] * 47 + [failed("server")] * 150
    assert told(*evaluations, **limits).numbers["disagreement_rate"] == 3 / 50
    assert told(*evaluations[1:], **limits) is None  # 49 verdicts say nothing yet


def test_training_and_validation_share_the_window():
    assert told(*[failed("server")] * 25, *[failed("server", split="val")] * 25) is not None


def test_of_a_window_only_the_latest_count():
    one = fed(alarm(window=60), *[failed("server")] * 100, *[verdict()] * 54)
    assert one.check(1, None) is None
    assert len(one._window.seen) == 60


@given(
    st.lists(
        st.sampled_from([verdict(), verdict(True), failed("server"), failed("empty"), failed("ambiguous")]), min_size=1
    ),
    st.integers(1, 30),
)
def test_the_rates_of_a_window_are_those_of_a_recount(evaluations, window):
    one = fed(alarm(window=window), *evaluations)
    latest = evaluations[-window:]
    outcomes = [evaluation.outcome for evaluation in latest]
    verdicts = outcomes.count("correct")
    counted = {rate.limit: (rate.part, rate.whole) for rate in rates_of(one._window, one._anchors)}
    assert counted == {
        "success_rate": (verdicts, len(latest)),
        "api_failure_rate": (outcomes.count("api_failure"), len(latest)),
        "parse_failure_rate": (outcomes.count("parse_failure"), len(latest)),
        "disagreement_rate": (sum(evaluation.disagreed for evaluation in latest), verdicts),
    }


@given(st.lists(st.tuples(st.integers(0, 80), st.integers(0, 40), st.floats(0, 4000)), max_size=12))
def test_every_failure_is_told_at_most_once_and_never_within_the_cooldown(flushes):
    clock = Clock()
    one = alarm(clock, success_rate=None)
    failures, counted, times = 0, 0, []
    for good, bad, seconds in flushes:
        failures += bad
        fed(one, *[verdict()] * good, *[failed("server")] * bad)
        clock.now += seconds
        alert = one.check(1, None)
        if alert is not None:
            counted += round(alert.numbers["api_failure_rate"] * alert.numbers["evaluations"])
            times.append(clock.now)
    assert counted <= failures
    assert all(later - earlier >= Limits().cooldown for earlier, later in itertools.pairwise(times))


# --- how often


def test_what_still_holds_is_told_again_after_the_cooldown_and_not_before():
    clock = Clock()
    one = fed(alarm(clock), *[failed("server")] * 50)
    assert one.check(1, None) is not None
    for now, is_told in ((0, False), (1799, False), (1800, True), (1801, False), (3600, True)):
        clock.now = now
        assert (fed(one, *[failed("server")] * 50).check(2, None) is not None) == is_told


def test_what_was_told_is_not_told_again_when_nothing_came_since():
    clock = Clock()
    one = fed(alarm(clock), *[failed("server")] * 50)
    assert one.check(1, None) is not None
    clock.now = 10_000
    assert one.check(2, None) is None
    assert fed(one, *[verdict()] * 60).check(3, None) is None


def test_a_judge_that_recovers_and_falls_again_is_told_after_the_cooldown_only():
    clock = Clock()
    one = fed(alarm(clock), *[failed("server")] * 50)
    assert one.check(1, None) is not None
    assert fed(one, *[verdict()] * 200).check(2, None) is None
    clock.now = 900
    assert fed(one, *[failed("server")] * 60).check(3, None) is None
    clock.now = 1800
    assert one.check(4, None) is not None


def test_a_new_condition_is_told_at_once_with_the_old_one_that_still_holds():
    clock = Clock()
    one = fed(alarm(clock, success_rate=None), *[failed("server")] * 50)
    assert one.check(1, None).conditions == ("api_failure_rate",)
    clock.now = 60
    alert = fed(one, *[failed("server")] * 30, *[failed("no_verdict")] * 30).check(2, None)
    assert alert.conditions == ("api_failure_rate", "parse_failure_rate")
    clock.now = 1830  # the old one was told anew, too
    assert fed(one, *[failed("server")] * 60).check(3, None) is None


def test_the_budget_is_told_once():
    one = alarm(budget=50)
    assert [one.check(step, spent) is not None for step, spent in enumerate((None, 49.0, 50.0, 50.1, 60.0))] == [
        *[False] * 3,
        True,
        False,
    ]


def test_the_budget_and_the_judge_are_one_alarm_and_the_budget_is_not_in_the_next():
    clock = Clock()
    one = fed(alarm(clock, budget=50), *[failed("server")] * 50)
    alert = one.check(1, 51.25)
    assert alert.conditions == ("success_rate", "api_failure_rate", "budget")
    assert alert.numbers["total_cost"] == 51.25
    assert "The run has cost $51.25, its budget is $50.00" in alert.text
    clock.now = 1800
    again = fed(one, *[failed("server")] * 50).check(2, 52.0)
    assert again.conditions == ("success_rate", "api_failure_rate")
    assert "cost" not in again.text


def test_a_budget_alone_leaves_the_window_as_it_is():
    one = fed(alarm(budget=1), *[failed("server")] * 45)
    alert = one.check(1, 2.0)
    assert (alert.conditions, alert.cause, alert.title) == (("budget",), "budget", "budget spent")
    assert fed(one, *[failed("server")] * 5).check(1, 2.0) is not None


def test_without_a_limit_nothing_is_told():
    off = dict.fromkeys(("success_rate", "api_failure_rate", "parse_failure_rate", "disagreement_rate"))
    everything = [failed("server"), failed("no_verdict"), verdict(disagreed=True)] * 50
    assert told(*everything, spent=1e9, **off) is None


# --- what


@pytest.mark.parametrize("kind", [*API_FAILURES, *PARSE_FAILURES])
def test_every_kind_of_failure_has_one_cause_and_advice(kind):
    (cause,) = [cause for cause in CAUSES if kind in cause.kinds]
    alert = told(*[failed(kind)] * 50)
    assert alert.cause == cause.name
    assert f"Likely cause: {cause.name} (50 of 50 cases). {cause.advice}" in alert.text


@pytest.mark.parametrize(
    ("kinds", "words"),
    [
        (["rate_limit"], "rate limit"),
        (["timeout", "connection", "server"], "endpoint down or overloaded"),
        (["auth"], "key refused"),
        (["no_verdict", "ambiguous"], "prompt format"),
        (["truncated", "unclosed_think"], "max_tokens too small"),
        ([None], "no usable answers"),
        (["a kind of tomorrow"], "no usable answers"),
    ],
    ids=str,
)
def test_the_cause_is_said_in_plain_words(kinds, words):
    assert told(*[failed(kind) for kind in kinds] * 50).cause == words


def test_a_parse_failure_of_unknown_kind_is_one_of_the_prompt():
    assert told(*[Evaluation("train", "s", "parse_failure", None, False)] * 50).cause == "prompt format"


def test_disagreement_is_a_cause_of_its_own():
    assert told(*[verdict(disagreed=True)] * 50).cause == READ_DIFFERENTLY.name


def test_the_cause_that_most_failures_speak_for_is_named():
    alert = told(*[failed("rate_limit")] * 30, *[failed("server")] * 20, *[failed("timeout")] * 15)
    assert "Likely cause: endpoint down or overloaded (35 of 65 cases)" in alert.text


def test_the_cause_is_one_of_what_is_beyond_its_limit():
    """Nine rate limits are within theirs; the sixteen parse failures of several kinds are not."""
    parse = [failed("no_verdict")] * 6 + [failed("truncated")] * 7 + [failed("ambiguous")] * 3
    alert = told(*parse, *[failed("rate_limit")] * 10, *[verdict()] * 74, success_rate=None)
    assert alert.conditions == ("parse_failure_rate",)
    assert "Likely cause: prompt format (9 of 16 cases)" in alert.text


def test_several_conditions_are_one_alarm_with_all_the_numbers():
    evaluations = [failed("server")] * 20 + [failed("no_verdict")] * 30 + [verdict(True)] * 10 + [verdict()] * 40
    alert = told(*evaluations)
    assert alert.text.splitlines()[1] == (
        "The judge's last 100 evaluations: success 50.0 % (50 of 100, limit 80 %), API failures 20.0 % (20 of 100, "
        "limit 10 %), parse failures 30.0 % (30 of 100, limit 15 %), disagreement 20.0 % (10 of 50, limit 5 %)."
    )
    assert alert.numbers == {
        "success_rate": 0.5,
        "api_failure_rate": 0.2,
        "parse_failure_rate": 0.3,
        "disagreement_rate": 0.2,
        "evaluations": 100,
    }
    assert (alert.step, alert.cause) == (3, "prompt format")


def test_a_source_or_a_judge_that_has_nearly_all_of_the_failures_is_named():
    bad = [failed("server", source="MATH lv5", judge="strict")] * 19 + [failed("server", judge="lenient")]
    alert = told(*bad, *[verdict(judge="lenient")] * 60, *[verdict(judge="strict")] * 20)
    assert "The source math_lv5 has 19 of these 20 cases, and 19 of the 100 evaluations." in alert.text
    assert "The judge strict has 19 of these 20 cases, and 39 of the 100 evaluations." in alert.text


def test_nobody_is_named_who_has_nearly_all_of_the_evaluations_or_too_few_of_the_failures():
    assert "The source" not in told(*[failed("server")] * 30, *[verdict()] * 70).text
    spread = [failed("server", source=source) for source in ("math", "mmlu")] * 15
    assert "The source" not in told(*spread, *[verdict()] * 70).text
    assert "The judge " not in told(*[failed("server")] * 30, *[verdict(judge="a")] * 70).text


def test_a_title_is_short_enough_for_wandb():
    kinds = [kind for cause in CAUSES for kind in cause.kinds]
    alerts = [told(*[failed(kind)] * 50, spent=2.0, budget=1) for kind in kinds]
    alerts.append(told(*[verdict(disagreed=True)] * 50, spent=2.0, budget=1))
    assert max(len(alert.title) for alert in alerts) < 64
