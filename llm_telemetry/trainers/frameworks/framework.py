"""What is known of a framework: which function in which of its modules is what. Records; nothing of it is imported."""

from __future__ import annotations

import inspect
import sys
from typing import TYPE_CHECKING, NamedTuple

from llm_telemetry.hooks.patching import Row
from llm_telemetry.hooks.scopes import session_here
from llm_telemetry.lifecycle.functions import parameters_of

if TYPE_CHECKING:
    from llm_telemetry.session.session import Session
    from llm_telemetry.trainers.kinds import Kind


class Seam(NamedTuple):
    """A function of a framework's at which something is heard."""

    module: str
    path: str
    """`Class.method`, or a function of the module."""
    kind: Kind
    label: str = ""
    """What a judge is called in keys."""

    def row(self) -> Row | None:
        """Return its hook; `None` where the module, which is imported, has no such function: it is another version."""
        holder, _, name = self.path.rpartition(".")
        module = sys.modules[self.module]
        owner = getattr(module, holder, None) if holder else module
        function = inspect.getattr_static(owner, name, None)
        if not callable(function):
            return None
        parameters = parameters_of(function)[bool(holder) :]
        return Row(owner, name, self.kind.hook(self.kind.opens(self.label), parameters, nobody, session_of_call))


class Framework(NamedTuple):
    """One framework."""

    name: str
    """As an adapter's: in `instrument(adapter="…")` and in messages."""
    log: Seam
    """The method by which the owner logs a step: the object that has it is watched as the trainer."""
    seams: tuple[Seam, ...] = ()
    """What else is heard, in the owner and in other processes."""
    lacks: tuple[str, ...] = ()
    """What the payload is without, a sentence each."""


def nobody() -> None:
    """Return the owner of a function that a hook on it need not know."""


def session_of_call(_instance: object) -> Session | None:
    """Return the session of whatever is watched here."""
    return session_here()
