"""Thread pools: a judge called from one belongs to the reward that is being computed."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

from llm_telemetry.hooks.patching import Row
from llm_telemetry.hooks.scopes import LAST_ROLLOUT, SCOPE, Scope

if TYPE_CHECKING:
    from collections.abc import Mapping


class _Carried:
    """A function that runs in a pool's thread within the scope it was submitted from.

    Only our own two variables travel: the rest of the context (decimal's precision, say) stays as it would be.
    """

    __slots__ = ("_function", "_last", "_scope")

    def __init__(self, function: Any, scope: Scope) -> None:
        self._function = function
        self._scope = scope
        self._last = LAST_ROLLOUT.get()

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        scope, last = SCOPE.set(self._scope), LAST_ROLLOUT.set(self._last)
        try:
            return self._function(*args, **kwargs)
        finally:
            SCOPE.reset(scope)
            LAST_ROLLOUT.reset(last)


def carry_scope(wrapped: Any, _instance: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """Wrap what is submitted, when there is a scope to carry."""
    scope = SCOPE.get()
    if scope is not None and args:
        args = (_Carried(args[0], scope), *args[1:])
    return wrapped(*args, **kwargs)


ROW = Row(ThreadPoolExecutor, "submit", carry_scope)
