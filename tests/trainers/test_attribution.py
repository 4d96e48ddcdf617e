"""Whose call it was: role, source, split and step, through tasks, threads and pools."""

import asyncio
import importlib
import sys
import threading
import types
from concurrent.futures import ThreadPoolExecutor

import openai
import pytest

from tests.support.loops import GSM, AsyncExecutor, Grader, Items, Loop, SyncExecutor, ask_sync, counts, payload_of, run
from tests.support.mocking import chat, usage
from tests.support.sdk import CHAT
from tests.support.trainers import RewardComputer, Trainer, ask, async_client, sync_client, train_step, watch

USD = (10 * 0.15 + 5 * 0.60) / 1e6
"""What one call of the mocked API costs."""


@pytest.fixture(autouse=True)
def _answers(api):
    api.post(CHAT).mock(chat("true"))


async def by_gather():
    await asyncio.gather(ask(), ask())


async def by_tasks():
    first, second = asyncio.create_task(ask()), asyncio.ensure_future(ask())
    await first
    await second


async def by_wait_for():
    await asyncio.wait_for(ask(), 5)
    await asyncio.wait_for(asyncio.shield(ask()), 5)


async def by_to_thread():
    await asyncio.gather(asyncio.to_thread(ask_sync), asyncio.to_thread(ask_sync))


async def by_run_in_executor():
    loop = asyncio.get_running_loop()
    with ThreadPoolExecutor(1) as pool:
        await asyncio.gather(loop.run_in_executor(None, ask_sync), loop.run_in_executor(pool, ask_sync))


async def by_submit():
    with ThreadPoolExecutor() as pool:
        await asyncio.gather(*(asyncio.wrap_future(pool.submit(ask_sync)) for _ in range(2)))


async def by_map():
    with ThreadPoolExecutor() as pool:
        list(pool.map(ask_sync, "ab"))


async def by_another_loop():
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever)
    thread.start()
    for _ in range(2):
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(ask(), loop))
    loop.call_soon_threadsafe(loop.stop)
    thread.join()
    loop.close()


async def by_a_pool_in_a_pool():
    def inner():
        with ThreadPoolExecutor() as pool:
            list(pool.map(ask_sync, "ab"))

    await asyncio.to_thread(inner)


WAYS = [by_gather, by_tasks, by_wait_for, by_to_thread, by_run_in_executor, by_submit, by_map, by_another_loop]
WAYS += [by_a_pool_in_a_pool]


async def all_at_once(trainer):
    """Execute and reward every item, all under one gather."""

    async def rollout(item):
        answer = await trainer.executor.execute(item["problem"])
        trainer.reward.compute_reward(item["problem"], answer)

    await asyncio.gather(*map(rollout, trainer.data.sample_batch()))


@pytest.mark.parametrize("way", WAYS)
def test_a_call_belongs_to_the_executor_and_the_source_that_it_is_made_for(tmp_path, way):
    async def work(problem):
        if problem == GSM["problem"]:
            await way()

    payload = payload_of(Loop(all_at_once, executor=AsyncExecutor(work), reward=Grader()), tmp_path)
    assert payload["llm/executor/calls"] == 2
    assert not [key for key in payload if key.startswith("llm/other")]
    assert payload["dataset/gsm8k/avg_cost"] == pytest.approx(2 * USD)
    assert payload.get("dataset/mmlu/avg_cost", 0) == 0
    assert counts(payload) == {"gsm8k": 1, "mmlu": 1}


@pytest.mark.parametrize("way", WAYS)
def test_a_call_in_a_reward_function_is_the_judge_s(tmp_path, way):
    class AsyncGrader(Grader):
        async def compute_reward(self, problem, prediction):
            await way()
            return 1.0

    async def body(trainer):
        await asyncio.gather(
            *(trainer.reward.compute_reward(item["problem"], "4") for item in trainer.data.sample_batch())
        )

    payload = payload_of(Loop(body, reward=AsyncGrader()), tmp_path)
    assert payload["llm/judge/calls"] == 4
    assert payload["dataset/gsm8k/avg_cost"] == payload["dataset/mmlu/avg_cost"] == pytest.approx(2 * USD)
    assert payload["dataset/accuracy"] == 100


