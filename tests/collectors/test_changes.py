"""The judge changed: who answers its calls, as the responses tell, over real HTTP and in the long run."""

import json
from collections import Counter

import anthropic
import openai
import pytest
from hypothesis import given
from hypothesis import strategies as st

from llm_telemetry.collectors.changes import MOST, MOST_MODELS, ChangesCollector
from llm_telemetry.events import Call, Usage
from llm_telemetry.session.counts import Counts
from llm_telemetry.settings.config import Config
from llm_telemetry.testing import LLMServer, Reply
from tests.support.sdk import need
from tests.support.trainers import Executor, Memory, RewardComputer, Trainer, train_step, watch


class Alerts(Memory):
    """A sink that hears alerts too."""

    def __init__(self):
        super().__init__()
        self.alerts = []

    def alert(self, alert):
        self.alerts.append(alert)


def answered(fingerprint=None, *, model="judge-1", tier=None, requested="judge", **fields):
    """A call of the judge that was answered by these."""
    told = {"role": "judge", "usage": Usage(1, 1), "error": None, **fields}
    return Call(
        split="train", source="s", requested_model=requested, model=model, retries=0, latency=0.1,
        fingerprint=fingerprint, service_tier=tier, **told,
    )  # fmt: skip


def changes(*windows):
    """How many changes each window of calls comes to, and what is told of all of them."""
    counted, counts, told = Counts(Config()), [], []
    collector, add_calls = counted.changes, counted.listeners(Counter())[Call]
    for step, calls in enumerate(windows, 1):
        add_calls(calls)
        counts.append(collector.get_wandb_logs().get("judge/changes"))
        told.append(collector.alert(step))
        collector.begin("train")
    return counts, [alert for alert in told if alert is not None]


def test_a_new_model_build_or_tier_is_a_change_and_told_with_what_it_was_before():
    counts, (alert,) = changes([answered("a", tier="default")], [answered("b", model="judge-2", tier="flex")])
    assert counts == [0, 3]
    assert "with the model judge-2; before it was judge-1" in alert.text
    assert "with the fingerprint b; before it was a" in alert.text
    assert "with the service tier flex; before it was default" in alert.text
    assert (alert.step, alert.conditions) == (2, ("judge_changed",))


def test_servers_behind_one_name_that_answer_in_turn_are_no_change():
    in_turn = [answered("a"), answered("b"), answered("a")]
    assert changes(in_turn, in_turn, in_turn) == ([0, 0, 0], [])


def test_what_comes_again_was_there_before():
    assert changes([answered("a")], [answered("b")], [answered("a")])[0] == [0, 1, 0]


def test_what_failed_or_was_not_told_is_no_change():
    failed = answered(model="judge", error="timeout", usage=None)
    counts, alerts = changes([answered("a", tier="flex")], [failed], [answered(None)], [answered("a", tier="flex")])
    assert (counts, alerts) == ([0, None, 0, 0], [])


def test_another_judge_is_a_judge_of_its_own_and_other_roles_are_none():
    first = [answered("a"), answered("x", role="executor")]
    later = [answered("b", requested="second", model="second-1"), answered("y", role="executor")]
    assert changes(first, later) == ([0, 0], [])


def test_fingerprints_without_end_say_nothing_and_memory_stays_small(caplog):
    collector = ChangesCollector()
    for number in range(3 * MOST):
        collector.add_call(answered(f"f{number}"))
    for number in range(2 * MOST_MODELS):
        collector.add_call(answered("a", requested=f"checkpoint-{number}", model=f"checkpoint-{number}"))
    collector.begin("train")
    collector.add_call(answered("new"))
    assert collector.alert(1) is None
    assert caplog.text.count("more than 16 values of its fingerprint") == 1
    known = collector.state()
    longest = max(len(values) for kinds in known.values() for values in kinds.values())
    assert (len(known), longest) == (MOST_MODELS, MOST)


