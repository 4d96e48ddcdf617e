"""Workers of Ray on this machine: they are heard when they start with our variables. See docs/ray.md."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from llm_telemetry.settings.words import OFF, ON, VARIABLE, choose_folder

if TYPE_CHECKING:
    from collections.abc import Mapping


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
    own = {name: value for name, value in os.environ.items() if name.startswith(VARIABLE)}
    env = dict(given or {})
    return {**env, "env_vars": {**own, **env.get("env_vars", {})}}
