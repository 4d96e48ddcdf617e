"""The alarm: when it is told, what it says, how often, and that nothing of a prompt or an answer is in it."""

import asyncio
import itertools
import logging
import os

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_telemetry import InstrumentError, guard
from llm_telemetry.alarm.alarm import Alarm
from llm_telemetry.alarm.health import CAUSES, READ_DIFFERENTLY, rates_of
from llm_telemetry.events import API_FAILURES, PARSE_FAILURES, Call, Evaluation, Evidence, Usage
from llm_telemetry.runs import losses
from llm_telemetry.session.session import Session
from llm_telemetry.session.spool import SpoolWriter
from llm_telemetry.settings.limits import Limits, limits_of
from llm_telemetry.settings.variables import VariableError, configured
from llm_telemetry.sinks.base import AlertSink, Sink
from llm_telemetry.sources import SourceNames
from tests.support.mocking import chat
from tests.support.trainers import Executor, Memory, Trainer, train_step, watch

MARKER = "mArKeR-7f3"
"""In every prompt, answer and error of these tests, and never in what is told."""


class Clock:
    def __init__(self):
        self.now = 0.0

    def __call__(self):
        return self.now


class Hearing(Memory):
    """A sink that hears the alarm."""

    def __init__(self):
        super().__init__()
        self.alerts = []

    def alert(self, alert):
        self.alerts.append(alert)


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


def test_no_text_of_an_evaluation_is_kept():
    evidence = Evidence(MARKER, MARKER, MARKER)
    one = fed(alarm(), *[failed("empty")._replace(evidence=evidence)] * 60)
    assert MARKER not in repr(one._window)
    assert MARKER not in repr(one.check(1, None))


# --- settings


@pytest.mark.parametrize(
    ("setting", "message"),
    [
        ({"sucess_rate": 0.9}, "there is no sucess_rate; there are: success_rate"),
        ({"success_rate": 80}, "success_rate must be a rate between 0 and 1"),
        ({"api_failure_rate": True}, "api_failure_rate must be a rate"),
        ({"parse_failure_rate": float("nan")}, "parse_failure_rate must be a rate"),
        ({"budget": 0}, "budget must be an amount of USD above 0"),
        ({"window": 0}, "window must be a whole number of evaluations, 1 to 10000"),
        ({"window": 10_001}, "window must be"),
        ({"window": 20.5}, "window must be"),
        ({"minimum": 201}, "minimum must be at most the window, which is 200, not 201"),
        ({"cooldown": -1}, "cooldown must be a number of seconds"),
        ({1: 2}, "there is no 1"),
        ("budget=5", "must be True, False, or limits"),
    ],
    ids=str,
)
def test_a_setting_that_cannot_work_raises_before_training(setting, message):
    with pytest.raises(InstrumentError) as refused:
        configured({"alarm": setting}, {})
    assert str(refused.value).startswith("alarm: ")
    assert message in str(refused.value)


def test_settings_change_only_what_they_name():
    assert limits_of({"budget": 5, "disagreement_rate": None}) == Limits(budget=5, disagreement_rate=None)
    assert limits_of(True) == Limits()
    assert limits_of(False) is None
    assert limits_of({"window": 20}).minimum == 20


@pytest.mark.parametrize(
    ("text", "limits"),
    [
        ("off", None),
        ("ON", Limits()),
        ("budget=50, success_rate=0.9", Limits(budget=50, success_rate=0.9)),
        ("disagreement_rate=off,parse_failure_rate=None", Limits(disagreement_rate=None, parse_failure_rate=None)),
        ("window=500,minimum=10,cooldown=0", Limits(window=500, minimum=10, cooldown=0)),
    ],
)
def test_the_variable_says_what_the_setting_says(text, limits):
    assert limits_of(configured({}, {"LLM_TELEMETRY_ALARM": text}).alarm) == limits


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("bugdet=50", "there is no bugdet"),
        ("budget", "'budget' is no limit"),
        ("budget=50,", "'' is no limit"),
        ("budget=", "'' is no number"),
        ("budget=much", "'much' is no number"),
        ("window=2e2", "window must be a whole number"),
        ("success_rate=nan", "success_rate must be a rate"),
        ("=1", "there is no ;"),
    ],
)
def test_a_variable_that_cannot_work_is_told(text, message):
    with pytest.raises(VariableError) as refused:
        configured({}, {"LLM_TELEMETRY_ALARM": text})
    assert message in str(refused.value)