@given(st.lists(st.lists(st.sampled_from("abcd"), max_size=5), min_size=1, max_size=6))
def test_each_value_changes_the_judge_once_at_most(windows):
    counts, _ = changes(*[[answered(one) for one in window] for window in windows])
    first = next((set(window) for window in windows if window), set())
    assert sum(filter(None, counts)) == len({one for window in windows for one in window} - first)


def test_a_run_that_goes_on_knows_who_has_answered_before():
    before, after = ChangesCollector(), ChangesCollector()
    before.add_call(answered("a"))
    after.restore(json.loads(json.dumps(before.state())))
    for fingerprint in ("a", "b"):
        after.add_call(answered(fingerprint))
    assert after.get_wandb_logs() == {"judge/changes": 1}


def ask_chat(server, stream=False):
    with openai.OpenAI(base_url=server.base_url, api_key="k") as client:
        asked = {"model": "judge", "messages": [{"role": "user", "content": "Is it?"}]}
        if not stream:
            return client.chat.completions.create(**asked).choices[0].message.content
        chunks = client.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True})
        return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)


def ask_stream(server):
    return ask_chat(server, stream=True)


def ask_responses(server):
    with openai.OpenAI(base_url=server.base_url, api_key="k") as client:
        return client.responses.create(model="judge", input="Is it?").output_text


def ask_messages(server):
    with anthropic.Anthropic(base_url=server.url, api_key="k") as client:
        asked = [{"role": "user", "content": "Is it?"}]
        return client.messages.create(model="judge", max_tokens=9, messages=asked).content[0].text


async def work(problem):
    return "4", 0.0, {"success": True}


@pytest.mark.parametrize("ask", [ask_chat, ask_stream, ask_responses, ask_messages])
def test_a_judge_that_another_model_answers_for_from_step_3_on_is_told_then(ask, tmp_path, caplog):
    if ask is ask_responses:
        need(openai.OpenAI(api_key="k"), "responses")
    hears = Alerts()
    with LLMServer() as server:
        trainer = Trainer(
            executor=Executor(work), reward_computer=RewardComputer(lambda *_: "true" in ask(server).lower())
        )
        usual, flex = {"input": 1, "output": 1}, {"input": 1, "output": 0.5}
        prices = {"judge-1": {**usual, "flex": flex}, "judge-2": usual}
        telemetry, _ = watch(trainer, tmp_path, sinks=[hears], prices=prices)
        for step in range(1, 5):
            number = 1 + (step >= 3)
            server.answer = Reply("true", model=f"judge-{number}", fingerprint=f"fp_{number}", service_tier="flex")
            train_step(trainer, step)
        telemetry.uninstrument()
    told = [payload.values["judge/changes"] for payload in hears.payloads]
    has_fingerprint = ask in (ask_chat, ask_stream, ask_responses)
    assert told == [0, 0, 1 + has_fingerprint, 0]
    assert [(alert.step, alert.title) for alert in hears.alerts] == [(3, "LLM judge changed")]
    assert caplog.text.count("answered with the model judge-2; before it was judge-1") == 1
    totals = [payload.values.get("cost/priced_as_standard_calls") for payload in hears.payloads]
    assert totals == [None, None, 1, 2]
    served = [entry.tokens for entry in server.books.entries()]
    usd = sum(one.prompt + one.completion * (0.5 if at < 2 else 1) for at, one in enumerate(served)) / 1e6
    assert hears.payloads[-1].values["cost/total_cost"] == pytest.approx(usd)


def test_without_an_alarm_changes_are_counted_and_not_told(tmp_path, caplog):
    hears = Alerts()
    with LLMServer() as server:
        trainer = Trainer(executor=Executor(work), reward_computer=RewardComputer(lambda *_: bool(ask_chat(server))))
        telemetry, _ = watch(trainer, tmp_path, sinks=[hears], alarm=False)
        for step in (1, 2):
            server.answer = Reply("true", fingerprint=f"fp_{step}")
            train_step(trainer, step)
        telemetry.uninstrument()
    assert [payload.values["judge/changes"] for payload in hears.payloads] == [0, 1]
    assert (hears.alerts, "answered with" in caplog.text) == ([], False)
