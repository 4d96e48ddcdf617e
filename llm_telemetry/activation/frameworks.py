"""With `LLM_TELEMETRY=1`: what is hooked in a framework's modules as they are imported, in every process."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from llm_telemetry.activation.adopt import lock, watch, watch_class
from llm_telemetry.hooks.scopes import session_here
from llm_telemetry.imports import is_class
from llm_telemetry.processes.children import join_owner
from llm_telemetry.trainers.frameworks.framework import begin
from llm_telemetry.trainers.frameworks.table import FRAMEWORKS, arrivals
from llm_telemetry.trainers.script import SCRIPT
from llm_telemetry.words import is_child

if TYPE_CHECKING:
    from types import ModuleType

    from llm_telemetry.hooks.patching import Key
    from llm_telemetry.session.session import Session

_keys: list[Key] = []
"""Of the hooks, which stay."""


def watch_module(module: ModuleType) -> None:
    """Put hooks on a framework's module; the class whose objects log is watched as trainers are."""
    join_owner()
    if not begin:
        begin.append(_begin)
        arrivals.watch(_keys)
    arrivals.arrived(module.__name__)
    for log in (framework.log for framework in FRAMEWORKS if framework.log is not None):
        is_here = log.module == module.__name__ and not log.change()
        cls = getattr(module, log.path.partition(".")[0], None) if is_here else None
        for one in [one for one in vars(module).values() if is_class(one) and is_class(cls) and cls in one.__mro__]:
            watch_class(one, whole=True)  # a subclass may have an `__init__` that does not call its parent's


def _begin(name: str) -> Session | None:
    """Begin the session of a framework that has no logger; it gives way to a trainer that comes later."""
    with lock:
        known = session_here()
        telemetry = watch(SCRIPT, {"adapter": name}) if known is None and not is_child(os.environ) else None
        return known if telemetry is None else telemetry._session
