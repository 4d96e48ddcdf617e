"""Which run is meant: a JSONL, a folder, a run in W&B, or the newest below the working directory."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from llm_telemetry.runs.findings import show_path
from llm_telemetry.runs.history import NoRunError
from llm_telemetry.runs.reading import Reading
from llm_telemetry.runs.wandb_file import run_folders, run_id_of
from llm_telemetry.runs.wandb_rows import read_offline, read_online
from llm_telemetry.sinks.jsonl import line_in, read_lines, read_sequence

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from llm_telemetry.runs.history import Run

_ONLINE = re.compile(r"[^/\s]+/[^/\s]+/[^/\s]+")
_NEVER_RUNS = ("node_modules", "site-packages", "__pycache__")
_LOOKED_AT = 20
"""Lines at the beginning of a file among which one must be of a sink's."""
_LONGEST = 2**24
"""Bytes of such a line at most: a file of gigabytes without an end of line is not ours."""


def find_run(named: str | Path | None = None) -> Run:
    """Return a run read back.

    Args:
        named: A JSONL, a folder with one (or with runs: then the newest), a run's `.wandb` file or folder, or
            `entity/project/run`; nothing for the newest run below the working directory.

    Raises:
        NoRunError: There is none.
    """
    run = _read(named)
    if run is None:
        where = f"below {show_path(Path.cwd())}" if named is None else f"in {named}"
        raise NoRunError(f"there is no run {where}: give a JSONL, a W&B run's folder, or entity/project/run")
    return run


def _read(named: str | Path | None) -> Run | None:
    path = Path() if named is None else Path(named).expanduser()
    if not path.exists():
        return read_online(str(named)) if _ONLINE.fullmatch(str(named)) else None
    if path.suffix == ".wandb":
        return read_offline([path])
    if path.is_file():
        return read_run(path)
    newest = newest_run(_walk(path))
    return newest or next(filter(None, (read_offline(files) for files in _wandb_runs(path))), None)


def newest_run(files: Iterable[Path]) -> Run | None:
    """Return the run that was written to last; files without a line of ours are not ours."""
    return next((run for file in _newest_first(files) if (run := read_run(file)) is not None), None)


def newest_file(folder: Path) -> Path | None:
    """Return the JSONL of ours in a folder, or below, that was written to last; `None` without one."""
    return next((file for file in _newest_first(_walk(folder)) if _is_ours(file)), None)


def _newest_first(files: Iterable[Path]) -> list[Path]:
    dated = ((file.stat().st_mtime, file) for file in set(files) if file.exists())
    return [file for _, file in sorted(dated, reverse=True)]


def read_run(path: Path) -> Run | None:
    """Return what a JSONL tells, with those of the other processes of its run; `None` without a line of a sink's."""
    if not _is_ours(path):
        return None
    files = files_of(path)
    reading = Reading(show_path(path), tuple(files))
    for file in files:
        add_file(reading, file)
    return reading.run()


def add_file(reading: Reading, file: Path, position: int = 0) -> int:
    """Add the whole lines of a file from a position on; returns where the next one will begin.

    What is not ended by a newline is being written, or was cut off in a crash: it is no line yet.
    """
    with file.open("rb") as opened:
        opened.seek(position)
        for text in opened:
            if not text.endswith(b"\n"):
                break
            position += len(text)
            line = line_in(text)
            if line is not None:
                reading.add(line)
            else:
                reading.unread += bool(text.strip())
    return position


def files_of(path: Path) -> list[Path]:
    """Return the JSONL files of a run, the oldest first: a file a process, as a resumed run has several.

    They have the same W&B run, or lie in one folder and go on numbering where another has stopped.
    """
    run_id = run_id_of(path.parent)
    if run_id is not None:
        beside = [folder / path.name for folder in run_folders(path.parent.parent, run_id)]
        return [file for file in beside if file.exists()] or [path]
    spans = {file: _span(file) for file in path.parent.glob("*.jsonl") if file == path or _is_ours(file)}
    files = [path]
    while before := [file for file, (_, last) in spans.items() if 1 < spans[files[0]][0] == last + 1]:
        files.insert(0, before[0])
    while after := [file for file, (first, _) in spans.items() if 1 < first == spans[files[-1]][1] + 1]:
        files.append(after[0])
    return files


def _span(file: Path) -> tuple[int, int]:
    """Return the numbers of the first and the last line; 0 in files of versions that did not number them."""
    return int(next(read_lines(file), {}).get("sequence", 0)), read_sequence(file)


def _is_ours(file: Path) -> bool:
    """Tell whether a file may be read and has lines of a sink's; of somebody else's no more is read than is needed."""
    if not file.is_file():  # a pipe's other end would be waited for
        return False
    try:
        with file.open("rb") as opened:
            beginning = (opened.readline(_LONGEST) for _ in range(_LOOKED_AT))
            return any(line_in(text) is not None for text in beginning)
    except OSError:
        return False


def _walk(folder: Path) -> Iterator[Path]:
    """Yield the JSONL files in a folder and below, without following links."""
    for parent, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".") and name not in _NEVER_RUNS]
        yield from (Path(parent, name) for name in files if name.endswith(".jsonl"))


def _wandb_runs(folder: Path) -> Iterator[list[Path]]:
    """Yield the `.wandb` files of the runs in a folder and below, the newest run first."""
    for file in sorted(folder.rglob("run-*.wandb"), key=lambda file: file.stat().st_mtime, reverse=True):
        run_id = run_id_of(file.parent)
        yield [folder / file.name for folder in run_folders(file.parent.parent, run_id or "")] or [file]
