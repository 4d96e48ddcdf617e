"""In a worker of Ray: its actors' methods are hooked before they are called, whenever the owner has said which.

Ray takes the methods of an actor's class when it loads the class, often before there is a trainer that is watched. So
a hook on the class is looked for at each call.
"""

from __future__ import annotations

import functools
import inspect
from types import FunctionType
from typing import TYPE_CHECKING, Any

from llm_telemetry.guard import attempt, guarded
from llm_telemetry.hooks.patching import Hook, Row, patches
from llm_telemetry.processes.children import hook_class, reach
from llm_telemetry.processes.nodes import Collector, courier, settle, settle_async

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@guarded
def watch_actors(manager: type) -> None:
    """Have hooks looked for when an actor's method is called.

    Args:
        manager: Ray's `FunctionActorManager`, which makes of each method what is called.
    """
    reach()
    patches.apply(Row(manager, "_make_actor_method_executor", _make))
    patches.apply(Row(manager, "get_execution_info", _task))


def _make(wrapped: Any, _instance: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    execute = wrapped(*args, **kwargs)
    looking = attempt(_looking, execute)
    return execute if looking is None else looking


def _looking(execute: Any) -> Callable[..., Any] | None:
    """Return a function that calls an actor's method as `execute` does, or its hook, if there is one by now.

    It has the two attributes by which Ray tells a coroutine function and its own methods.
    """
    name = execute.name
    if getattr(execute.method, "__module__", None) == Collector.__module__:
        return None  # our own actor must not wait for itself

    def run(actor: Any, /, *args: Any, **kwargs: Any) -> Any:
        hook_class(type(actor))
        hooked = isinstance(inspect.getattr_static(actor, name, None), Hook)
        return getattr(actor, name)(*args, **kwargs) if hooked else execute(actor, *args, **kwargs)

    call = _telling(run, execute.method)
    call.name, call.method = name, execute.method  # type: ignore[attr-defined]
    return call


def _telling(run: Callable[..., Any], shape: Any) -> Callable[..., Any]:
    """Return `run` with what is to be done before and after, where the owner is on another machine.

    Args:
        run: Calls a method or a task.
        shape: A function that is sync, async or a generator as `run` is; what goes on yielding is left alone.
    """

    async def call_async(*args: Any, **kwargs: Any) -> Any:
        await settle_async(courier.prepare())
        try:
            return await run(*args, **kwargs)
        finally:
            await settle_async(courier.bring())

    def call(*args: Any, **kwargs: Any) -> Any:
        settle(courier.prepare())
        try:
            return run(*args, **kwargs)
        finally:
            settle(courier.bring())

    if inspect.isgeneratorfunction(shape) or inspect.isasyncgenfunction(shape):
        return run
    return call_async if inspect.iscoroutinefunction(shape) else call


def _task(wrapped: Any, _instance: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    info = wrapped(*args, **kwargs)
    telling = attempt(_telling_task, info)
    return info if telling is None else telling


def _telling_task(info: Any) -> Any:
    """Return what Ray is to know of a task: its function, and what is told after it."""
    if isinstance(info.function, FunctionType) and not hasattr(info.function, "method"):
        return info._replace(function=functools.wraps(info.function)(_telling(info.function, info.function)))
    return info  # an actor's method, which `_make` has seen to
