"""Workers of Ray on this machine: they are heard when they start with our variables. See docs/ray.md."""

from __future__ import annotations

import json
import os
from typing import TYPE_CHECKING, Any

from llm_telemetry.guard import attempt, guarded
from llm_telemetry.hooks.patching import Row, patches
from llm_telemetry.words import OFF, ON, VARIABLE, choose_folder

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from types import ModuleType

_JOB = "RAY_JOB_CONFIG_JSON_ENV_VAR"
"""What `ray job submit` has set; Ray refuses a variable that is in both environments."""


def setup() -> None:
    """Have the workers of the cluster that `ray.init()` is about to start in this process heard; call it before that.

    With `LLM_TELEMETRY=1` it is done already; with `LLM_TELEMETRY=0` nothing is.
    """
    if os.environ.get(VARIABLE, "").strip().lower() not in OFF:
        choose_folder()
        os.environ[VARIABLE] = ON[0]


def runtime_env(given: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Return a runtime environment for a cluster that is up already: `ray.init(runtime_env=runtime_env())`.

    Args:
        given: Your own, which is kept; what it says of our variables counts.
    """
    setup()
    return _with_ours(given, ())


def _with_ours(given: Mapping[str, Any] | None, but: Iterable[str]) -> dict[str, Any]:
    own = {name: value for name, value in os.environ.items() if name.startswith(VARIABLE) and name not in but}
    env = dict(given or {})
    return {**env, "env_vars": {**own, **(env.get("env_vars") or {})}}


@guarded
def watch_init(module: ModuleType) -> None:
    """With `LLM_TELEMETRY=1`, let `ray.init` take our variables along to a cluster that is up already.

    Args:
        module: Ray's, that has it.
    """
    patches.apply(Row(module, "init", _init))


def _init(wrapped: Any, _instance: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    more = attempt(_runtime_env_in, kwargs)
    return wrapped(*args, **(kwargs if more is None else more))


def _runtime_env_in(kwargs: Mapping[str, Any]) -> dict[str, Any]:
    return {**kwargs, "runtime_env": _with_ours(kwargs.get("runtime_env"), _variables_of_job())}


def _variables_of_job() -> Iterable[str]:
    try:
        job = json.loads(os.environ.get(_JOB, "{}"))
    except ValueError:
        return ()
    env = job.get("runtime_env") if isinstance(job, dict) else None
    return (env.get("env_vars") or {}) if isinstance(env, dict) else ()
