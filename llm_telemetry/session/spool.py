"""Child processes: each writes what it sees to a file of its own, and the owner of the run takes it from there.

A forked child finds itself in the child (`Session.become_child`), a spawned one by the variable that its parent has
set, a rank of torchrun by torchrun's own variables. A line is written when something happens, in one system call: a
child that is killed loses at most the event under way. Nothing is counted by the child itself.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from llm_telemetry.events import Call, Clue, Evaluation, Evidence, Rollout, UnmatchedReward, Usage
from llm_telemetry.session.rollouts import OpenRollout

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from llm_telemetry.events import Event, Split
    from llm_telemetry.session.matching import RolloutBook
from llm_telemetry.session.rollouts import Phase

PARTS_FILE = "parts.json"
SETTINGS_FILE = "settings.json"
_EVENTS = {"call": Call, "evaluation": Evaluation, "rollout": Rollout, "unmatched": UnmatchedReward}
_KINDS = {event: kind for kind, event in _EVENTS.items()}
_NESTED: dict[str, type[Any]] = {"usage": Usage, "evidence": Evidence, "clue": Clue}
"""The fields of events that are records themselves."""


class SpoolWriter:
    """The child's end: one file a process.

    Args:
        folder: The owner's folder; made when the first event comes.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._file: int | None = None

    def write(self, kind: str, told: Mapping[str, Any]) -> None:
        """Append one line.

        Raises:
            OSError: The folder cannot be written.
        """
        if self._file is None:
            self.folder.mkdir(parents=True, exist_ok=True)
            path = self.folder / f"{os.getpid()}.jsonl"
            self._file = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
        os.write(self._file, (json.dumps([kind, told]) + "\n").encode())

    def record(self, event: Event) -> None:
        """Append an event."""
        self.write(_KINDS[type(event)], event._asdict())


class ForwardedRollouts:
    """Stands in for the `RolloutBook` in a child: the owner matches rewards to executions, for all processes."""

    def __init__(self, writer: SpoolWriter) -> None:
        self._writer = writer

    def begun(self, rollouts: object) -> None:
        """Tell it when they are executed."""

    def forget(self, rollouts: object) -> None:
        """Have told nothing of them."""

    def executed(self, rollout: OpenRollout, *, failed: bool) -> None:
        """Tell the owner that the executor is done with `rollout`."""
        self._writer.write("executed", {**_told(rollout), "failed": failed})

    def rewarded(self, wanted: OpenRollout, last: OpenRollout | None, reward: float | None) -> None:
        """Tell the owner of a reward."""
        self._writer.write("rewarded", {"wanted": _told(wanted), "last": last and _told(last), "reward": reward})

    def expected(self, wanted: OpenRollout, last: OpenRollout | None) -> OpenRollout | None:
        """Return the rollout of this task, if it is of the same problem; of others only the owner knows."""
        return last if last is not None and last.problem == wanted.problem is not None else None

    def close(self, split: object, phase: object) -> None:
        """Leave it to the owner."""

    def settle(self, split: object) -> None:
        """Leave it to the owner."""


def _told(rollout: OpenRollout) -> dict[str, Any]:
    return {"key": rollout.key, "source": rollout.source, "problem": rollout.problem}


class SpoolReader:
    """The owner's end: takes what has come since the last time.

    Args:
        folder: Where the children write.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._offsets: dict[Path, int] = {}

    def take(self, split: Split) -> Iterator[tuple[str, Any]]:
        """Yield kind and content of each whole line that is new; events as records.

        Args:
            split: Of the owner's phase. A child cannot know it: a worker of a pool was forked in some earlier one.
        """
        if not self.folder.is_dir():
            return
        for path in sorted(self.folder.glob("*.jsonl")):
            for line in self._new_lines(path):
                kind, told = json.loads(line)
                yield kind, _revived(kind, told, split)

    def _new_lines(self, path: Path) -> list[bytes]:
        with path.open("rb") as file:
            file.seek(self._offsets.get(path, 0))
            text = file.read()
        whole = text[: text.rfind(b"\n") + 1]  # the last line may still be on its way
        self._offsets[path] = self._offsets.get(path, 0) + len(whole)
        return whole.splitlines()

    def remove(self) -> None:
        """Remove the folder with all that has been taken."""
        for path in self.folder.glob("*") if self.folder.is_dir() else ():
            path.unlink(missing_ok=True)
        if self.folder.is_dir():
            self.folder.rmdir()


def deliver(children: SpoolReader, book: RolloutBook, record: Callable[[Any], None], phase: Phase | None) -> None:
    """Give to the owner what its children have seen.

    Args:
        children: Where it is.
        book: Takes executions and rewards, which may be of different processes.
        record: Takes events.
        phase: The step or validation that it belongs to; without one it is training.
    """
    for kind, told in children.take(phase.split if phase else "train"):
        if kind == "executed":
            book.executed(_opened(told, phase), failed=told["failed"])
        elif kind == "rewarded":
            last = told["last"] and book.waiting(tuple(told["last"]["key"]))
            book.rewarded(_opened(told["wanted"], phase), last, told["reward"])
        else:
            record(told)


def _opened(told: Mapping[str, Any], phase: Phase | None) -> OpenRollout:
    """Open here a rollout that another process tells of."""
    rollout = OpenRollout(phase.split if phase else "train", phase, told["source"], told["problem"])
    rollout.key = tuple(told["key"])
    return rollout


def _revived(kind: str, told: dict[str, Any], split: Split) -> Any:
    event = _EVENTS.get(kind)
    if event is None:
        return told
    told["split"] = split
    told |= {name: record(*told[name]) for name, record in _NESTED.items() if told.get(name) is not None}
    return event(**told)


def _user() -> int:
    return getattr(os, "getuid", int)()


PartRecord: TypeAlias = tuple[str, str, str, str, str]
"""Kind of hook, module, class (or nothing), method, and a judge's name."""


def write_parts(folder: Path, parts: list[PartRecord]) -> None:
    """Leave word for spawned children of each of the trainer's parts."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / PARTS_FILE).write_text(json.dumps(parts))


def read_parts(folder: Path) -> list[PartRecord]:
    """Return what `write_parts` has left; nothing where there is none."""
    path = folder / PARTS_FILE
    return [tuple(part) for part in json.loads(path.read_text())] if path.exists() else []


def write_settings(folder: Path, settings: Mapping[str, Any]) -> None:
    """Leave word for spawned children of the settings that they have to know."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / SETTINGS_FILE).write_text(json.dumps(settings))


def read_settings(folder: Path) -> dict[str, Any]:
    """Return what `write_settings` has left; nothing where there is none."""
    path = folder / SETTINGS_FILE
    settings: dict[str, Any] = json.loads(path.read_text()) if path.exists() else {}
    return settings


def fresh_folder() -> Path:
    """Return the folder for the children of this process; nothing is made yet."""
    return Path(tempfile.gettempdir()) / f"llm_telemetry-{_user()}-{os.getpid()}-{os.urandom(4).hex()}"


def ranks_folder(environ: Mapping[str, str]) -> Path | None:
    """Return the folder that the ranks of one torchrun share on this machine; `None` for any other process.

    Ranks on other machines than that of rank 0 cannot reach it: each of those counts for itself.
    """
    if environ.get("WORLD_SIZE", "1") == "1" or "RANK" not in environ or environ.get("GROUP_RANK", "0") != "0":
        return None
    launch = f"{os.getppid()}-{environ.get('MASTER_PORT', '0')}"  # the ranks' common parent is torchrun's agent
    return Path(tempfile.gettempdir()) / f"llm_telemetry-{_user()}-ranks-{launch}"
