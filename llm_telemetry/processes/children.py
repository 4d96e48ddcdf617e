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
import time
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from llm_telemetry.clients import libraries as clients
from llm_telemetry.guard import guarded, log
from llm_telemetry.hooks import threads
from llm_telemetry.hooks.patching import Row, patches
from llm_telemetry.lifecycle import functions
from llm_telemetry.names import MAINS
from llm_telemetry.objects import weakly
from llm_telemetry.session.folders import forget_folder, make_private, ranks_folder, read_note, write_note
from llm_telemetry.session.roles import EveryPart
from llm_telemetry.session.session import Session
from llm_telemetry.session.sessions import active
from llm_telemetry.session.spool import SpoolReader, SpoolWriter
from llm_telemetry.settings.variables import configured
from llm_telemetry.settings.words import OFF, SPOOL, VARIABLE, choose_folder, is_child, is_owner
from llm_telemetry.trainers.actors import is_actor
from llm_telemetry.trainers.kinds import KINDS

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from llm_telemetry.trainers.kinds import Watched
    from llm_telemetry.trainers.parts import Part

TOLD = ("source", "capture_failures", "judge_parser", "judge_scale", "judge_inverted")
"""The settings that a child has to know of; a parser that is a function cannot be told."""
PARTS, SETTINGS = "parts.json", "settings.json"
PATIENCE = 60.0
"""Seconds that a child has for its start before it is said that it cannot be heard."""
UNHEARD = (
    "%d child processes cannot be heard: if they make LLM calls, these are in no count. They were "
    "started anew (spawn), without LLM_TELEMETRY=1: start your program with it."
)
UNHEARD_ACTORS = (
    "nothing is heard of the Ray actors that have parts of this trainer: what they do is in no count. Set "
    "LLM_TELEMETRY=1 before ray.init(), or give ray.init(runtime_env=llm_telemetry.ray.runtime_env()) where the "
    "cluster is up already"
)


@guarded
def tell_children(session: Session, watched: Sequence[Watched]) -> None:
    """Let the processes that this one has started, and will start, find it and know what to hook."""
    active[:] = [one for one in active if one not in _joined]  # who has a trainer of its own is nobody's worker
    if session.is_child:
        return
    folder = Path(os.environ.get(SPOOL, ""))
    if is_owner(os.environ) and ranks_folder(os.environ) is None and not _is_taken(folder):
        session.children = SpoolReader(folder)
    folder = session.children.folder
    told = [(kind.name, *_home(part), part.name, part.label) for kind, part in watched if kind.in_children]
    settings = {name: getattr(session.config, name) for name in TOLD}
    write_note(folder / SETTINGS, {k: v for k, v in settings.items() if isinstance(v, str | int | tuple)})
    write_note(folder / PARTS, told)
    os.environ[SPOOL] = str(folder)
    session.before_flush.append(_Roll(session).call)
    if any(is_actor(part.owner) for _, part in watched):
        session.before_flush.append(_ActorRoll(session).call)


def _is_taken(folder: Path) -> bool:
    return any(session.children.folder == folder for session in active)


def _home(part: Part) -> tuple[str, str]:
    """Return the module of a part, and the class in it; a function in a module has none."""
    cls = type(part.owner)
    return (part.owner.__name__, "") if cls is ModuleType else (cls.__module__, cls.__qualname__)


def forget_children(session: Session) -> None:
    """Let processes that this one starts from now on go their own way."""
    if os.environ.get(SPOOL) == str(session.children.folder):
        del os.environ[SPOOL]


class _Roll:
    """Looks, at each flush, whether all children of this process are heard; says once when some are not."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._since: dict[int, float] = {}
        self._told = False

    @guarded
    def call(self) -> None:
        """Call the roll."""
        if self._told or not (started := _started()):
            return
        now = time.monotonic()
        self._since = {pid: self._since.get(pid, now) for pid in started - self._session.children.heard}
        late = [pid for pid, since in self._since.items() if now - since > PATIENCE]
        if late:
            self._told = True
            log.warning(UNHEARD, len(late))


class _ActorRoll:
    """Says once, at the second flush, that nothing was heard so far, though there are actors."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._flushes = 0

    @guarded
    def call(self) -> None:
        """Call the roll."""
        self._flushes += 1
        if self._flushes == 2 and not self._session.children.heard:  # noqa: PLR2004 - what the first step did is read by then
            log.warning(UNHEARD_ACTORS)


def _started() -> set[int]:
    """Return the ids of the children that multiprocessing has started here, and that have not been waited for."""
    processes: Iterable[Any] = getattr(sys.modules.get("multiprocessing.process"), "_children", ())
    return {process._popen.pid for process in tuple(processes) if process._popen is not None}


