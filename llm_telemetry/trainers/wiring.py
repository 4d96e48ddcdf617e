"""The table of hooks of one trainer: which function opens which span, on which class."""

from __future__ import annotations

import re
from contextlib import ExitStack
from types import ModuleType
from typing import TYPE_CHECKING, Any

from llm_telemetry.clients import libraries as clients
from llm_telemetry.hooks import threads
from llm_telemetry.hooks.patching import Row, patches
from llm_telemetry.objects import stored_in, weakly
from llm_telemetry.settings.config import InstrumentError
from llm_telemetry.trainers.frameworks import table as frameworks

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from llm_telemetry.hooks.patching import Key
    from llm_telemetry.session.session import Session
    from llm_telemetry.trainers.kinds import Watched


_JUDGING = re.compile(r"judg|grad|verif|scor|reward|critic")
"""In the name of a module's client, that it is the judge's."""


def hook_all(session: Session, trainer: Any, watched: Sequence[Watched]) -> list[Key]:
    """Put every hook in place, and return the keys to undo them by; none at all when one cannot be.

    The list grows as the program imports further libraries that LLM calls go through.

    Raises:
        InstrumentError: A class does not let itself be hooked.
    """
    keys: list[Key] = []
    session.parts.trainer = weakly(trainer)
    try:
        with ExitStack() as undo:
            undo.callback(unhook, keys)
            for row in (threads.ROW, *_rows(session, watched)):
                if (key := patches.apply(row)) is not None:
                    keys.append(key)  # noqa: PERF401 - what is applied before a failure has to be known
            clients.watch(keys)
            _know_clients(session, trainer, watched)
            undo.pop_all()
    except TypeError as error:
        raise InstrumentError(f"{type(trainer).__name__} cannot be watched: {error}") from error
    return keys


def unhook(keys: list[Key]) -> None:
    """Take back what `hook_all` did."""
    clients.forget(keys)
    frameworks.arrivals.forget(keys)
    patches.undo(keys)


def _rows(session: Session, watched: Sequence[Watched]) -> Iterator[Row]:
    """Yield the trainer's own hooks: on the class, or on the object for what only the object has."""
    for kind, part in watched:
        session.parts.add(part.owner)
        owner = part.owner if part.name in stored_in(part.owner) else type(part.owner)
        yield Row(owner, part.name, kind.wrapper(part.function, part.label, weakly(part.owner)))


def _know_clients(session: Session, trainer: Any, watched: Sequence[Watched]) -> None:
    """Register the clients whose role is known from where they are; one that an executor holds too may be anybody's."""
    executors = [part.owner for kind, part in watched if kind.name == "executor"]
    shared = [c for one in executors if not isinstance(one, ModuleType) for c in _clients(stored_in(one).values())]
    for kind, part in watched:
        if kind.clients is not None:
            for client in _clients(_own(part.owner)):
                if not any(client is one for one in shared):
                    session.parts.add_client(client, kind.clients)
    held = [value for name, value in stored_in(trainer).items() if "policy" in name.lower()]
    inside = [value for one in held for value in stored_in(one).values()]
    for client in _clients([*held, *inside]):
        session.parts.add_client(client, "policy")
    given = session.config.policy
    for client in _clients(given if isinstance(given, list | tuple) else [given]):
        session.parts.add_client(client, "policy", told=True)


def _own(owner: Any) -> Iterator[Any]:
    """Yield what an object holds; of a module, which everybody may use, only what is called after a judge."""
    for name, value in stored_in(owner).items():
        if not isinstance(owner, ModuleType) or _JUDGING.search(name.lower()):
            yield value


def _clients(candidates: Any) -> list[Any]:
    return [candidate for candidate in candidates if isinstance(candidate, clients.sdk_clients())]
