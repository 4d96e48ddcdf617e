"""The lifecycle by hand: what is told in blocks is counted as what hooks see."""

import asyncio
import contextlib
import contextvars
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

import llm_telemetry
from llm_telemetry import InstrumentError, instrument
from tests.support.mocking import chat, openai_api
from tests.support.trainers import Memory, async_client, sync_client

HELLO = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "2 + 2?"}]}


@pytest.fixture(autouse=True)
def api():
    with openai_api(assert_all_called=False) as api:
        api.post("/chat/completions").return_value = chat("true")
        yield api


@pytest.fixture
def memory():
    return Memory()


@pytest.fixture
def telemetry(tmp_path, memory):
    with instrument(folder=tmp_path, sinks=[memory], console=0) as telemetry:
        yield telemetry


def ask():
    with sync_client() as client:
        return client.chat.completions.create(**HELLO).choices[0].message.content


async def ask_async():
    async with async_client() as client:
        return await client.chat.completions.create(**HELLO)


def numbers(payload, *keys):
    """These of a payload's values."""
    return tuple(payload.get(key) for key in keys)


ROLES = ("llm/executor/calls", "llm/judge/calls", "llm/other/calls")


def test_blocks_say_whose_the_calls_are_and_what_came_of_them(telemetry, memory):
    with telemetry.step(7):
        with telemetry.rollout(source="sums", problem="2 + 2?") as rollout:
            ask()
        with rollout.reward() as reward:
            with telemetry.evaluation() as evaluation:
                evaluation.result = ask() == "true"
            reward.result = 1.0 if evaluation.result else 0.0
        ask()
    payload = memory.last
    assert payload["llm_telemetry/step"] == 7
    assert numbers(payload, *ROLES) == (1, 1, 1)
    assert numbers(payload, "dataset/sums/accuracy", "dataset/sums/count", "dataset/sums/avg_reward") == (100, 1, 1)
    assert numbers(payload, "judge/calls", "judge/sums/calls", "judge/correct_count") == (1, 1, 1)


def test_async_blocks_in_tasks_are_kept_apart(telemetry, memory):
    async def attempt(source, reward):
        async with telemetry.rollout(source=source) as rollout:
            await ask_async()
            async with telemetry.evaluation(source=source) as evaluation:
                await ask_async()
                evaluation.result = reward == 1
            rollout.rewarded(reward)

    async def step():
        async with telemetry.step():
            await asyncio.gather(*(attempt(f"s{i % 2}", i % 2) for i in range(10)))

    asyncio.run(step())
    payload = memory.last
    assert numbers(payload, *ROLES) == (10, 10, None)
    assert numbers(payload, "dataset/s0/accuracy", "dataset/s1/accuracy", "dataset/count") == (0, 100, 10)
    assert numbers(payload, "judge/s0/calls", "judge/s1/correct_ratio", "judge/calls") == (5, 1, 10)


def test_plain_calls_do_what_blocks_do(telemetry, memory):
    step = telemetry.step(1).start()
    rollout = telemetry.rollout(source="sums").start()
    ask()
    evaluation = telemetry.evaluation().start()
    ask()
    evaluation.finish(result=False)
    rollout.finish()
    rollout.rewarded(0.25)
    step.finish()
    payload = memory.last
    assert numbers(payload, *ROLES) == (1, 1, None)
    assert numbers(payload, "dataset/sums/avg_reward", "judge/incorrect_count") == (0.25, 1)


def test_what_is_begun_or_ended_again_happens_once(telemetry, memory):
    with telemetry.step(1) as step:
        with telemetry.rollout(source="sums") as rollout:
            rollout.start()
            rollout.finish()
            rollout.rewarded(1)
            rollout.rewarded(0)
        with telemetry.evaluation() as evaluation:
            evaluation.finish(result=True)
            evaluation.finish(result=False)
    step.finish()
    step.start()
    step.finish()
    assert len(memory.payloads) == 1
    assert numbers(memory.last, "dataset/count", "dataset/accuracy", "judge/calls", "judge/correct_count") == (
        1,
        100,
        1,
        1,
    )


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt, GeneratorExit, asyncio.CancelledError])
def test_an_exception_of_any_kind_ends_what_is_open_and_goes_on_its_way(telemetry, memory, error):
    with telemetry.step(1):
        with pytest.raises(error), telemetry.rollout(source="sums"), telemetry.evaluation():
            raise error
        assert ask() == "true"
    payload = memory.last
    assert numbers(payload, "dataset/sums/failed", "dataset/sums/count") == (1, 1)
    assert numbers(payload, "judge/calls", "judge/api_failure_rate") == (1, 1)
    assert numbers(payload, *ROLES) == (None, None, 1)


