"""What came of an execution, and whose the rewards are, in the ways in which trainers pass items and results on."""

import asyncio
import random
from collections import UserDict
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pytest

from tests.support.loops import Loop, counts, payload_of

ITEMS = [
    {"question": f"{source} problem {i}?", "answer": f"truth {i}", "dataset": source}
    for source in ("gsm8k", "math")
    for i in range(4)
]


@dataclass
class Trajectory:
    item: dict
    text: str
    reward: float | None = None


@dataclass
class Batch:
    prompts: list
    sources: list
    texts: list | None = None


class Part:
    """An executor, or a reward computer, with one method."""

    def __init__(self, name, function):
        self.__class__ = type("Part", (Part,), {name: staticmethod(function)})


def is_right(item):
    """Everything of gsm8k is right, nothing of math."""
    return float(item["dataset"] == "gsm8k")


def run(item):
    return Trajectory(item, f"about {item['question']}")


def by_source(payload, key):
    return {source: payload.get(f"dataset/{source}/{key}") for source in ("gsm8k", "math")}


def watched(tmp_path, body, execute=None, reward=None):
    """The payload of a step with these functions as executor and reward computer."""
    parts = {} if execute is None else {"executor": Part("execute", execute)}
    grader = Part("compute_reward", reward)
    return payload_of(Loop(body, data=None, reward=grader, **parts), tmp_path)


def exact(payload, samples=1):
    """Tell whether every rollout was counted, and every reward is where it belongs."""
    everything = {"gsm8k": 4 * samples, "math": 4 * samples}
    return (
        counts(payload) == everything
        and by_source(payload, "accuracy") == {"gsm8k": 100, "math": 0}
        and payload["dataset/unscored"] == payload["dataset/unmatched_rewards"] == 0
    )


def test_trajectories_of_a_batch_tell_their_item_in_any_order(tmp_path):
    def body(trainer):
        made = trainer.executor.execute(ITEMS, n=4)
        random.Random(1).shuffle(made)
        for trajectory in made:
            trainer.reward.compute_reward(trajectory)

    def execute(items, n):
        return [run(item) for item in items for _ in range(n)]

    assert exact(watched(tmp_path, body, execute, lambda trajectory: is_right(trajectory.item)), samples=4)


def each(trainer, groups):
    for group in groups:
        for trajectory in group:
            trainer.reward.compute_reward(trajectory)


def by_group(trainer, groups):
    for group in groups:
        trainer.reward.compute_reward(group)


def all_at_once(trainer, groups):
    trainer.reward.compute_reward(groups)


def graded(given):
    """Grade a trajectory, a group of them, or groups."""
    return [graded(one) for one in given] if isinstance(given, list) else is_right(given.item)


@pytest.mark.parametrize("rewarding", [each, by_group, all_at_once])
def test_groups_of_samples_are_rewarded_one_by_one_by_group_or_together(tmp_path, rewarding):
    def body(trainer):
        rewarding(trainer, trainer.executor.execute(ITEMS, n=4))

    payload = watched(tmp_path, body, lambda items, n: [[run(item) for _ in range(n)] for item in items], graded)
    assert exact(payload, samples=4)


def test_a_group_of_texts_for_each_item_is_as_many_rollouts_as_were_asked_for(tmp_path):
    def body(trainer):
        for item, group in zip(ITEMS, trainer.executor.execute(ITEMS, num_samples=3), strict=True):
            for text in group:
                trainer.reward.compute_reward(item, text)

    def execute(items, num_samples):
        return [[f"{i} {item['question']}" for i in range(num_samples)] for item in items]

    assert exact(watched(tmp_path, body, execute, lambda item, _text: is_right(item)), samples=3)


def test_an_executor_may_return_its_answers_beside_something_else(tmp_path):
    texts = {f"about {item['question']}": item for item in ITEMS}

    def body(trainer):
        for text in trainer.executor.execute(ITEMS)[0]:
            trainer.reward.compute_reward(text)

    payload = watched(tmp_path, body, lambda _items: (list(texts), {"took": 1.0}), lambda text: is_right(texts[text]))
    assert exact(payload)


