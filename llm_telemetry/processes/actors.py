"""In a worker of Ray: its actors' methods are hooked before they are called, whenever the owner has said which.

Ray takes the methods of an actor's class when it loads the class, often before there is a trainer that is watched. So
a hook on the class is looked for at each call.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from llm_telemetry.guard import attempt, guarded
from llm_telemetry.hooks.patching import Hook, Row, patches
from llm_telemetry.processes.children import hook_class

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


@guarded
def watch_actors(manager: type) -> None:
    """Have hooks looked for when an actor's method is called.

    Args:
        manager: Ray's `FunctionActorManager`, which makes of each method what is called.
    """
    patches.apply(Row(manager, "_make_actor_method_executor", _make))


def _make(wrapped: Any, _instance: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    execute = wrapped(*args, **kwargs)
    looking = attempt(_looking, execute)
    return execute if looking is None else looking


def _looking(execute: Any) -> Callable[..., Any]:
    """Return a function that calls an actor's method as `execute` does, or its hook, if there is one by now.

    It has the two attributes by which Ray tells a coroutine function and its own methods.
    """
    name = execute.name

    def call(actor: Any, /, *args: Any, **kwargs: Any) -> Any:
        hook_class(type(actor))
        hooked = isinstance(inspect.getattr_static(actor, name, None), Hook)
        return getattr(actor, name)(*args, **kwargs) if hooked else execute(actor, *args, **kwargs)

    call.name, call.method = name, execute.method  # type: ignore[attr-defined]
    return call
