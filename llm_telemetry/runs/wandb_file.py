"""Reads back what W&B has on disk: rows, summary and metric definitions of a run's `.wandb` file.

The file is a LevelDB log: a header of 7 bytes, then frames in blocks of 32 KiB, each frame with its checksum, length
and kind (whole, first, middle or last part of a record). An empty file, a cut one or a broken frame ends the reading;
what came before it counts. While W&B still runs the file is not complete: `wandb.teardown()` first.
"""

from __future__ import annotations

import glob
import importlib
import json
import struct
import zlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

BLOCK = 32 * 1024
FILE_HEADER = 7
FRAME_HEADER = struct.Struct("<IHB")
WHOLE, FIRST, MIDDLE, LAST = 1, 2, 3, 4


def run_id_of(folder: Path) -> str | None:
    """Return the id of the run that has this folder; `None` if no file of W&B is in it."""
    return next((file.stem.removeprefix("run-") for file in folder.glob("run-*.wandb")), None)


def run_folders(parent: Path, run_id: str) -> list[Path]:
    """Return a run's folders, the oldest first.

    The file inside tells whose a folder is: W&B adds a number to the folder's name when a process of the same run
    began in the same second.
    """
    files = parent.glob(f"*run-*/run-{glob.escape(run_id)}.wandb")
    return sorted((file.parent for file in files), key=lambda path: path.name.removeprefix("offline-"))


def read_rows(path: Path) -> list[dict[str, Any]]:
    """Return the history in the file's order; keys of nested dicts are joined by a dot."""
    return [
        {_key(item): json.loads(item.value_json) for item in record.history.item}
        for record in _records(path)
        if record.WhichOneof("record_type") == "history"
    ]


def read_summary(path: Path) -> dict[str, Any]:
    """Return the run's summary as it stood at the end of the file."""
    values: dict[str, Any] = {}
    for record in _records(path):
        if record.WhichOneof("record_type") == "summary":
            values.update((_key(item), json.loads(item.value_json)) for item in record.summary.update)
            for item in record.summary.remove:
                values.pop(_key(item), None)
    return values


def read_metrics(path: Path) -> list[Any]:
    """Return the metric definitions in the order in which they were made."""
    return [record.metric for record in _records(path) if record.WhichOneof("record_type") == "metric"]


def read_project(path: Path) -> str | None:
    """Return the name of the run's project."""
    runs = (record.run for record in _records(path) if record.WhichOneof("record_type") == "run")
    return next((run.project for run in runs if run.project), None)


def _records(path: Path) -> Iterator[Any]:
    wandb_internal_pb2: Any = importlib.import_module("wandb.proto.wandb_internal_pb2")  # a second to import

    for body in _bodies(path.read_bytes()):
        record = wandb_internal_pb2.Record()
        record.ParseFromString(body)
        yield record


def _bodies(data: bytes) -> Iterator[bytes]:
    parts = b""
    for kind, body in _frames(data):
        parts = body if kind in {WHOLE, FIRST} else parts + body
        if kind in {WHOLE, LAST}:
            yield parts


def _frames(data: bytes) -> Iterator[tuple[int, bytes]]:
    position = FILE_HEADER
    while True:
        left = BLOCK - position % BLOCK
        if left < FRAME_HEADER.size:  # the block's padding
            position += left
        if position + FRAME_HEADER.size > len(data):
            return
        checksum, length, kind = FRAME_HEADER.unpack_from(data, position)
        position += FRAME_HEADER.size
        body = data[position : position + length]
        position += length
        if kind not in {WHOLE, FIRST, MIDDLE, LAST} or zlib.crc32(body, zlib.crc32(bytes([kind]))) != checksum:
            return
        yield kind, body


def _key(item: Any) -> str:
    return ".".join(item.nested_key) or item.key
