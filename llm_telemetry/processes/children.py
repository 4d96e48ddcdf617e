"""Finding each other: the process that owns a run, and those that it has started.

`spool` says what goes from one to the other; here is how a child learns whose it is.
"""

from __future__ import annotations

import inspect
import os
import sys
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from llm_telemetry.clients import libraries as clients
from llm_telemetry.guard import guarded
from llm_telemetry.hooks import threads
from llm_telemetry.hooks.patching import Row, patches
from llm_telemetry.lifecycle import functions
from llm_telemetry.objects import weakly
from llm_telemetry.session.roles import EveryPart
from llm_telemetry.session.session import Session, active
from llm_telemetry.session.spool import (
    SpoolReader,
    SpoolWriter,
    ranks_folder,
    read_parts,
    read_settings,
    write_parts,
    write_settings,
)
from llm_telemetry.settings.variables import configured
from llm_telemetry.settings.words import SPOOL, is_on
from llm_telemetry.trainers.kinds import KINDS

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llm_telemetry.trainers.kinds import Watched
    from llm_telemetry.trainers.parts import Part

TOLD = ("capture_failures", "judge_parser")
"""The settings that a spawned child has to know of; a parser that is a function cannot be told."""


def tell_children(session: Session, watched: Sequence[Watched]) -> None:
    """With `LLM_TELEMETRY=1`, let processes that this one starts find it, and know what to hook."""
    if not is_on() or session.is_child:
        return
    told = [(kind.name, *_home(part), part.name, part.label) for kind, part in watched if kind.in_children]
    write_parts(session.children.folder, told)
    settings = {name: getattr(session.config, name) for name in TOLD}
    write_settings(session.children.folder, {k: v for k, v in settings.items() if isinstance(v, str | int)})
    os.environ[SPOOL] = str(session.children.folder)


def _home(part: Part) -> tuple[str, str]:
    """Return the module of a part, and the class in it; a function in a module has none."""
    cls = type(part.owner)
    return (part.owner.__name__, "") if cls is ModuleType else (cls.__module__, cls.__qualname__)


def forget_children(session: Session) -> None:
    """Let processes that this one starts from now on go their own way."""
    if os.environ.get(SPOOL) == str(session.children.folder):
        del os.environ[SPOOL]


@guarded
def join_owner() -> None:
    """Tell the process that has started this one what is seen here, if it is a watched one."""
    folder = os.environ.get(SPOOL)
    if not folder or active:
        return
    session = Session(configured(read_settings(Path(folder))))
    session.parts = EveryPart()
    session.forward_to(SpoolWriter(Path(folder)))
    active.append(session)
    patches.apply(threads.ROW)
    clients.watch([])


@guarded
def hook_parts(names: dict[str, Any]) -> None:
    """Put hooks, in a child, on the classes of a module that the owner's trainer has its parts from."""
    module = {"__mp_main__": "__main__"}.get(names["__name__"], names["__name__"])
    for kind, home, qualname, name, label in read_parts(Path(os.environ[SPOOL])):
        owner = names.get(qualname) if qualname else sys.modules.get(names["__name__"])
        if home == module and owner is not None:
            join_owner()  # a part may be called before there is a client: it may import the client itself
            method = inspect.getattr_static(owner, name, None)
            parameters = functions.parameters_of(method)[bool(qualname) :]
            patches.apply(Row(owner, name, functions.hook(KINDS[kind].opens(label), parameters, weakly(owner))))


def join_ranks(session: Session) -> None:
    """Under torchrun, let rank 0 be the owner of what all ranks of this machine count."""
    folder = ranks_folder(os.environ)
    if folder is None:
        return
    if os.environ["RANK"] == "0":
        session.children = SpoolReader(folder)
    else:
        session.forward_to(SpoolWriter(folder))


@guarded
def _become_children() -> None:
    """Count nothing in a forked child: it tells its parent, whose files and run these are."""
    for session in active:
        session.become_child()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_become_children)
