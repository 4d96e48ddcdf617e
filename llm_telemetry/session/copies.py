"""Files of other machines, brought to the owner's piece by piece: each piece says where in its file it belongs.

So a piece that comes twice, or late, changes nothing, one that is missing is asked for again, and whoever keeps the
copies may be killed and started again: what it knows are the lengths of its files.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from llm_telemetry.guard import log
from llm_telemetry.session.folders import make_private, open_own
from llm_telemetry.session.writers import Writer

if TYPE_CHECKING:
    from pathlib import Path


def put(folder: Path, name: str, at: int, data: bytes) -> int:
    """Put a piece of a writer's file where it belongs.

    Args:
        folder: The owner's.
        name: The file's.
        at: Where in the file the piece begins.
        data: The piece.

    Returns:
        How long the copy is now: the next piece begins there.

    Raises:
        ValueError: No process of another machine writes a file of this name.
        OSError: The folder is not private, or cannot be written.
    """
    writer = Writer.of(name)
    if writer is None or writer.is_here:
        raise ValueError(f"{name!r} is no file of another machine"[:100])
    make_private(folder)
    file = open_own(folder / name, os.O_WRONLY | os.O_CREAT)
    try:
        length = os.fstat(file).st_size
        while at <= length < at + len(data):
            length += os.pwrite(file, data[length - at :], length)
    finally:
        os.close(file)
    return length


def append(path: Path, data: bytes) -> None:
    """Append to a file of this user's in a private folder, in one system call.

    Raises:
        OSError: The folder is not private, or cannot be written.
    """
    make_private(path.parent)
    file = open_own(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    try:
        os.write(file, data)
    finally:
        os.close(file)


def rest_of(path: Path | str, at: int) -> bytes:
    """Return what a file has beyond a place; nothing where there is no such file of this user's."""
    try:
        if os.lstat(path).st_size <= at:
            return b""
        file = open_own(path, os.O_RDONLY)
        try:
            os.lseek(file, at, os.SEEK_SET)
            return os.read(file, os.fstat(file).st_size - at)  # what comes meanwhile is read the next time
        finally:
            os.close(file)
    except OSError as error:
        log.debug("%s cannot be read: %s", path, error)
        return b""
