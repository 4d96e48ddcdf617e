"""The alarm in a session and in a training: after the payload, once, with the server's numbers and nobody's words."""

import asyncio
import logging
import os

import httpx
import pytest

from llm_telemetry import guard
from llm_telemetry.events import Call, Evidence, Usage
from llm_telemetry.session.session import Session
from llm_telemetry.session.spool import SpoolWriter
from llm_telemetry.settings.variables import configured
from llm_telemetry.sinks.base import AlertSink, Sink
from tests.alarm.test_alarm import Clock, alarm, failed, fed
from tests.support.mocking import chat
from tests.support.trainers import Executor, Memory, Trainer, train_step, watch

MARKER = "mArKeR-7f3"
"""In every prompt, answer and error of these tests, and never in what is told."""


class Hearing(Memory):
    """A sink that hears the alarm."""

    def __init__(self):
        super().__init__()
        self.alerts = []

    def alert(self, alert):
        self.alerts.append(alert)


def session(sinks=(), **settings):
    return Session(configured(settings, {}), sinks)


def a_step(one, *evaluations, step=1):
    phase = one.open_phase("train", step)
    for evaluation in evaluations:
        one.record(evaluation)
    one.close_phase(phase, None)


def test_no_text_of_an_evaluation_is_kept():
    evidence = Evidence(MARKER, MARKER, MARKER)
    one = fed(alarm(), *[failed("empty")._replace(evidence=evidence)] * 60)
    assert MARKER not in repr(one._window)
    assert MARKER not in repr(one.check(1, None))


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
