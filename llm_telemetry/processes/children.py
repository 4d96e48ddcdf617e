"""Finding each other: the process that owns a run, and those that it has started, before or after it was watched.

`session.spool` says what goes from one to the other; here is how a child learns whose it is. Each process names the
folder for its children when it begins (with `LLM_TELEMETRY=1`), or when this module is imported. So a pool of workers
that is made before `instrument()` is heard, too: what is to be hooked it learns with the next task.
"""

from __future__ import annotations

import atexit
import importlib
import inspect
import os
import sys
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llm_telemetry.guard import guarded
from llm_telemetry.hooks.patching import Row, patches
from llm_telemetry.names import MAINS
from llm_telemetry.session.folders import forget_folder, is_shared, reachable_folder, read_note
from llm_telemetry.session.roles import EveryPart
from llm_telemetry.session.sessions import active
from llm_telemetry.words import CHILDREN, OFF, VARIABLE, choose_folder, is_child, is_worker_of_ray

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from llm_telemetry.session.session import Session
    from llm_telemetry.session.spool import SpoolWriter

TOLD = ("source", "capture_failures", "judge_parser", "judge_scale", "judge_inverted")
"""The settings that a child has to know of; a parser that is a function cannot be told."""
PARTS, SETTINGS = "parts.json", "settings.json"


_joined: list[tuple[Session, SpoolWriter]] = []
"""In a child, what tells its owner."""


@guarded
def join_owner() -> None:
    """Tell the process that has started this one what is seen here, if there is one that may want to know."""
    if not is_child(os.environ) or active:
        return
    from llm_telemetry.processes import joining  # noqa: PLC0415 - who has nothing to tell imports nothing more

    folder = reach()
    session, writer = joining.join(folder, _settings(folder))
    _joined[:] = [(session, writer)]
    active.append(session)
    _at_end(writer.close)
    joining.hook_clients()
    if is_shared(folder):
        threading.Thread(target=_await_word, name="llm_telemetry", daemon=True).start()
    elif "multiprocessing" in sys.modules and not _learn():
        connection = importlib.import_module("multiprocessing.connection").Connection
        patches.apply(Row(connection, "_recv_bytes", _received))


def reach() -> Path:
    """Return the owner's folder as it is called on this machine; the environment says so, too, from now on."""
    folder = reachable_folder(os.environ)
    os.environ[CHILDREN] = str(folder)
    return folder


@guarded
def watch_clients(library: str, made: Callable[[], object]) -> None:
    """Tell the owner of calls through a library that is being imported.

    Args:
        library: Which one.
        made: Called whenever a client of it has been made.
    """
    from llm_telemetry.processes import joining  # noqa: PLC0415 - as above

    join_owner()
    joining.watch_clients(library, made)


def joined_by() -> SpoolWriter | None:
    """Return what tells the owner, in a child."""
    return _joined[0][1] if _joined else None


def leave_owner() -> None:
    """Be nobody's child: this process has a trainer of its own; in a shared folder it was a child only by mistake."""
    for session, writer in _joined:
        active[:] = [one for one in active if one is not session]
        if is_shared(writer.folder):
            writer.withdraw()
    _joined.clear()


def _at_end(close: Callable[[], None]) -> None:
    """Have it called when this process ends; children of multiprocessing do not come to `atexit`."""
    if (finishing := sys.modules.get("multiprocessing.util")) is not None:
        finishing.Finalize(None, guarded(close), exitpriority=0)
    else:
        atexit.register(guarded(close))


def _settings(folder: Path) -> Mapping[str, Any]:
    told = read_note(folder / SETTINGS)
    return {name: told[name] for name in TOLD if name in told} if isinstance(told, dict) else {}


def _wanted() -> set[tuple[str, ...]]:
    """Return what the owner has said of its parts: kind, module, class, function, a judge's name; nothing before."""
    told = None if _parts else read_note(Path(os.environ.get(CHILDREN, "")) / PARTS)
    rows = [row for row in told if isinstance(row, list)] if isinstance(told, list) else []
    _parts.update(tuple(row) for row in rows if [type(word) for word in row] == [str] * 5)
    return _parts


_EYE_BLINK = 0.05
"""Seconds between two looks for the owner's word."""
_parts: set[tuple[str, ...]] = set()
"""In a child, the owner's parts, as far as is known."""
_hooked: set[tuple[str, ...]] = set()
"""Those that are hooked here."""


@guarded
def hook_parts(names: dict[str, Any]) -> None:
    """Put hooks, in a child, on the functions of a module that the owner's trainer has its parts from."""
    module = {"__mp_main__": "__main__"}.get(names["__name__"], names["__name__"])
    for row in _wanted() - _hooked:
        _, home, qualname, name, _ = row
        owner = names.get(qualname) if qualname else sys.modules.get(names["__name__"])
        is_there = inspect.getattr_static(owner, name, None) is not None  # the module may be in the midst of its import
        if home == module and is_there:
            _hook(row, owner)


@guarded
def hook_class(cls: type) -> None:
    """Put hooks on a class that was sent here, and is in no module, if it is meant or one of its parents is."""
    for row in _wanted() - _hooked:
        _, module, qualname, name, _ = row
        if any((one.__module__, one.__qualname__) == (module, qualname) for one in cls.__mro__):
            # Ray's subclass of it has copies of its methods: the one that is called is meant.
            _hook(row, next((one for one in cls.__mro__ if name in vars(one)), cls))


def _hook(row: tuple[str, ...], owner: Any) -> None:
    from llm_telemetry.processes import joining  # noqa: PLC0415 - as above

    join_owner()  # a part may be called before there is a client: it may import the client itself
    for session, _ in _joined:
        session.parts = EveryPart()  # all objects of a hooked class are the owner's trainer's
    joining.hook(row, owner)
    _hooked.add(row)


def _received(wrapped: Any, _instance: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """Look, when a worker is sent a task, whether its owner has said by now what to hook."""
    task = wrapped(*args, **kwargs)
    _learn()
    return task


def _await_word() -> None:
    """Look, until the owner has said what to hook: on another machine nothing else tells when it has."""
    while _joined and not _learn():
        time.sleep(_EYE_BLINK)


@guarded
def _learn() -> bool:
    """Put the hooks in place that the owner has asked for by now; true when there is nothing left to learn."""
    for module in {row[1] for row in _wanted() - _hooked}:
        for name in MAINS if module in MAINS else (module,):
            if name in sys.modules:
                hook_parts(vars(sys.modules[name]))
    return bool(_parts) and _parts == _hooked


@guarded
def _become_children() -> None:
    """Count nothing in a forked child: it tells its parent, whose files and run these are."""
    for session in active:
        writer = session.become_child()
        writer.open()
        _at_end(writer.close)
    join_owner()


if os.environ.get(VARIABLE, "").strip().lower() not in OFF:
    choose_folder()
    atexit.register(forget_folder)
    if not is_worker_of_ray():  # it joins when it has a part, or a client of LLMs
        join_owner()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_become_children)
