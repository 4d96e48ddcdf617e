"""Whose call it was: role, source, split and step, through tasks, threads and pools."""

import asyncio
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.support.loops import GSM, AsyncExecutor, Grader, Items, Loop, SyncExecutor, ask_sync, counts, payload_of, run
from tests.support.trainers import RewardComputer, Trainer, ask, train_step, watch

USD = (10 * 0.15 + 5 * 0.60) / 1e6
"""What one call of the mocked API costs."""


pytestmark = pytest.mark.usefixtures("yes")


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