def test_an_argument_wins_over_the_variable():
    assert configured({"alarm": False}, {"LLM_TELEMETRY_ALARM": "nonsense"}).alarm is False


def test_doctor_has_the_same_limits():
    assert (Limits().api_failure_rate, Limits().parse_failure_rate) == (losses.API_FAILURES, losses.PARSE_FAILURES)


# --- in the session


def session(sinks=(), **settings):
    return Session(configured(settings, {}), sinks)


def a_step(one, *evaluations, step=1):
    phase = one.open_phase("train", step)
    for evaluation in evaluations:
        one.record(evaluation)
    one.close_phase(phase, None)


def test_the_alarm_is_told_after_the_payload_and_without_the_session_s_lock():
    class Watching(Hearing):
        def alert(self, alert):
            super().alert(alert)
            assert self.payloads[-1].step == alert.step
            assert one._inbox.turn.take(wait=False)
            one._inbox.turn.give()

    sink = Watching()
    one = session([sink])
    a_step(one, *[failed("server")] * 50)
    assert len(sink.alerts) == 1


def test_without_an_alarm_nothing_is_told_and_nothing_kept(caplog):
    sink = Hearing()
    one = session([sink], alarm=False)
    a_step(one, *[failed("server")] * 50)
    assert (sink.alerts, one.counts.alarm, caplog.text) == ([], None, "")


def test_the_budget_is_that_of_the_run_also_after_a_resume():
    spent = Call("judge", "train", "s", "m", "m", Usage(1_000_000, 0), None, 0, 0.1)
    settings = {"prices": {"m": {"input": 30, "output": 0}}, "alarm": {"budget": 50}}
    first, second = Hearing(), Hearing()
    one = session([first], **settings)
    a_step(one, spent)
    other = session([second], **settings)
    other.restore(one.state())
    a_step(other, spent, step=2)
    assert (first.alerts, [alert.numbers["total_cost"] for alert in second.alerts]) == ([], [60])


def test_what_children_see_is_in_the_owner_s_window():
    sink = Hearing()
    one = session([sink])
    phase = one.open_phase("train", 1)
    child = SpoolWriter(one.children.folder)
    for evaluation in [failed("rate_limit")] * 50:
        child.record(evaluation)
    os.close(child._file)
    one.close_phase(phase, None)
    one.children.remove()
    assert [alert.cause for alert in sink.alerts] == ["rate limit"]


def test_a_child_tells_nothing():
    sink = Hearing()
    one = session([sink])
    fed(one.counts.alarm, *[failed("server")] * 50)
    one.become_child()
    a_step(one)
    assert sink.alerts == []


def test_a_sink_that_cannot_hear_and_one_that_raises_cost_nothing_but_their_alert(monkeypatch):
    class Broken(Hearing):
        def alert(self, alert):
            raise RuntimeError(MARKER)

    class Deaf(Memory):
        alert = None

    monkeypatch.setattr(guard.failures, "strict", False)
    sinks = [Memory(), Deaf(), Broken(), Hearing()]
    one = session(sinks)
    a_step(one, *[failed("server")] * 50)
    a_step(one, step=2)
    assert len(sinks[-1].alerts) == 1
    assert [len(sink.payloads) for sink in sinks] == [2, 2, 2, 2]
    assert sinks[0].last["telemetry/errors"] == 1


def test_what_is_said_of_sinks_in_types_is_so():
    assert isinstance(Memory(), Sink)
    assert not isinstance(Memory(), AlertSink)
    assert isinstance(Hearing(), AlertSink)


# --- a trainer


async def work(problem):
    return f"{problem} it is", 0.0, {"success": True}


