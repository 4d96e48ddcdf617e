"""With `LLM_TELEMETRY=1`: what is hooked in a framework's modules as they are imported, in every process."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llm_telemetry.activation.adopt import watch_class
from llm_telemetry.hooks.imports import is_class
from llm_telemetry.processes.children import join_owner
from llm_telemetry.trainers.frameworks.table import FRAMEWORKS, arrivals

if TYPE_CHECKING:
    from types import ModuleType

    from llm_telemetry.hooks.patching import Key

_keys: list[Key] = []
"""Of the hooks, which stay."""


def watch_module(module: ModuleType) -> None:
    """Put hooks on a framework's module; the class whose objects log is watched as trainers are."""
    join_owner()
    if not _keys:
        arrivals.watch(_keys)
    arrivals.arrived(module.__name__)
    for log in (framework.log for framework in FRAMEWORKS if framework.log.module == module.__name__):
        cls = getattr(module, log.path.partition(".")[0], None)
        for one in [one for one in vars(module).values() if is_class(one) and is_class(cls) and cls in one.__mro__]:
            watch_class(one)  # a subclass may have an `__init__` that does not call its parent's
