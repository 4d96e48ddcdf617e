"""The catalogue of keys: what is emitted is in it, and what is in it is emitted."""

import asyncio
import itertools
import re

import httpx
import pytest

from llm_telemetry import instrument
from llm_telemetry.collectors.keys import CAPTURED_FAILURES, CATALOGUE, is_shared
from llm_telemetry.events import API_FAILURES, ERRORS, PARSE_FAILURES, ROLES, SPLITS, Padded
from llm_telemetry.session.sessions import active
from tests.support.mocking import chat, openai_api
from tests.support.trainers import Executor, Memory, RewardComputer, Trainer, ask, sync_client, train_step, watch

HOLES = {
    "{source}": "(?!group/)[a-z0-9_]+",
    "{role}": "|".join(ROLES),
    "{kind}": "|".join(ERRORS),
    "{function}": "[a-z0-9_]+",
    "{failure}": "|".join((*API_FAILURES, *PARSE_FAILURES)),
}


def pattern_of(name):
    """What fits a key's name with its holes."""
    regex = re.escape(name)
    for hole, inside in HOLES.items():
        regex = regex.replace(re.escape(hole), f"(?:{inside})")
    return re.compile(regex)


PATTERNS = {
    (key.name, split, name): pattern_of(name) for key in CATALOGUE for split in SPLITS for name in key.names(split)
}


def rows_of(key, split):
    """The rows of the catalogue that `key` of a payload of `split` belongs to."""
    return {name for (name, where, _), pattern in PATTERNS.items() if where == split and pattern.fullmatch(key)}


def trained_and_validated(trainer, tmp_path):
    """A step, and a validation."""
    telemetry, memory = watch(trainer, tmp_path)
    train_step(trainer)
    asyncio.run(trainer.evaluate_on_val_set(2))
    telemetry.uninstrument()
    return memory.payloads


def graded_judge(tmp_path):
    """A judge that gives grades."""

    def grade(problem, prediction, ground_truth):
        client = trainer.reward_computer.llm_judge_client
        client.chat.completions.create(model="gpt-4.1-mini", messages=[{"role": "user", "content": "Grade it."}])
        return 0.7

    trainer = Trainer(reward_computer=RewardComputer(grade))
    return trained_and_validated(trainer, tmp_path)


def careful_judge(tmp_path):
    """A judge that takes samples, and compares in both orders."""

    def choose(problem, prediction, ground_truth):
        client = trainer.reward_computer.llm_judge_client
        for pair in (f"{prediction} or {ground_truth}0?", f"{ground_truth}0 or {prediction}?"):
            for _ in range(3):
                client.chat.completions.create(model="gpt-4.1-mini", messages=[{"role": "user", "content": pair}])
        return True

    trainer = Trainer(reward_computer=RewardComputer(choose))
    return trained_and_validated(trainer, tmp_path)


def every_role(tmp_path):
    """A policy that is called through a client of its own, and a call outside of everything."""

    class Asking(Trainer):
        async def train_step(self, step):
            policy.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "What?"}])
            await ask("What else?")
            policy.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "How?"}])
            return await super().train_step(step)

    policy = sync_client()
    trainer = Asking()
    telemetry, memory = watch(trainer, tmp_path, policy=policy)
    train_step(trainer)
    telemetry.uninstrument()
    return memory.payloads


def other_clients(tmp_path):
    """An executor that asks Anthropic by plain HTTP, by a service tier of no known price, and writes to a cache."""
    usage = {"input_tokens": 5, "output_tokens": 7, "cache_creation_input_tokens": 3, "cache_read_input_tokens": 0}
    usage["service_tier"] = "of its own"
    body = {"type": "message", "model": "claude-haiku-4-5", "content": [{"type": "text", "text": "4"}], "usage": usage}

    async def work(problem):
        transport = httpx.MockTransport(lambda _: httpx.Response(200, json=body))
        async with httpx.AsyncClient(transport=transport) as client:
            await client.post("http://llm.test/v1/messages", json={"model": "claude-haiku-4-5", "messages": []})
        return "4", 0.0, {"success": True}

    trainer = Trainer(executor=Executor(work), reward_computer=RewardComputer(lambda *_: True))
    return trained_and_validated(trainer, tmp_path)


def samples_of_an_item(tmp_path):
    """Two rollouts of one item with rewards that differ."""
    verdicts = itertools.cycle([True, False])
    item = {"problem": "2 + 2?", "ground_truth": "4", "source": "gsm8k"}
    trainer = Trainer([item, item], reward_computer=RewardComputer(lambda *_: next(verdicts)))
    return trained_and_validated(trainer, tmp_path)