_joined: list[Session] = []
"""In a child, what tells its owner."""


@guarded
def join_owner() -> None:
    """Tell the process that has started this one what is seen here, if there is one that may want to know."""
    if not is_child(os.environ) or active:
        return
    folder = Path(os.environ[SPOOL])
    session = Session(configured(_settings(folder)))
    writer = SpoolWriter(folder)
    writer.open()
    session.forward_to(writer)
    _joined[:] = [session]
    active.append(session)
    patches.apply(threads.ROW)
    clients.watch([])
    if "multiprocessing" in sys.modules and not _learn():
        connection = importlib.import_module("multiprocessing.connection").Connection
        patches.apply(Row(connection, "_recv_bytes", _received))


def _settings(folder: Path) -> Mapping[str, Any]:
    told = read_note(folder / SETTINGS)
    return {name: told[name] for name in TOLD if name in told} if isinstance(told, dict) else {}


def _wanted() -> set[tuple[str, ...]]:
    """Return what the owner has said of its parts: kind, module, class, function, a judge's name; nothing before."""
    told = None if _parts else read_note(Path(os.environ.get(SPOOL, "")) / PARTS)
    rows = [row for row in told if isinstance(row, list)] if isinstance(told, list) else []
    _parts.update(tuple(row) for row in rows if [type(word) for word in row] == [str] * 5)
    if _parts and _joined:
        _joined[0].parts = EveryPart()  # all objects of a hooked class are the owner's trainer's
    return _parts


_parts: set[tuple[str, ...]] = set()
"""In a child, the owner's parts, as far as is known."""
_hooked: set[tuple[str, ...]] = set()
"""Those that are hooked here."""


@guarded
def hook_parts(names: dict[str, Any]) -> None:
    """Put hooks, in a child, on the functions of a module that the owner's trainer has its parts from."""
    module = {"__mp_main__": "__main__"}.get(names["__name__"], names["__name__"])
    for row in _wanted() - _hooked:
        kind, home, qualname, *_ = row
        owner = names.get(qualname) if qualname else sys.modules.get(names["__name__"])
        if home == module and owner is not None and kind in KINDS:
            join_owner()  # a part may be called before there is a client: it may import the client itself
            _hook(row, owner)


@guarded
def hook_class(cls: type) -> None:
    """Put hooks on a class that was sent here, and is in no module, if it is meant or one of its parents is."""
    join_owner()
    for row in _wanted() - _hooked:
        kind, module, qualname, name, _ = row
        if kind in KINDS and any((one.__module__, one.__qualname__) == (module, qualname) for one in cls.__mro__):
            # Ray's subclass of it has copies of its methods: the one that is called is meant.
            _hook(row, next((one for one in cls.__mro__ if name in vars(one)), cls))


def _hook(row: tuple[str, ...], owner: Any) -> None:
    kind, _, qualname, name, label = row
    method = inspect.getattr_static(owner, name, None)
    parameters = functions.parameters_of(method)[bool(qualname) :]
    patches.apply(Row(owner, name, functions.hook(KINDS[kind].opens(label), parameters, weakly(owner))))
    _hooked.add(row)


def _received(wrapped: Any, _instance: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    """Look, when a worker is sent a task, whether its owner has said by now what to hook."""
    task = wrapped(*args, **kwargs)
    _learn()
    return task


@guarded
def _learn() -> bool:
    """Put the hooks in place that the owner has asked for by now; true when there is nothing left to learn."""
    for module in {row[1] for row in _wanted() - _hooked}:
        for name in MAINS if module in MAINS else (module,):
            if name in sys.modules:
                hook_parts(vars(sys.modules[name]))
    return bool(_parts) and _parts == _hooked


def join_ranks(session: Session) -> None:
    """Under torchrun, let rank 0 be the owner of what all ranks of this machine count."""
    folder = ranks_folder(os.environ)
    if folder is None:
        return
    writer = SpoolWriter(folder, os.environ["RANK"])
    try:
        make_private(folder) if os.environ["RANK"] == "0" else writer.open()
    except OSError as error:
        log.warning("each rank counts for itself, since the folder for all of them is not safe: %s", error)
        return
    if os.environ["RANK"] == "0":
        session.children = SpoolReader(folder)
    else:
        session.forward_to(writer)


@guarded
def _become_children() -> None:
    """Count nothing in a forked child: it tells its parent, whose files and run these are."""
    for session in active:
        session.become_child().open()
    join_owner()


if os.environ.get(VARIABLE, "").strip().lower() not in OFF:
    choose_folder()
    atexit.register(forget_folder)
    join_owner()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_become_children)