def test_a_batch_may_be_an_object_of_columns(tmp_path):
    def body(trainer):
        batch = Batch([item["question"] for item in ITEMS], [item["dataset"] for item in ITEMS])
        trainer.reward.compute_reward(trainer.executor.execute(batch))

    def execute(batch):
        return Batch(batch.prompts, batch.sources, [f"about {prompt}" for prompt in batch.prompts])

    assert exact(watched(tmp_path, body, execute, lambda batch: [float(s == "gsm8k") for s in batch.sources]))


def test_an_id_tells_whose_a_reward_is(tmp_path):
    def body(trainer):
        for number, item in enumerate(ITEMS):
            trainer.executor.execute(number, item)
        for number in reversed(range(len(ITEMS))):
            trainer.reward.compute_reward(number)

    payload = watched(tmp_path, body, lambda task_id, item: None, lambda task_id: is_right(ITEMS[task_id]))
    assert exact(payload)


def test_rewards_in_other_threads_than_executions_find_their_rollouts(tmp_path):
    texts = {f"about {item['question']}": item for item in ITEMS}

    def body(trainer):
        with ThreadPoolExecutor(4) as pool:
            made = list(pool.map(trainer.executor.execute, ITEMS))
            list(pool.map(trainer.reward.compute_reward, reversed(made)))

    payload = watched(tmp_path, body, lambda item: run(item).text, lambda text: is_right(texts[text]))
    assert exact(payload)


def test_rewards_of_a_queue_s_consumer_find_their_rollouts(tmp_path):
    async def body(trainer):
        queue = asyncio.Queue()

        async def produce(item):
            await queue.put(await trainer.executor.execute(item))

        async def consume():
            for _ in ITEMS:
                trainer.reward.compute_reward(await queue.get())

        await asyncio.gather(*map(produce, ITEMS), consume())

    async def execute(item):
        await asyncio.sleep(0)
        return run(item)

    assert exact(watched(tmp_path, body, execute, lambda trajectory: is_right(trajectory.item)))


@pytest.mark.parametrize("kind", [dict, UserDict])
def test_a_result_to_which_the_trainer_adds_something_is_known_again(tmp_path, kind):
    def body(trainer):
        made = [trainer.executor.execute(item) for item in ITEMS]
        for one in made:
            one["advantage"] = "none yet"
        for one in made:
            trainer.reward.compute_reward(one)

    def execute(item):
        return kind(said=f"about {item['question']}", of=item)

    assert exact(watched(tmp_path, body, execute, lambda made: is_right(made["of"])))


def test_answers_that_were_cut_out_of_texts_alike_tell_nothing(tmp_path):
    rewards = iter([1.0] * 4 + [0.0] * 4)

    def body(trainer):
        for text in [trainer.executor.execute(item) for item in ITEMS]:
            trainer.reward.compute_reward(text.split(":")[1].strip())

    payload = watched(tmp_path, body, lambda _item: "The answer is: Paris", lambda _text: next(rewards))
    assert (payload["dataset/count"], payload["dataset/unscored"], payload["dataset/unmatched_rewards"]) == (8, 8, 8)
    assert "dataset/accuracy" not in payload


def test_rewards_of_which_nothing_is_known_are_nobody_s_after_a_batch_too(tmp_path):
    rewards = iter([0.0] * 8)

    def body(trainer):
        for _ in trainer.executor.execute(ITEMS):
            trainer.reward.compute_reward(1)

    payload = watched(tmp_path, body, lambda items: [None for _ in items], lambda _number: next(rewards))
    assert (payload["dataset/unscored"], payload["dataset/unmatched_rewards"]) == (8, 8)


def test_without_an_executor_a_batch_of_trajectories_is_as_many_rollouts(tmp_path):
    assert exact(watched(tmp_path, lambda trainer: trainer.reward.compute_reward([*map(run, ITEMS)]), reward=graded))


@dataclass
class Episode:
    """What a program without an executor rewards; it may be used again for the next one."""

    item: dict
    response: str = ""


def test_without_an_executor_a_trajectory_that_is_rewarded_twice_is_one_rollout(tmp_path):
    def body(trainer):
        episodes = [Episode(item, f"about {item['question']}") for item in ITEMS]
        for _ in range(2):
            for episode in episodes:
                trainer.reward.compute_reward(episode)

    assert exact(watched(tmp_path, body, reward=graded))


