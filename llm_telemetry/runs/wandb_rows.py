"""A run read back from W&B: rows of its `.wandb` files, or of a server, become the lines that a JSONL would have.

A row may hold a payload of training, one of validation, and the trainer's own numbers; what is no key of ours is
left out, so the numbers of a collector of your own are in the JSONL alone.
"""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llm_telemetry.collectors import keys
from llm_telemetry.events import ALL_SPLITS, STEP_KEY
from llm_telemetry.runs.findings import show_path
from llm_telemetry.runs.history import NoRunError
from llm_telemetry.runs.reading import Reading
from llm_telemetry.runs.wandb_file import read_rows, run_id_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from llm_telemetry.runs.history import Run

FETCHED = 200
"""Tables of captured evaluations that are fetched from a server, the latest: each takes some requests."""


def read_offline(files: list[Path]) -> Run | None:
    """Return what the `.wandb` files of a run tell, a process each; `None` where there is no row of ours."""
    reading = Reading(show_path(files[-1].parent))
    for file in files:
        for path in _add_rows(reading, read_rows(file), run_id_of(file.parent)):
            _add_table(reading, file.parent / "files" / path)
    return reading.run()


def read_online(path: str) -> Run | None:
    """Return what a server tells of the run `entity/project/run`; `None` without a row of ours.

    Raises:
        NoRunError: The server cannot be reached, or has no such run.
    """
    import wandb  # noqa: PLC0415 - takes a second to import

    reading = Reading(path)
    try:
        run = wandb.Api().run(path)
        tables = _add_rows(reading, run.scan_history(), run.id)
    except (wandb.Error, ValueError) as error:
        raise NoRunError(f"there is no run {path} that W&B would give: {error}") from error
    with tempfile.TemporaryDirectory() as folder:
        fetched = [_fetch(run, table, folder) for table in tables[-FETCHED:]]
        for file in filter(None, fetched):
            _add_table(reading, file)
    reading.unfetched = len(tables) - len(fetched) + fetched.count(None)
    return reading.run()


def _fetch(run: Any, table: str, folder: str) -> Path | None:
    """Fetch a file of an online run into a folder; `None` where the server does not give it."""
    import wandb  # noqa: PLC0415 - takes a second to import

    try:
        run.file(table).download(folder, replace=True).close()
    except (wandb.Error, OSError, ValueError, IndexError):
        return None
    return Path(folder, table)


def _add_rows(reading: Reading, rows: Iterable[Mapping[str, Any]], run_id: str | None) -> list[str]:
    """Add the payloads in rows; returns where their tables of captured evaluations are."""
    tables = []
    for row in rows:
        if row.get(STEP_KEY) is not None:
            tables += _tables_of(row)
            for line in _lines_of(row):
                reading.add({**line, "run": run_id})
    return tables


def _lines_of(row: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    known = {key: told for key in row if (told := keys.tell_apart(key)) is not None}
    for split in ALL_SPLITS:
        payload = {key: row[key] for key, told in known.items() if told.key.shared or told.split == split}
        if any(not known[key].key.shared for key in payload):
            yield {"step": row[STEP_KEY], "split": split, "time": row.get("_timestamp", 0.0), "payload": payload}


def _tables_of(row: Mapping[str, Any]) -> list[str]:
    """Return the paths of a row's tables: a reference is nested in a server's row, and flat in a file's."""
    names = [keys.CAPTURED_FAILURES.of(split) for split in ALL_SPLITS]
    nested = (row[name].get("path") for name in names if isinstance(row.get(name), dict))
    flat = (row.get(f"{name}.path") for name in names)
    return [path for path in (*nested, *flat) if path]


def _add_table(reading: Reading, file: Path) -> None:
    """Add what a table holds, as W&B keeps it: its `columns`, and its `data` by row."""
    try:
        table = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):  # gone, or cut off in a crash
        return
    if isinstance(table, dict):
        rows = (zip(table.get("columns", ()), row, strict=False) for row in table.get("data", ()))
        reading.evidence += map(dict, rows)
