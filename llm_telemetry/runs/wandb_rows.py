"""A run read back from W&B: rows of its `.wandb` files, or of a server, become the lines that a JSONL would have.

A row may hold a payload of training, one of validation, and the trainer's own numbers; what is no key of ours is
left out, so the numbers of a collector of your own are in the JSONL alone.
"""

from __future__ import annotations

import json
from functools import partial
from typing import TYPE_CHECKING, Any

from llm_telemetry.collectors import keys
from llm_telemetry.events import ALL_SPLITS, STEP_KEY
from llm_telemetry.runs.findings import show_path
from llm_telemetry.runs.history import NoRunError, Reading
from llm_telemetry.runs.wandb_file import read_rows, run_id_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from pathlib import Path

    from llm_telemetry.runs.history import Run

Table = dict[str, Any]
"""A table as W&B keeps it: its `columns`, and its `data` by row."""


def read_offline(files: list[Path]) -> Run | None:
    """Return what the `.wandb` files of a run tell, a process each; `None` where there is no row of ours."""
    reading = Reading(show_path(files[-1].parent))
    for file in files:
        _add_rows(reading, read_rows(file), run_id_of(file.parent), partial(_read_table, file.parent / "files"))
    return reading.run()


def read_online(path: str) -> Run | None:
    """Return what a server tells of the run `entity/project/run`, without evidence; `None` without a row of ours.

    Raises:
        NoRunError: The server cannot be reached, or has no such run.
    """
    import wandb  # noqa: PLC0415 - takes a second to import

    reading = Reading(path)
    try:
        run = wandb.Api().run(path)
        _add_rows(reading, run.scan_history(), run.id, lambda _: {})
    except (wandb.Error, ValueError) as error:
        raise NoRunError(f"there is no run {path} that W&B would give: {error}") from error
    return reading.run()


def _add_rows(
    reading: Reading, rows: Iterable[Mapping[str, Any]], run_id: str | None, table: Callable[[str], Table]
) -> None:
    for row in rows:
        if row.get(STEP_KEY) is not None:
            for line in _lines_of(row, table):
                reading.add({**line, "run": run_id})


def _lines_of(row: Mapping[str, Any], table: Callable[[str], Table]) -> Iterator[dict[str, Any]]:
    known = {key: told for key in row if (told := keys.tell_apart(key)) is not None}
    for split in ALL_SPLITS:
        payload = {key: row[key] for key, told in known.items() if told.key.shared or told.split == split}
        captured = row.get(f"{keys.CAPTURED_FAILURES.of(split)}.path")
        if any(not known[key].key.shared for key in payload):
            evidence = _records(table(captured)) if captured else []
            time = row.get("_timestamp", 0.0)
            yield {"step": row[STEP_KEY], "split": split, "time": time, "payload": payload, "evidence": evidence}


def _records(table: Table) -> list[dict[str, Any]]:
    return [dict(zip(table.get("columns", ()), row, strict=False)) for row in table.get("data", ())]


def _read_table(folder: Path, path: str) -> Table:
    try:
        table = json.loads((folder / path).read_text(encoding="utf-8"))
    except (OSError, ValueError):  # gone, or cut off in a crash
        return {}
    return table if isinstance(table, dict) else {}