def test_a_step_that_raises_is_tried_again_in_the_same_window(telemetry, memory):
    for attempt in range(2):
        with contextlib.suppress(MemoryError), telemetry.step(4):
            with telemetry.rollout(source="sums") as rollout:
                rollout.rewarded(1)
            if attempt == 0:
                raise MemoryError
    assert [payload.step for payload in memory.payloads] == [4]
    assert memory.last["dataset/count"] == 2


def test_a_validation_has_a_payload_of_its_own_and_the_step_goes_on(telemetry, memory):
    with telemetry.step(3):
        with telemetry.rollout(source="sums") as rollout:
            rollout.rewarded(0)
        with telemetry.validation(), telemetry.rollout(source="sums") as rollout:
            rollout.rewarded(1)
    val, train = (payload.values for payload in memory.payloads)
    assert numbers(val, "llm_telemetry/step", "val/sums/accuracy", "val/count") == (3, 100, 1)
    assert numbers(train, "llm_telemetry/step", "dataset/sums/accuracy", "dataset/count") == (3, 0, 1)


def test_blocks_within_their_like_are_a_part_of_them(telemetry, memory):
    with telemetry.step(1), telemetry.step(1), telemetry.rollout(source="a") as outer:
        with telemetry.rollout(source="b") as inner:
            ask()
            inner.rewarded(0)
        with telemetry.evaluation(), telemetry.evaluation() as evaluation:
            evaluation.result = False
        outer.rewarded(1)
    assert len(memory.payloads) == 1
    assert numbers(memory.last, "dataset/count", "dataset/a/accuracy", "dataset/b/count") == (1, 100, None)
    assert memory.last["judge/calls"] == 1


def test_rewards_find_their_rollouts_in_any_order(telemetry, memory):
    with telemetry.step(1):
        rollouts = []
        for source in ("a", "b", "a", "b"):
            with telemetry.rollout(source=source, problem="the same") as rollout:
                rollouts.append(rollout)
        for rollout, reward in zip(reversed(rollouts), (1, 0, 1, 0), strict=True):
            with rollout.reward() as block:
                block.result = reward
    assert numbers(memory.last, "dataset/a/accuracy", "dataset/b/accuracy", "dataset/count") == (0, 100, 4)


def test_a_reward_without_a_rollout_opens_one(telemetry, memory):
    with telemetry.step(1), telemetry.reward(source="sums", problem="2 + 2?") as reward:
        ask()
        reward.result = 1
    assert numbers(memory.last, "dataset/sums/accuracy", "dataset/sums/count", *ROLES) == (100, 1, None, 1, None)


def test_a_thread_that_knows_no_block_is_in_the_open_step(telemetry, memory):
    def attempt():
        with telemetry.rollout(source="sums") as rollout:
            ask()
            rollout.rewarded(1)

    with telemetry.step(1), ThreadPoolExecutor(2) as pool:
        threads = [threading.Thread(target=attempt) for _ in range(2)]
        for thread in threads:
            thread.start()
        for future in [pool.submit(attempt) for _ in range(2)]:
            future.result()
        for thread in threads:
            thread.join()
    assert numbers(memory.last, "dataset/sums/count", *ROLES) == (4, 4, None, None)


def test_a_step_may_end_where_it_did_not_begin(telemetry, memory):
    """Callbacks of a framework run each in a context of its own."""
    for number in (1, 2):
        step = telemetry.step(number)
        contextvars.copy_context().run(step.start)
        ask()
        contextvars.copy_context().run(step.finish)
    assert [numbers(payload.values, "llm_telemetry/step", "llm/other/calls") for payload in memory.payloads] == [
        (1, 1),
        (2, 1),
    ]


def test_a_step_that_left_its_scope_behind_hides_no_later_step(telemetry, memory):
    for number in (1, 2):
        step = telemetry.step(number).start()
        contextvars.copy_context().run(step.finish)
    assert [payload.step for payload in memory.payloads] == [1, 2]


def test_a_step_that_left_its_scope_behind_takes_no_call_of_a_later_session(tmp_path):
    with instrument(folder=tmp_path / "first", console=0) as first:
        step = first.step(1).start()
        contextvars.copy_context().run(step.finish)
    memory = Memory()
    with instrument(folder=tmp_path / "second", sinks=[memory], console=0):
        ask()
    assert memory.last["eval/llm/other/calls"] == 1


def test_a_rollout_that_waits_gets_its_reward_after_the_block(telemetry, memory):
    with telemetry.step(1):
        with telemetry.rollout(source="sums") as rollout:
            rollout.result = {"success": False}
        rollout.rewarded(0.5)
    assert numbers(memory.last, "dataset/sums/failed", "dataset/sums/avg_reward") == (1, 0.5)


