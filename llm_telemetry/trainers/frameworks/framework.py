"""What is known of a framework: which function in which of its modules is what. Records; nothing of it is imported."""

from __future__ import annotations

import inspect
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from llm_telemetry.hooks.patching import Row
from llm_telemetry.hooks.scopes import session_here
from llm_telemetry.lifecycle.functions import parameters_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from llm_telemetry.session.session import Session
    from llm_telemetry.trainers.kinds import Kind


begin: list[Callable[[str], Session | None]] = []
"""With `LLM_TELEMETRY=1`, what begins the session of a framework without a logger."""


class Seam(NamedTuple):
    """A function of a framework's at which something is heard."""

    module: str
    path: str
    """`Class.method`, or a function of the module."""
    kind: Kind
    label: str = ""
    """What a judge is called in keys."""

    begins: str = ""
    """The name of the framework whose session a call begins, with `LLM_TELEMETRY=1`, where there is none."""
    reads: tuple[str, ...] = ()
    """The parameters that are read, besides those of the kind."""

    def change(self) -> str:
        """Return in what the function, whose module is imported, is not the one that we know; empty where it is."""
        _, function = self._found()
        if not callable(function):
            return "is not there"
        missing = [name for name in (*self.kind.reads, *self.reads) if name not in parameters_of(function)]
        return f"has no parameter {' or '.join(missing)}" if missing else ""

    def row(self) -> Row:
        """Return its hook; it has not changed."""
        owner, function = self._found()
        holder, _, name = self.path.rpartition(".")
        return Row(owner, name, self.kind.wrapper(function, self.label, adopt=self._session, in_class=bool(holder)))

    def _found(self) -> tuple[Any, Any]:
        """Return the class, or the module, that has the function, and the function; `None` for what is not there."""
        holder, _, name = self.path.rpartition(".")
        module = sys.modules.get(self.module)
        owner = getattr(module, holder, None) if holder else module
        return owner, inspect.getattr_static(owner, name, None)

    def _session(self, instance: object) -> Session | None:
        return session_of_call(instance) or (begin[0](self.begins) if self.begins and begin else None)


class Framework(NamedTuple):
    """One framework."""

    name: str
    """As an adapter's: in `instrument(adapter="…")` and in messages."""
    log: Seam | None
    """The method by which the owner logs a step: the object that has it is watched as the trainer. Without one, there
    is a trainer of another kind, or rows of W&B are the steps."""
    seams: tuple[Seam, ...] = ()
    """What else is heard, in the owner and in other processes."""
    lacks: tuple[str, ...] = ()
    """What the payload is without, a sentence each."""


def session_of_call(_instance: object) -> Session | None:
    """Return the session of whatever is watched here."""
    return session_here()
