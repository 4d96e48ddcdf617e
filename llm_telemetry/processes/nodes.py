"""Ray over several machines: an actor on the owner's machine takes what workers of other machines have written.

A worker writes its file first, on its own machine, and brings what is new of it at the end of each method that it was
called for, and waits for that: what happened in a step counts in it. What a dead worker has left behind the next one
on its machine brings.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llm_telemetry.guard import attempt, guarded, log
from llm_telemetry.processes.children import PARTS, SETTINGS, joined_by
from llm_telemetry.session.copies import append, put, rest_of
from llm_telemetry.session.folders import read_note, write_note
from llm_telemetry.session.writers import Writer
from llm_telemetry.words import CHILDREN, machine

if TYPE_CHECKING:
    from collections.abc import Collection, Generator, Mapping

    from llm_telemetry.session.spool import SpoolWriter

    Steps = Generator[Any, Any, None]
    """Yields what is to be waited for, is sent what came of it: `None` when nothing did."""

NAMESPACE = "llm_telemetry"
PATIENCE = 10.0
"""Seconds that a worker waits for the owner's machine."""
NODES = "nodes.txt"
"""Which node of Ray's the writer of which file was on: a line each."""
_LEFT = (1, 4)
"""Why a node is dead that was told to end, or had nothing to do (`NodeDeathInfo` in Ray's gcs.proto)."""
_PAUSE = 1.0
"""Seconds between two looks for a collector."""
UNREACHED = (
    "what this worker sees cannot be brought to the machine of the run's owner (%s); it goes on, and what is brought "
    "later counts in a later step"
)


class Collector:
    """The actor. All it knows is on the disk of its machine: it may be killed, and is started again.

    Args:
        folder: Where the owner reads.
    """

    def __init__(self, folder: str) -> None:
        self._folder = Path(folder)

    def home(self) -> tuple[str, Mapping[str, Any]]:
        """Return the owner's machine, and what the owner has to say to workers."""
        return machine(), {name: read_note(self._folder / name) for name in (PARTS, SETTINGS)}

    def put(self, name: str, at: int, data: bytes, node: str) -> int:
        """Take a piece of a file, see `copies.put`, and note which node the first one comes from."""
        if at == 0:
            append(self._folder / NODES, f"{node} {name}\n".encode())
        return put(self._folder, name, at, data)


class Post:
    """The owner's end: starts the collector.

    Args:
        folder: Where the owner reads.
        has_actors: Whether the trainer holds actors: on which machines these are, is not yet known. For the tasks of
            a trainer without any it takes a second node.
    """

    def __init__(self, folder: Path, *, has_actors: bool) -> None:
        self._folder = folder
        self._has_actors = has_actors
        self._collector: Any = None  # it lives as long as this handle of it

    @guarded
    def open(self) -> None:
        """Start it, if it is time."""
        ray = sys.modules.get("ray")
        if self._collector is not None or ray is None or not ray.is_initialized():
            return
        if self._has_actors or sum(node["Alive"] for node in ray.nodes()) > 1:
            here = ray.util.scheduling_strategies.NodeAffinitySchedulingStrategy
            options = {
                "name": self._folder.name,
                "namespace": NAMESPACE,
                "get_if_exists": True,
                "num_cpus": 0,
                "max_restarts": -1,
                "max_task_retries": -1,
                "scheduling_strategy": here(ray.get_runtime_context().get_node_id(), soft=False),
            }
            self._collector = ray.remote(Collector).options(**options).remote(str(self._folder))

    @guarded
    def bereaved(self) -> Collection[str]:
        """Return the files whose writers were on a node that has died, as far as Ray knows."""
        ray = sys.modules.get("ray")
        if ray is None or not ray.is_initialized() or not (self._folder / NODES).exists():
            return ()  # after `ray.shutdown` nobody can be asked
        nodes = (node for node in ray.nodes() if not node["Alive"] and node.get("DeathReason") not in _LEFT)
        if not (dead := {node["NodeID"] for node in nodes}):
            return ()
        lines = str(rest_of(self._folder / NODES, 0), "utf-8").splitlines()
        return {name for node, _, name in (line.partition(" ") for line in lines) if node in dead}