def test_what_a_reward_is_made_of_has_means_of_its_own(telemetry, memory):
    with telemetry.step(1):
        for source, form, style in (("a", 1.0, None), ("a", 0.0, 0.5), ("b", 1.0, None)):
            with telemetry.rollout(source=source) as rollout:
                rollout.rewarded(form, {"Form!": form, "style": style})
    payload = memory.last
    assert numbers(payload, "reward/form_/mean", "reward/form_/a/mean", "reward/form_/b/mean") == (2 / 3, 0.5, 1)
    assert numbers(payload, "reward/style/mean", "reward/style/a/mean", "reward/style/b/mean") == (0.5, 0.5, None)
    assert numbers(payload, "reward/style/none_share", "reward/style/a/none_share") == (2 / 3, 0.5)
    assert payload["reward/form_/none_share"] == 0


def test_groups_are_told_to_collectors(tmp_path):
    seen = []

    class Groups:
        def add(self, event):
            seen.append(event.group)

        def collect(self, split):
            return {}

    with instrument(folder=tmp_path, collectors=[Groups()]) as telemetry, telemetry.step(1):
        for item in (1, 1, 2):
            with telemetry.rollout(group=item) as rollout:
                rollout.rewarded(1)
    assert seen == [1, 1, 2]


def is_right(question, answer, source=None):
    return ask() == "true"


def solve(question):
    return ask()


def grade(question, answer, dataset):
    return 1.0 if is_right(question, answer) else 0.0


def test_functions_of_a_script_are_watched_when_they_are_named(tmp_path, memory):
    settings = {"executor": solve, "reward": grade, "judge": is_right}
    with instrument(**settings, folder=tmp_path, sinks=[memory]) as telemetry, telemetry.step(1):
        grade("2 + 2?", solve("2 + 2?"), "sums")
    assert numbers(memory.last, *ROLES) == (1, 1, None)
    assert numbers(memory.last, "dataset/sums/accuracy", "judge/sums/calls", "judge/correct_count") == (100, 1, 1)
    assert not hasattr(solve, "__wrapped__")


def test_a_reward_function_may_be_its_own_judge_and_stand_alone(tmp_path, memory):
    with instrument(reward=is_right, judge=is_right, folder=tmp_path, sinks=[memory]) as telemetry:
        is_right("2 + 2?", "4", "sums")
    assert numbers(memory.last, "eval/sums/accuracy", "eval/judge/sums/correct_ratio") == (100, 1)
    assert telemetry.path is not None


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"step": "train"}, "step= names a trainer's method; without one: with telemetry.step"),
        ({"executor": "solve"}, "executor='solve': without a trainer give a function"),
        ({"reward": lambda: 1}, "without a trainer give a function of a module"),
        ({"judge": lambda answer: True}, "there is no such function"),
    ],
)
def test_what_only_a_trainer_has_is_told(settings, message):
    with pytest.raises(InstrumentError, match=message):
        instrument(**settings)


def test_none_is_still_no_trainer():
    with pytest.raises(InstrumentError, match="was given None"):
        instrument(None)


def test_instrument_without_a_trainer_twice_is_one_handle(tmp_path):
    assert instrument(folder=tmp_path) is instrument(folder=tmp_path)


def test_blocks_beside_a_watched_trainer_are_its_own(tmp_path, memory):
    class Trainer:
        def train_step(self, step):
            with telemetry.rollout(source="sums") as rollout:
                rollout.rewarded(1)

    trainer = Trainer()
    with instrument(trainer, folder=tmp_path, sinks=[memory]) as telemetry:
        trainer.train_step(5)
    assert numbers(memory.last, "llm_telemetry/step", "dataset/sums/accuracy") == (5, 100)


def play(telemetry):
    with telemetry.step(1), telemetry.rollout(source="sums") as rollout:
        with telemetry.evaluation() as evaluation:
            evaluation.result = True
        rollout.rewarded(1)
    with telemetry.validation(), telemetry.reward() as reward:
        reward.result = 1


def test_after_uninstrument_blocks_do_nothing(telemetry, memory):
    telemetry.uninstrument()
    play(telemetry)
    assert memory.payloads == []


def test_when_telemetry_is_off_blocks_do_nothing(tmp_path, monkeypatch):
    monkeypatch.setenv("LLM_TELEMETRY", "0")
    telemetry = instrument(folder=tmp_path)
    play(telemetry)
    telemetry.flush()
    assert list(tmp_path.iterdir()) == []


def test_what_goes_wrong_in_a_block_of_ours_stays_there(telemetry, memory, monkeypatch):
    monkeypatch.setattr(llm_telemetry.guard.failures, "strict", False)
    with telemetry.step(1), telemetry.rollout(source=object()) as rollout, telemetry.evaluation():
        rollout.rewarded(object())
    assert memory.last["llm_telemetry/step"] == 1


def test_what_is_asked_in_the_middle_of_a_step_is_up_to_date(telemetry):
    with telemetry.step(1):
        for calls in (1, 2):
            ask()
            assert telemetry.cost.collect("train")["cost/total_cost"] == pytest.approx(calls * 4.5e-6)