@pytest.mark.parametrize("pooled", ["submit", "map"])
def test_judges_in_a_thread_pool_are_evaluations_of_their_reward_s_source(tmp_path, pooled):
    class Panel(RewardComputer):
        def compute_reward(self, *, problem, prediction, ground_truth, source=None):
            three = [(problem, prediction, ground_truth)] * 3
            with ThreadPoolExecutor() as pool:
                if pooled == "map":
                    verdicts = list(pool.map(self._llm_judge_compare, *zip(*three, strict=True)))
                else:
                    futures = [pool.submit(self._llm_judge_compare, *one) for one in three]
                    verdicts = [future.result() for future in futures]
            return float(all(verdicts))

    trainer = Trainer(reward_computer=Panel())
    _, memory = watch(trainer, tmp_path)
    train_step(trainer)
    assert memory.last["judge/gsm8k/calls"] == memory.last["judge/correct_count"] == 3
    assert memory.last["llm/judge/calls"] == 3
    assert memory.last["dataset/gsm8k/count"] == 1


@pytest.mark.parametrize("start", ["to_thread", "run_in_executor", "submit"])
def test_an_executor_that_is_run_in_a_thread_is_still_the_rollout_of_its_reward(tmp_path, start):
    async def started(function, *args):
        if start == "to_thread":
            return await asyncio.to_thread(function, *args)
        if start == "run_in_executor":
            return await asyncio.get_running_loop().run_in_executor(None, function, *args)
        with ThreadPoolExecutor() as pool:
            return await asyncio.wrap_future(pool.submit(function, *args))

    async def body(trainer):
        async def rollout(item):
            answer = await started(trainer.executor.execute, item["problem"])
            trainer.reward.compute_reward(item["problem"], answer)

        await asyncio.gather(*map(rollout, trainer.data.sample_batch()))

    trainer = Loop(body, executor=SyncExecutor(ask_sync), reward=Grader(), data=Items(times=3))
    payload = payload_of(trainer, tmp_path)
    assert counts(payload) == {"gsm8k": 3, "mmlu": 3}
    assert payload["dataset/accuracy"] == 100
    assert payload["llm/executor/calls"] == 6


def test_a_call_in_a_bare_thread_is_other_and_shown(tmp_path):
    def body(_):
        thread = threading.Thread(target=ask_sync)
        thread.start()
        thread.join()

    payload = payload_of(Loop(body), tmp_path)
    assert payload["llm/other/calls"] == 1
    assert payload["cost/total_cost"] == pytest.approx(USD)


# --- clients that tell the role


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


# --- two trainers


def test_two_trainers_at_once_count_their_own(tmp_path):
    def trainer(items):
        return Loop(all_at_once, executor=AsyncExecutor(lambda _: by_gather()), reward=Grader(), data=Items(*items))

    first, second = trainer([GSM]), trainer([GSM, {**GSM, "problem": "3 + 3?"}])
    (_, of_first), (_, of_second) = watch(first, tmp_path / "1"), watch(second, tmp_path / "2")

    async def both():
        await asyncio.gather(first.train_step(), second.train_step())

    run(both())
    assert (of_first.last["dataset/count"], of_first.last["llm/executor/calls"]) == (1, 2)
    assert (of_second.last["dataset/count"], of_second.last["llm/executor/calls"]) == (2, 4)


def test_two_trainers_that_share_their_parts_count_their_own(tmp_path):
    shared = {"executor": AsyncExecutor(lambda _: by_gather()), "reward": Grader()}
    first, second = Loop(all_at_once, **shared), Loop(all_at_once, **shared)
    (_, of_first), (_, of_second) = watch(first, tmp_path / "1"), watch(second, tmp_path / "2")
    run(second.train_step())
    assert of_first.payloads == []
    assert (of_second.last["dataset/count"], of_second.last["llm/executor/calls"]) == (2, 4)


def test_two_trainers_with_a_static_reward_function_count_their_own(tmp_path):
    class Static:
        @staticmethod
        def compute_reward(problem, prediction):
            return 1.0

    def body(trainer):
        trainer.reward.compute_reward("2 + 2?", "4")

    first, second = Loop(body, reward=Static()), Loop(body, reward=Static())
    (_, of_first), (_, of_second) = watch(first, tmp_path / "1"), watch(second, tmp_path / "2")
    second.train_step()
    assert of_first.payloads == []
    assert of_second.last["dataset/count"] == 1
