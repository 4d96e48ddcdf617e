"""The trainer does not notice: same look, same pickles, same lifetime, nothing left behind."""

import copy
import inspect
import multiprocessing
import pickle
import weakref
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import cloudpickle
import openai
import pytest

from llm_telemetry.clients import openai as openai_hooks
from tests.support.loops import Grader, Loop, SyncExecutor, ask_sync
from tests.support.mocking import chat
from tests.support.sdk import CHAT
from tests.support.trainers import RewardComputer, Trainer, watch


def body(trainer):
    for item in trainer.data.sample_batch():
        trainer.reward.compute_reward(item["problem"], trainer.executor.execute(item["problem"]))


def loop(**parts):
    return Loop(body, **{"executor": SyncExecutor(str.upper), "reward": Grader(float), **parts})


def looks(function):
    return (
        function.__name__,
        function.__qualname__,
        function.__doc__,
        function.__module__,
        inspect.signature(function),
        inspect.iscoroutinefunction(function),
        inspect.ismethod(function),
        inspect.isfunction(function),
        isinstance(function, type(lambda: None)),
    )


def test_a_hooked_method_looks_as_before(tmp_path):
    trainer = Trainer()
    parts = trainer, trainer.executor, trainer.reward_computer, trainer.reward_computer, trainer.data_manager
    names = "train_step", "execute_workflow", "compute_reward", "_llm_judge_compare", "sample_batch"

    def all_looks():
        pairs = list(zip(parts, names, strict=True))
        return [looks(getattr(part, n)) for part, n in pairs] + [looks(getattr(type(part), n)) for part, n in pairs]

    before = all_looks()
    watch(trainer, tmp_path)
    assert all_looks() == before
    assert trainer.train_step == trainer.train_step
    assert trainer.train_step.__self__ is trainer


def test_the_sdk_s_hooked_methods_look_as_before(tmp_path):
    rows = list(openai_hooks.rows("openai"))
    before = [looks(getattr(row.owner, row.name)) for row in rows]
    trainer = Trainer()  # telemetry goes with its trainer
    watch(trainer, tmp_path)
    assert [looks(getattr(row.owner, row.name)) for row in rows] == before


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda thing: pickle.loads(pickle.dumps(thing))])
def test_a_trainer_and_its_parts_are_copied_and_pickled_as_before(tmp_path, again):
    trainer = loop(reward_fn=pow)
    _, memory = watch(trainer, tmp_path)
    twin = again(trainer)
    assert type(twin) is Loop
    assert twin.executor.execute("a") == again(trainer.executor.execute)("a") == "A"
    assert again(trainer.reward).compute_reward("?", "1") == again(trainer.reward.compute_reward)("?", "1") == 1.0
    assert again(trainer.train_step).__self__.executor.execute("b") == "B"
    assert memory.payloads == []


def test_what_is_pickled_while_it_is_watched_names_nothing_of_ours(tmp_path):
    trainer = loop(reward_fn=pow)
    watch(trainer, tmp_path)
    trainer.callback = trainer.reward.compute_reward
    assert b"llm_telemetry" not in pickle.dumps(trainer)
    assert b"llm_telemetry" not in cloudpickle.dumps(local_trainer_watched(tmp_path))
    assert pickle.loads(pickle.dumps(trainer)).callback("?", "1") == 1.0


def local_trainer_watched(tmp_path):
    trainer = local_trainer()
    watch(trainer, tmp_path)
    trainer.callback = trainer.train_step
    return trainer


def test_a_method_that_is_held_weakly_is_watched(tmp_path):
    trainer = Loop(lambda loop: loop.reward.compute_reward("p", "p"), reward=Grader())
    _, memory = watch(trainer, tmp_path)
    method = weakref.WeakMethod(trainer.train_step)
    assert method() == trainer.train_step
    method()(4)
    assert memory.last["llm_telemetry/step"] == 4


