"""What a child does when it has something to tell: it opens its file, and hooks clients, and parts of the trainer.

Most workers of Ray never come here, so that what this imports is not in their start.
"""

from __future__ import annotations

import inspect
from typing import TYPE_CHECKING, Any

from llm_telemetry.clients import libraries as clients
from llm_telemetry.hooks import threads
from llm_telemetry.hooks.patching import Row, patches
from llm_telemetry.objects import weakly
from llm_telemetry.session.session import Session
from llm_telemetry.session.spool import SpoolWriter
from llm_telemetry.settings.variables import configured
from llm_telemetry.trainers.kinds import KINDS

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path


def join(folder: Path, settings: Mapping[str, Any]) -> tuple[Session, SpoolWriter]:
    """Return a session that tells the folder's owner what is seen here, and what it tells it by.

    Raises:
        OSError: The folder is not private, or cannot be written.
    """
    session, writer = Session(configured(settings)), SpoolWriter(folder)
    writer.open()
    session.forward_to(writer)
    return session, writer


def hook_clients() -> None:
    """Put hooks on what LLM calls go through, and on thread pools."""
    patches.apply(threads.ROW)
    clients.watch([])


def watch_clients(library: str, made: Callable[[], object]) -> None:
    """Put hooks on a library that is being imported, and call `made` whenever a client of it is made."""
    clients.arrived(library)
    clients.when_made(library, made)


def hook(row: tuple[str, ...], owner: Any) -> None:
    """Put a hook on one of the owner's parts, which is here in a module or class.

    Args:
        row: Kind, module, class, function, a judge's name.
        owner: The module or class that has the function.
    """
    kind, _, qualname, name, label = row
    if kind not in KINDS:
        return
    method = inspect.getattr_static(owner, name, None)
    patches.apply(Row(owner, name, KINDS[kind].wrapper(method, label, weakly(owner), in_class=bool(qualname))))