def test_without_an_executor_samples_alike_and_objects_used_again_are_rollouts_of_their_own(tmp_path):
    def body(trainer):
        for item in ITEMS:
            episode = Episode(item)
            for sample in range(4):
                episode.response = f"sample {sample} of {item['question']}"
                trainer.reward.compute_reward(episode)
                trainer.reward.compute_reward(Episode(item, "always the same answer"))

    assert exact(watched(tmp_path, body, reward=graded), samples=8)


def test_rewards_may_be_noted_in_what_was_given(tmp_path):
    def note(trajectory):
        trajectory.reward = is_right(trajectory.item)

    def body(trainer):
        for trajectory in [trainer.executor.execute(item) for item in ITEMS]:
            trainer.reward.compute_reward(trajectory)

    assert exact(watched(tmp_path, body, run, note))


def test_a_comparison_of_two_answers_rewards_two_rollouts(tmp_path):
    def compare(item, response_a, response_b):
        return [is_right(item), is_right(item)]

    def body(trainer):
        for item in ITEMS:
            first, second = trainer.executor.execute(item), trainer.executor.execute(item)
            trainer.reward.compute_reward(item, first, second)
            trainer.reward.compute_reward(item, second, first)

    numbers = iter(range(100))
    assert exact(watched(tmp_path, body, lambda item: f"{next(numbers)} {item['question']}", compare), samples=2)


def test_lists_under_any_name_tell_whose_the_rewards_of_a_batch_are(tmp_path):
    def body(trainer):
        made = [trainer.executor.execute(item) for item in ITEMS]
        trainer.reward.compute_reward(made[::-1], [item["answer"] for item in ITEMS[::-1]])

    payload = watched(tmp_path, body, run, lambda outs, golds: [is_right(out.item) for out in outs])
    assert exact(payload)


def test_a_reward_for_no_answer_is_that_of_the_rollout_that_failed(tmp_path):
    calls = iter([False, True] * len(ITEMS))

    def execute(item):
        if next(calls):
            raise TimeoutError
        return f"about {item['question']}"

    def attempt(trainer, item):
        try:
            return trainer.executor.execute(item)
        except TimeoutError:
            return None

    def body(trainer):
        for item in ITEMS:
            answers = [attempt(trainer, item) for _ in range(2)]
            for answer in reversed(answers):
                trainer.reward.compute_reward(item, answer)

    payload = watched(tmp_path, body, execute, lambda item, response: is_right(item) if response else 0.0)
    assert by_source(payload, "count") == {"gsm8k": 8, "math": 8}
    assert by_source(payload, "accuracy") == {"gsm8k": 50, "math": 0}
    assert payload["dataset/unscored"] == 0


def test_one_number_for_a_batch_is_no_reward_of_any_of_it(tmp_path, caplog):
    def body(trainer):
        trainer.reward.compute_reward(trainer.executor.execute(ITEMS))

    payload = watched(tmp_path, body, lambda items: [*map(run, items)], lambda _trajectories: 0.5)
    assert (payload["dataset/count"], payload["dataset/unscored"]) == (8, 8)
    assert "returned a float for 8 rollouts" in caplog.text


def test_rewards_that_a_batched_executor_computes_itself_are_those_of_its_rollouts(tmp_path):
    def body(trainer):
        def execute(items):
            for item in reversed(items):
                trainer.reward.compute_reward(item)
            return [*map(run, items)]

        type(trainer.executor).work = staticmethod(execute)
        trainer.executor.execute(ITEMS)

    def work(items):
        return executor.work(items)

    executor = Part("execute", work)
    payload = payload_of(Loop(body, data=None, executor=executor, reward=Part("compute_reward", is_right)), tmp_path)
    assert exact(payload)


def test_a_batch_that_raises_is_as_many_failed_rollouts(tmp_path):
    def execute(items):
        raise TimeoutError(len(items))

    def body(trainer):
        with pytest.raises(TimeoutError):
            trainer.executor.execute(ITEMS)

    payload = watched(tmp_path, body, execute, is_right)
    assert (payload["dataset/count"], payload["dataset/failed"], payload["dataset/accuracy"]) == (8, 8, 0)