def rewards_of_parts(tmp_path):
    """Rewards that are told by hand, with what they are made of."""
    memory = Memory()
    with instrument(folder=tmp_path, sinks=[memory], console=0) as telemetry:
        for window in (telemetry.step(1), telemetry.validation()):
            with window:
                for given in (1.0, 0.0):
                    with telemetry.rollout(source="math") as rollout:
                        with telemetry.evaluation() as evaluation:
                            evaluation.result = True
                        rollout.rewarded(1.0, {"form": given, "judge": None}, tokens=7)
    return memory.payloads


def batches_that_are_filled_up(tmp_path):
    """A step and a validation whose batches the trainer fills up with copies, as verl does."""
    memory = Memory()
    with instrument(folder=tmp_path, sinks=[memory], console=0) as telemetry:
        for split, window in (("train", telemetry.step(1)), ("val", telemetry.validation())):
            with window, telemetry.rollout(source="math") as rollout:
                rollout.rewarded(1.0)
                active[-1].record(Padded(split, 2))
    return memory.payloads


@pytest.fixture(scope="module")
def emitted(demo_run, tmp_path_factory):
    """The payloads of all scenarios."""
    payloads = [*demo_run("worst").emitted, *demo_run("doubtful").emitted]
    with openai_api() as api:
        api.post("/chat/completions").side_effect = lambda _: chat("Score: 7/10")
        payloads += graded_judge(tmp_path_factory.mktemp("graded"))
        payloads += every_role(tmp_path_factory.mktemp("roles"))
        api.post("/chat/completions").side_effect = lambda _: chat("[[A]]")
        payloads += careful_judge(tmp_path_factory.mktemp("careful"))
        payloads += samples_of_an_item(tmp_path_factory.mktemp("samples"))
    payloads += rewards_of_parts(tmp_path_factory.mktemp("parts"))
    payloads += batches_that_are_filled_up(tmp_path_factory.mktemp("filled_up"))
    payloads += other_clients(tmp_path_factory.mktemp("clients"))
    return payloads


@pytest.fixture(scope="module")
def keys(emitted):
    return {key for payload in emitted for key in payload.values}


def test_every_emitted_key_is_in_the_catalogue_exactly_once(emitted):
    rows = {(p.split, key): rows_of(key, p.split) for p in emitted for key in p.values}
    assert {key: found for key, found in rows.items() if len(found) != 1} == {}


SELDOM = (
    "judge/forgotten_answers",
    "val/judge/forgotten_answers",
    "telemetry/unclosed_writers",
)
"""In none of these payloads: more than 65,536 answers until one is forgotten, processes of other machines."""


def test_every_key_of_the_catalogue_is_emitted_in_training_and_in_validation(emitted):
    keys = {split: {key for p in emitted if p.split == split for key in p.values} for split in SPLITS}
    missing = [
        name
        for (_, split, name), pattern in PATTERNS.items()
        if not any(map(pattern.fullmatch, keys[split])) and name not in SELDOM
    ]
    assert missing == []


def test_a_key_is_in_training_and_in_validation_only_when_it_is_shared(emitted):
    train, val = ({key for p in emitted if p.split == split for key in p.values} for split in SPLITS)
    assert {key for key in train & val if not is_shared(key)} == set()
    assert {key for key in val if not key.startswith("val/") and not is_shared(key)} == set()


def test_the_table_of_captured_failures_is_no_key_of_a_payload(keys):
    assert keys.isdisjoint(CAPTURED_FAILURES.of(split) for split in SPLITS)


def test_every_role_is_emitted(keys):
    assert {key.split("/")[1] for key in keys if key.startswith("llm/")} == set(ROLES)


def test_the_totals_of_a_payload_are_the_keys_of_the_run(emitted):
    run = {key.name for key in CATALOGUE if key.window == "run"}
    for payload in emitted:
        assert set(payload.totals) == {key for key in payload.values if rows_of(key, payload.split) <= run}


def test_values_are_plain_numbers_in_their_documented_range(emitted):
    assert all(type(value) in (int, float) for payload in emitted for value in payload.values.values())
    rates = [v for p in emitted for k, v in p.values.items() if k.endswith(("_rate", "_ratio", "avg_score"))]
    assert all(0 <= rate <= 1 for rate in rates)
    assert any(0 < rate < 1 for rate in rates)


def test_the_sums_that_are_documented_add_up(emitted):
    own = [payload for payload in emitted if "telemetry/trainer_rows_dropped" in payload.values]  # one run's
    spent = sum(payload.values.get(key, 0) for payload in own for key in ("cost/step_cost", "val/cost/step_cost"))
    assert spent == pytest.approx(own[-1].values["cost/total_cost"], rel=1e-12)
    tokens = [(k, v) for p in own for k, v in p.values.items() if k.endswith(("/prompt", "/completion"))]
    assert sum(count for _, count in tokens) == own[-1].values["tokens/total"]


def test_nothing_failed_inside(emitted):
    assert {payload.values["telemetry/errors"] for payload in emitted} == {0}