def test_a_hooked_function_of_a_class_is_one_object_and_takes_its_object_as_its_first_argument(tmp_path):
    class Child(Grader):
        def compute_reward(self, problem, prediction):
            return Grader.compute_reward(self, problem, prediction)

    trainer = Loop(lambda loop: loop.reward.compute_reward("p", "p"), reward=Child())
    other = Loop(trainer.body, reward=Grader())
    _, memory = watch(trainer, tmp_path)
    watch(other, tmp_path)
    assert type(trainer.reward).compute_reward is Child.compute_reward
    assert Grader.compute_reward is Grader.compute_reward
    assert Loop.train_step(trainer, 5) == 1.0
    assert (memory.last["llm_telemetry/step"], memory.last["dataset/count"]) == (5, 1)


def test_endless_recursion_ends_as_without_us_and_a_deep_one_is_as_deep_as_the_page_says(tmp_path):
    class Recursive:
        def compute_reward(self, problem, prediction):
            return self.compute_reward(problem, prediction - 1) if prediction else 1.0

    trainer = Loop(lambda loop: loop.reward.compute_reward("p", loop.depth), reward=Recursive(), depth=250)
    _, memory = watch(trainer, tmp_path)
    assert trainer.train_step(1) == 1.0
    trainer.depth = -1
    with pytest.raises(RecursionError):
        trainer.train_step(2)
    trainer.depth = 1
    assert trainer.train_step(2) == 1.0
    assert memory.last["llm_telemetry/step"] == 2


def test_a_bound_method_reaches_a_spawned_process(tmp_path):
    trainer = loop()
    watch(trainer, tmp_path)
    with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as pool:
        assert pool.submit(trainer.executor.execute, "a").result(timeout=60) == "A"


def local_trainer():
    """A trainer of a class that cloudpickle ships by value, as it does with classes in `__main__`."""

    class Local:
        def __init__(self):
            self.reward = Grader()

        def train_step(self, step):
            self.reward.compute_reward("2 + 2?", "4")
            return cloudpickle.loads(cloudpickle.dumps(Local)) if step == 1 else None

    return Local()


def test_hooks_that_a_cloudpickle_in_a_step_removes_are_back_at_the_next(tmp_path):
    trainer = local_trainer()
    telemetry, memory = watch(trainer, tmp_path)
    assert trainer.train_step(1) is type(trainer)
    trainer.train_step(2)
    assert [(p.step, p.values["dataset/count"]) for p in memory.payloads] == [(1, 1), (2, 1)]
    telemetry.uninstrument()
    assert not hasattr(vars(type(trainer))["train_step"], "__wrapped__")


def test_hooks_that_a_cloudpickle_between_two_steps_removes_come_back(tmp_path):
    trainer = local_trainer()
    _, memory = watch(trainer, tmp_path)
    cloudpickle.loads(cloudpickle.dumps(type(trainer)))
    for step in (2, 3, 4):
        trainer.train_step(step)
    assert memory.payloads
    assert memory.last["llm_telemetry/step"] == 4


def test_a_static_function_s_hook_that_a_cloudpickle_removes_is_back_at_the_next_step(tmp_path):
    class Static:
        @staticmethod
        def compute_reward(problem, prediction):
            return 1.0

    def step(trainer):
        trainer.reward.compute_reward("2 + 2?", "4")
        cloudpickle.loads(cloudpickle.dumps(Static))

    trainer = Loop(step, reward=Static())
    _, memory = watch(trainer, tmp_path)
    for number in (1, 2):
        trainer.train_step(number)
    assert [payload.values.get("dataset/count") for payload in memory.payloads] == [1, 1]


def classes(trainer):
    sdk = [row.owner for row in openai_hooks.rows("openai")]
    return [Loop, SyncExecutor, Grader, RewardComputer, ThreadPoolExecutor, openai.Stream, *sdk]


def test_uninstrument_leaves_no_trace(tmp_path, api):
    api.post(CHAT).mock(chat())
    trainer = loop(executor=SyncExecutor(lambda p: str(len(ask_sync().choices))), reward_fn=pow)
    owners = [*classes(trainer), trainer, trainer.executor, trainer.reward]
    before = [dict(vars(owner)) for owner in owners]
    telemetry, memory = watch(trainer, tmp_path)
    trainer.train_step(1)
    assert memory.last["dataset/accuracy"] == 100
    telemetry.uninstrument()
    after = [dict(vars(owner)) for owner in owners]
    assert [list(own) for own in after] == [list(own) for own in before]
    assert all(now[name] is own[name] for own, now in zip(before, after, strict=True) for name in own)