class Courier:
    """The worker's end."""

    def __init__(self) -> None:
        self._collector: Any = None
        self._next_look = 0.0
        self._home = ""
        self._sent: dict[str, int] = {}

    def prepare(self) -> Steps:
        """Learn where the owner is, and what it wants to have hooked."""
        folder = Path(os.environ[CHILDREN])
        if self._home == machine() or not self._found(folder.name):
            return
        if not self._home or not (folder / PARTS).exists():
            self._home, notes = (yield self._collector.home.remote()) or ("", {})
            for name, told in notes.items() if self._home not in ("", machine()) else ():
                if told is not None:
                    write_note(folder / name, told)

    def _found(self, name: str) -> bool:
        if self._collector is None and time.monotonic() >= self._next_look:
            self._next_look = time.monotonic() + _PAUSE
            try:
                self._collector = sys.modules["ray"].get_actor(name, namespace=NAMESPACE)
            except ValueError:  # there is none: one machine, or nobody watches yet
                return False
        return self._collector is not None

    def bring(self) -> Steps:
        """Bring what is new to the owner's machine."""
        if self._home in ("", machine()):
            return
        if (writer := joined_by()) is not None:
            yield from self._bring_own(writer)
        folder = Path(os.environ[CHILDREN])
        for left in filter(None, (Writer.of(path.name) for path in folder.glob("*.jsonl"))):
            if not left.may_write() and (yield from self._bring_file(folder / left.name)):
                (folder / left.name).unlink(missing_ok=True)

    def _bring_own(self, writer: SpoolWriter) -> Steps:
        path = writer.folder / writer.writer.name
        if rest_of(path, self._sent.get(path.name, 0)):
            writer.rest()
            yield from self._bring_file(path)

    def _bring_file(self, path: Path) -> Generator[Any, Any, bool]:
        """Bring one file; true when all of it is there."""
        while data := rest_of(path, at := self._sent.get(path.name, 0)):
            node = sys.modules["ray"].get_runtime_context().get_node_id()
            there = yield self._collector.put.remote(path.name, at, data, node)
            if there is None:
                return False
            self._sent[path.name] = there
        return True


courier = Courier()
"""This worker's."""


def settle(steps: Steps) -> None:
    """Take all steps, and wait for each; in an event loop, which must not wait, they are taken when it is free."""
    try:
        loop = asyncio.get_running_loop()
    except RuntimeError:
        ref = attempt(_next, steps, None)
        while ref is not None:
            ref = attempt(_next, steps, attempt(_got, ref))
    else:
        _under_way.add(task := loop.create_task(settle_async(steps)))
        task.add_done_callback(_under_way.discard)


_under_way: set[asyncio.Task[None]] = set()
"""A loop holds its tasks weakly."""


async def settle_async(steps: Steps) -> None:
    """Take all steps; others may work meanwhile."""
    ref = attempt(_next, steps, None)
    while ref is not None:
        ref = attempt(_next, steps, await _awaited(ref))


def _next(steps: Steps, got: Any) -> Any:
    try:
        return steps.send(got)
    except StopIteration:
        return None


def _got(ref: Any) -> Any:
    ray = sys.modules["ray"]
    try:
        return ray.get(ref, timeout=PATIENCE)
    except ray.exceptions.RayError as error:
        return _tell(error)


async def _awaited(ref: Any) -> Any:
    ray = sys.modules["ray"]
    try:
        return await asyncio.wait_for(ref, PATIENCE)
    except (ray.exceptions.RayError, asyncio.TimeoutError) as error:
        return _tell(error)


_told: list[str] = []


def _tell(error: BaseException) -> None:
    if not _told:
        _told.append(type(error).__name__)
        log.warning(UNREACHED, *_told)
