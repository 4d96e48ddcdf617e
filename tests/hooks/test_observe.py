"""Functions and results of every kind pass through a hook as they are."""

import asyncio
import functools
import types

import pytest

from tests.support.loops import Loop
from tests.support.trainers import watch


class Unhashable(type):
    __hash__ = None

    def __eq__(cls, other):
        raise TypeError("compared")


class Odd(metaclass=Unhashable):
    """A result whose class can neither be hashed nor compared."""


class Callable:
    """No function, and yet bound like one."""

    def __call__(self, owner, problem):
        return problem


class Request:
    """Can be awaited, and used with `async with`, as what aiohttp's `session.post(…)` returns."""

    def __await__(self):
        return asyncio.sleep(0, "awaited").__await__()

    async def __aenter__(self):
        return "entered"

    async def __aexit__(self, *_):
        return None

    def send(self, _):
        raise StopIteration

    def throw(self, *_):
        raise StopIteration

    def close(self):
        pass


class Executor:
    def __init__(self, result):
        self.result = result

    def execute(self, problem):
        return self.result


def result_of(executor, tmp_path):
    trainer = Loop(lambda loop: loop.executor.execute("p"), executor=executor)
    watch(trainer, tmp_path)
    return trainer.train_step(1)


def test_a_result_of_a_class_that_cannot_be_hashed_or_compared_is_given_back(tmp_path):
    odd = Odd()
    assert result_of(Executor(odd), tmp_path) is odd


def test_a_method_that_is_bound_to_no_function_is_called(tmp_path):
    executor = Executor(None)
    executor.execute = types.MethodType(Callable(), executor)
    assert result_of(executor, tmp_path) == "p"


def test_a_cached_method_is_called(tmp_path):
    class Cached(Executor):
        @functools.lru_cache  # noqa: B019 - as users do
        def execute(self, problem):
            return problem

    assert result_of(Cached(None), tmp_path) == "p"


@pytest.mark.parametrize("way", ["await", "async with"])
def test_an_awaitable_context_manager_stays_one(tmp_path, way):
    request = result_of(Executor(Request()), tmp_path)
    assert type(request) is Request

    async def use():
        if way == "await":
            return await request
        async with request as entered:
            return entered

    assert asyncio.run(use()) == {"await": "awaited", "async with": "entered"}[way]


def test_asyncio_still_says_that_nobody_has_retrieved_a_task_s_exception(tmp_path):
    said = []

    async def fail():
        raise ValueError("lost")

    async def main():
        asyncio.get_running_loop().set_exception_handler(lambda _, context: said.append(context["message"]))
        trainer = Loop(lambda loop: loop.executor.execute("p"), executor=Spawning())
        watch(trainer, tmp_path)
        task = trainer.train_step(1)
        await asyncio.wait([task])
        del task
        await asyncio.sleep(0)

    class Spawning(Executor):
        def __init__(self):
            super().__init__(None)

        def execute(self, problem):
            return asyncio.ensure_future(fail())

    asyncio.run(main())
    assert said == ["Task exception was never retrieved"]
