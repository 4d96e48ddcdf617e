"""Clients that tell the role of their calls, and what contradicts them."""

import importlib
import sys
import threading
import types

import openai
import pytest

from tests.support.loops import Grader, Loop, SyncExecutor, payload_of
from tests.support.mocking import chat, usage
from tests.support.sdk import CHAT
from tests.support.trainers import RewardComputer, Trainer, async_client, sync_client, train_step, watch

pytestmark = pytest.mark.usefixtures("yes")


def test_a_scope_beats_the_client_that_the_user_has_registered_and_that_is_told_once(tmp_path, caplog):
    policy = sync_client()

    def asked(_=None):
        return policy.with_options(timeout=9).chat.completions.create(model="m", messages=[])

    def body(trainer):
        for _ in range(2):
            asked()
            trainer.executor.execute("2 + 2?")
            trainer.reward.compute_reward("2 + 2?", "4")

    trainer = Loop(body, executor=SyncExecutor(asked), reward=Grader(lambda _: asked() and 1.0))
    payload = payload_of(trainer, tmp_path, policy=policy)
    assert {role: payload[f"llm/{role}/calls"] for role in ("policy", "executor", "judge")} == {
        "policy": 2,
        "executor": 2,
        "judge": 2,
    }
    assert len([r for r in caplog.records if "policy=" in r.getMessage()]) == 1


def test_a_policy_s_client_that_is_only_guessed_is_dropped_where_a_scope_contradicts(tmp_path, caplog):
    policy = sync_client()

    def body(trainer):
        by(policy)
        trainer.executor.execute("2 + 2?")
        by(policy)

    trainer = Loop(body, executor=SyncExecutor(lambda _: by(policy)), policy_client=policy)
    payload = payload_of(trainer, tmp_path)
    calls = {role: payload.get(f"llm/{role}/calls", 0) for role in ("policy", "executor", "other")}
    assert calls == {"policy": 1, "executor": 1, "other": 1}
    assert len([r for r in caplog.records if "taken for the policy's" in r.getMessage()]) == 1


def test_a_client_inside_the_policy_is_found(tmp_path):
    class Policy:
        client = None

    policy = Policy()
    policy.client = async_client()
    trainer = Loop(lambda t: t.policy.client.chat.completions.create(model="m", messages=[]), policy=policy)
    assert payload_of(trainer, tmp_path)["llm/policy/calls"] == 1


def test_clients_that_share_an_http_client_keep_their_roles(tmp_path):
    stack = importlib.import_module("httpx2" if openai.__version__ >= "3" else "httpx")
    shared = stack.Client()
    policy = openai.OpenAI(base_url="http://llm.test/v1", api_key="policy", http_client=shared)
    executor = openai.OpenAI(base_url="http://llm.test/v1", api_key="executor", http_client=shared)

    def body(trainer):
        policy.chat.completions.create(model="m", messages=[])
        trainer.executor.execute("2 + 2?")

    work = SyncExecutor(lambda _: executor.chat.completions.create(model="m", messages=[]))
    payload = payload_of(Loop(body, executor=work), tmp_path, policy=policy)
    assert (payload["llm/policy/calls"], payload["llm/executor/calls"]) == (1, 1)


def test_the_judge_s_client_is_the_judge_s_outside_of_every_scope_too(tmp_path):
    def body(trainer):
        trainer.reward_computer.ask_judge("2 + 2?", "4", "4")

    payload = payload_of(Loop(body, reward_computer=RewardComputer()), tmp_path)
    assert payload["llm/judge/calls"] == 1
    assert "judge/calls" not in payload


def in_a_thread(function):
    thread = threading.Thread(target=function)
    thread.start()
    thread.join()


def by(client):
    return client.chat.completions.create(model="m", messages=[])


def test_a_client_of_the_judge_s_that_the_executor_uses_too_is_nobody_s_outside_of_both(tmp_path, caplog):
    class Judging(Grader):
        def __init__(self, client):
            super().__init__(lambda _: by(client) and 1.0)
            self.client = client

    client = sync_client()

    def body(trainer):
        trainer.executor.execute("2 + 2?")
        in_a_thread(lambda: by(client))
        trainer.reward.compute_reward("2 + 2?", "4")

    trainer = Loop(body, executor=SyncExecutor(lambda _: by(client)), reward=Judging(client))
    payload = payload_of(trainer, tmp_path)
    calls = {role: payload.get(f"llm/{role}/calls", 0) for role in ("executor", "judge", "other")}
    assert calls == {"executor": 1, "judge": 1, "other": 1}
    assert len([r for r in caplog.records if "taken for the judge's" in r.getMessage()]) == 1


def test_a_client_that_executor_and_judge_hold_both_tells_no_role(tmp_path):
    client = sync_client()
    executor, reward = SyncExecutor(lambda _: by(client)), Grader(lambda _: by(client) and 1.0)
    executor.client = reward.client = client
    trainer = Loop(lambda _: in_a_thread(lambda: by(client)), executor=executor, reward=reward)
    assert payload_of(trainer, tmp_path)["llm/other/calls"] == 1


@pytest.mark.parametrize(("name", "role"), [("client", "other"), ("judge_client", "judge")])
def test_a_module_s_client_is_the_judge_s_only_by_its_name(tmp_path, monkeypatch, name, role):
    client = sync_client()
    module = types.ModuleType("my_judging")
    monkeypatch.setitem(sys.modules, "my_judging", module)
    source = (
        "def llm_judge(prediction): return True\ndef reward(problem, prediction): return float(llm_judge(prediction))"
    )
    exec(source, vars(module))
    setattr(module, name, client)
    trainer = Loop(lambda _: in_a_thread(lambda: by(client)), reward_fn=module.reward)
    assert payload_of(trainer, tmp_path)[f"llm/{role}/calls"] == 1


def test_an_answer_extracted_with_the_judge_s_client_is_judge_cost_and_no_evaluation(api, tmp_path):
    class Extracting(RewardComputer):
        def compute_reward(self, *, problem, prediction, ground_truth, source=None):
            self.ask_judge(problem, prediction, "extract")
            return super().compute_reward(problem=problem, prediction=prediction, ground_truth=ground_truth)

    api.post(CHAT).mock(chat("true", usage=usage(10, 5)))
    trainer = Trainer(reward_computer=Extracting())
    _, memory = watch(trainer, tmp_path)
    train_step(trainer)
    assert memory.last["llm/judge/calls"] == memory.last["cost/judge_calls"] == 2
    assert memory.last["judge/calls"] == memory.last["judge/correct_count"] == 1
