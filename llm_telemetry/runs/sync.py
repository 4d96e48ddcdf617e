"""`llm-telemetry sync`: payloads that are in a JSONL and not in its W&B run, after a crash say, are added to it.

What a run has is read off its own `.wandb` files, so nothing is added twice, however often this runs. What is missing
goes into a new folder of the same run id, at steps behind all that is there; an offline run then has two folders to
upload with `wandb sync`.
"""

from __future__ import annotations

import os
import platform
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from llm_telemetry.collectors.keys import is_shared
from llm_telemetry.events import STEP_KEY
from llm_telemetry.runs.wandb_file import read_project, read_rows, run_folders, run_id_of
from llm_telemetry.sinks.jsonl import FILE_NAME, read_lines
from llm_telemetry.words import is_running

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


class Found(NamedTuple):
    """One W&B run with a JSONL."""

    run_id: str
    project: str
    folders: list[Path]
    """Its folders, the oldest first."""
    payloads: int
    """Payloads in its JSONL files."""
    missing: list[dict[str, Any]]
    """Those that its `.wandb` files do not have."""
    next_step: int
    """The first W&B step that is free."""
    busy: bool
    """Its process is still alive, and may yet write what seems to be missing."""

    @property
    def offline(self) -> bool:
        """Whether its last process ran offline."""
        return self.folders[-1].name.startswith("offline-")


def find_runs(folder: Path) -> list[Found]:
    """Return the runs whose folders lie in `folder`, or whose folder it is, with what they lack.

    Raises:
        FileNotFoundError: There is no run with a JSONL.
    """
    files = [folder / FILE_NAME] if (folder / FILE_NAME).exists() else sorted(folder.glob(f"*/{FILE_NAME}"))
    found = {run_id: file.parent.parent for file in files if (run_id := run_id_of(file.parent))}
    if not found:
        raise FileNotFoundError(f"no {FILE_NAME} in a W&B run's folder {folder}, or in one below it")
    return [_examine(run_id, run_folders(parent, run_id)) for run_id, parent in found.items()]


def _examine(run_id: str, folders: list[Path]) -> Found:
    files = [file for folder in folders for file in folder.glob("*.wandb")]
    rows = [row for file in files for row in read_rows(file)]
    told = {prefix: [line for path in paths for line in read_lines(path)] for prefix, paths in _files(folders).items()}
    lines = [line for of_trainer in told.values() for line in of_trainer]
    missing = [
        {prefix + key: value for key, value in payload.items()}
        for prefix, of_trainer in told.items()
        for payload in missing_in(_own(prefix, rows), [line["payload"] for line in of_trainer])
    ]
    next_step = 1 + max((row.get("_step", -1) for row in rows), default=-1)
    project = next((project for file in files if (project := read_project(file))), "uncategorized")
    busy = any(_is_alive(*process) for process in {tuple(line.get("process", ("", 0))) for line in lines})
    return Found(run_id, project, folders, len(lines), missing, next_step, busy)


def _files(folders: list[Path]) -> dict[str, list[Path]]:
    """Return the JSONL files of a run by what the keys of their trainer begin with: nothing, or its name."""
    files: defaultdict[str, list[Path]] = defaultdict(list)
    stem = Path(FILE_NAME).stem
    for path in [path for folder in folders for path in sorted(folder.glob(f"{stem}*.jsonl"))]:
        name = path.stem.removeprefix(stem).removeprefix("-")
        files[name and f"{name}/"].append(path)
    return files


def _own(prefix: str, rows: Iterable[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """Return of each row what a trainer has written into it, by its own keys."""
    return [{key.removeprefix(prefix): row[key] for key in row if key.startswith(prefix)} for row in rows]


def _is_alive(host: str, pid: int) -> bool:
    """Tell whether another process of this very machine is alive; one elsewhere is taken for gone."""
    return host == platform.node() and pid != os.getpid() and is_running(pid)


def missing_in(rows: Iterable[Mapping[str, Any]], payloads: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Return the payloads that no row holds; a row may hold one of training and one of validation."""
    rows_by_step = defaultdict(list)
    for row in rows:
        rows_by_step[row.get(STEP_KEY)].append(dict(row))
    missing = []
    for payload in payloads:
        own = {key: value for key, value in payload.items() if not is_shared(key)} or payload
        holder = next((row for row in rows_by_step[payload[STEP_KEY]] if _holds(row, own)), None)
        if holder is None:
            missing.append(payload)
        else:  # another payload of the same split is in another row
            holder.update(dict.fromkeys(own))
    return missing


def _holds(row: Mapping[str, Any], own: Mapping[str, Any]) -> bool:
    """Tell whether a row has what a payload alone has; keys that the trainer logs itself were left to it."""
    return sum(key in row and bool(row[key] == value) for key, value in own.items()) > len(own) / 2


def add_missing(found: Found) -> Path:
    """Add what a run lacks, as another process of the same run; returns the new folder.

    Raises:
        wandb.Error: The run is online, and the server cannot be reached.
    """
    import wandb  # noqa: PLC0415 - takes a second to import

    run = wandb.init(
        id=found.run_id,
        project=found.project,
        resume="allow",
        mode="offline" if found.offline else "online",
        dir=str(found.folders[-1].parent.parent),
        settings=wandb.Settings(silent=True, console="off"),
    )
    axes = {
        key: next(name for name in payload if name.endswith(STEP_KEY)) for payload in found.missing for key in payload
    }
    for key, axis in sorted(axes.items(), key=lambda pair: (pair[0] != pair[1], pair)):
        run.define_metric(key, **({"hidden": True} if key == axis else {"step_metric": axis}))
    first = max(found.next_step, run.starting_step)
    for step, payload in enumerate(found.missing, first):
        run.log(payload, step=step, commit=True)
    folder = Path(run.dir).parent
    run.finish()
    wandb.teardown()
    return folder
