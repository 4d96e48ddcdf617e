"""The process that owns a run: it says what is to be hooked in others, and which folder it reads."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, Any

from llm_telemetry.guard import guarded, log
from llm_telemetry.processes.children import PARTS, SETTINGS, TOLD, leave_owner
from llm_telemetry.processes.nodes import Post
from llm_telemetry.session.folders import is_shared, make_private, ranks_folder, reachable_folder, write_note
from llm_telemetry.session.reader import SpoolReader
from llm_telemetry.session.sessions import active
from llm_telemetry.session.shared import SharedReader, claim
from llm_telemetry.session.spool import SpoolWriter
from llm_telemetry.trainers.actors import is_actor
from llm_telemetry.words import CHILDREN, SHARED, is_owner, machine

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from llm_telemetry.session.session import Session
    from llm_telemetry.trainers.kinds import Watched
    from llm_telemetry.trainers.parts import Part

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
    leave_owner()  # who has a trainer of its own is nobody's worker
    if session.is_child:
        return
    if ranks_folder(os.environ) is None:
        session.children = _reader(session)
    folder = session.children.folder
    told = [(kind.name, *_home(part), part.name, part.label) for kind, part in watched if kind.in_children]
    settings = {name: getattr(session.config, name) for name in TOLD}
    write_note(folder / SETTINGS, {k: v for k, v in settings.items() if isinstance(v, str | int | tuple)})
    write_note(folder / PARTS, told)
    os.environ[CHILDREN] = str(folder)
    session.before_flush.append(_Roll(session).call)
    has_actors = any(is_actor(part.owner) for _, part in watched)
    post = Post(folder, has_actors=has_actors)
    post.open()
    session.children.bereaved = post.bereaved
    session.before_phase.append(post.open)
    session.before_flush.append(post.open)
    if has_actors:
        session.before_flush.append(_ActorRoll(session).call)


def _reader(session: Session) -> SpoolReader:
    """Return what reads the folder that this process has named early, or that is shared; else its own."""
    folder = Path(os.environ.get(CHILDREN, ""))
    if _is_taken(folder):
        return session.children
    if is_shared(folder):
        return SharedReader(folder) if claim(folder) else session.children
    if is_owner(os.environ) or (_is_worker_of_ray() and claim(folder := reachable_folder(os.environ))):
        return SpoolReader(folder)
    return session.children


def _is_worker_of_ray() -> bool:
    """Tell a worker of Ray that has a trainer: the workers that it works with have the same folder, its driver's."""
    ray = sys.modules.get("ray._private.worker")
    return ray is not None and ray.global_worker.mode == ray.WORKER_MODE


def _is_taken(folder: Path) -> bool:
    return any(session.children.folder == folder for session in active)


def _home(part: Part) -> tuple[str, str]:
    """Return the module of a part, and the class in it; a function in a module has none."""
    cls = type(part.owner)
    return (part.owner.__name__, "") if cls is ModuleType else (cls.__module__, cls.__qualname__)


def forget_children(session: Session) -> None:
    """Let processes that this one starts from now on go their own way."""
    if os.environ.get(CHILDREN) == str(session.children.folder):
        del os.environ[CHILDREN]


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
        heard = {pid for home, pid in self._session.children.heard if home == machine()}
        self._since = {pid: self._since.get(pid, now) for pid in started - heard}
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


def join_ranks(session: Session) -> None:
    """Under torchrun, let rank 0 be the owner of what all ranks count: those of its machine, or of a shared folder."""
    if session.config.spool is not None:
        os.environ[CHILDREN] = str(session.config.spool / SHARED)
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
        session.children = _reader(session) if is_shared(folder) else SpoolReader(folder)
    else:
        session.forward_to(writer)