def items(count):
    sources = ("gsm8k", "math")
    return [
        {"problem": f"{MARKER} {n:03}", "ground_truth": f"{MARKER}!", "source": sources[n % 2]} for n in range(count)
    ]


def refuse():
    return httpx.Response(429, headers={"retry-after-ms": "1"}, json={"error": {"message": MARKER}})


ANSWERS = {
    "refused": (refuse, "api_failure_rate", "rate limit"),
    "down": (
        lambda: httpx.Response(503, headers={"retry-after-ms": "1"}),
        "api_failure_rate",
        "endpoint down or overloaded",
    ),
    "unreadable": (lambda: chat(f"Well, {MARKER}"), "parse_failure_rate", "prompt format"),
    "cut off": (lambda: chat(f"<think>{MARKER} and", finish="length"), "parse_failure_rate", "max_tokens too small"),
}


def serve(api, bad, every=3):
    """Answer every third item badly; returns the books: the items that were, by the number in the prompt."""
    books = []

    def answer(request):
        number = int(request.content.decode().split(f"Is {MARKER} ")[1][:3])
        if (number + 1) % every:
            return chat(f"{MARKER}: <true_false>True</true_false>")
        books.append(number)
        return bad()

    api.post("/chat/completions").side_effect = answer
    return books


def watched(tmp_path, count=60, **settings):
    sink = Hearing()
    trainer = Trainer(items(count), Executor(work))
    telemetry, _ = watch(trainer, tmp_path, sinks=[sink], **settings)
    return trainer, telemetry, sink


@pytest.mark.parametrize("answer", ANSWERS)
def test_a_bad_judge_is_told_once_with_the_server_s_numbers(api, tmp_path, caplog, answer):
    bad, limit, cause = ANSWERS[answer]
    books = serve(api, bad)
    trainer, telemetry, sink = watched(tmp_path)
    for step in (1, 2, 3):
        train_step(trainer, step)
    telemetry.uninstrument()
    (alert,) = sink.alerts
    assert limit in alert.conditions
    assert (alert.cause, f"Likely cause: {cause} (20 of 20 cases)" in alert.text) == (cause, True)
    assert alert.step == 1
    assert alert.numbers["evaluations"] == 60
    assert alert.numbers[limit] * 60 == len(set(books)) == 20
    (line,) = [record for record in caplog.records if "llm_telemetry: alarm" in record.getMessage()]
    assert (line.levelno, line.name) == (logging.WARNING, "llm_telemetry")
    assert line.getMessage() == "llm_telemetry: alarm: " + " ".join(alert.text.splitlines())
    assert "33.3 % (20 of 60" in alert.text
    assert MARKER not in caplog.text + repr(sink.alerts)


def test_after_the_cooldown_a_trainer_is_told_again_if_it_still_holds(api, tmp_path):
    serve(api, refuse)
    trainer, telemetry, sink = watched(tmp_path)
    telemetry._session.counts.alarm._clock = clock = Clock()
    for step, now in enumerate((0, 1000, 2000, 3000), 1):
        clock.now = now
        train_step(trainer, step)
    assert [alert.step for alert in sink.alerts] == [1, 3]


def test_a_healthy_judge_is_not_told(api, tmp_path, caplog):
    serve(api, refuse, every=1000)
    trainer, _, sink = watched(tmp_path)
    train_step(trainer)
    asyncio.run(trainer.evaluate_on_val_set(60))
    assert sink.alerts == []
    assert "alarm" not in caplog.text


def test_a_budget_of_a_trainer(api, tmp_path):
    serve(api, refuse, every=1000)
    prices = {"gpt-4.1-mini": {"input": 1000, "output": 0}, "gpt-4o-mini": {"input": 1000, "output": 0}}
    trainer, telemetry, sink = watched(tmp_path, 10, prices=prices, alarm={"budget": 0.15})
    for step in (1, 2, 3):
        train_step(trainer, step)
    (alert,) = sink.alerts
    assert (alert.step, alert.conditions) == (2, ("budget",))
    assert alert.numbers["total_cost"] == pytest.approx(0.2)
    assert telemetry.cost.get_wandb_logs()["cost/total_cost"] == pytest.approx(0.3)
