"""Folders in which processes of one user talk to each other: closed to everybody else, and checked before each use.

The folder for temporary files belongs to all users of a machine. So a folder of ours has a name that cannot be
guessed (where the processes can be told it), is made with mode 0700, and is used only if it is a folder, this user's
and closed; files in it are opened only if they are regular files of this user's, never through a link.
"""

from __future__ import annotations

import json
import os
import stat
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llm_telemetry.words import CHILDREN, SHARED, fresh_name, is_child, is_elsewhere, is_owner

if TYPE_CHECKING:
    from collections.abc import Mapping

_SAFELY = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_CLOEXEC", 0)
"""No link is followed, and a pipe that somebody has put there is not waited for."""
_OTHERS = 0o077


def fresh_folder() -> Path:
    """Return the folder for the children of one session; nothing is made yet."""
    return Path(tempfile.gettempdir()) / fresh_name()


def reachable_folder(environ: Mapping[str, str]) -> Path:
    """Return the folder that another process has named; where that is one of another machine, one of that name here."""
    folder = Path(environ[CHILDREN])
    return Path(tempfile.gettempdir()) / folder.name if is_elsewhere(environ) else folder


def is_shared(folder: Path) -> bool:
    """Tell a folder that the processes of several machines share."""
    return folder.name == SHARED


def ranks_folder(environ: Mapping[str, str]) -> Path | None:
    """Return the folder that the ranks of one torchrun share; `None` for any other process.

    Where the machines share a folder it is that one, for all of them. Else it is one of this machine.

    With `LLM_TELEMETRY=1` torchrun has a folder for its children, and the ranks' lies in it. Else its name has to be
    made of what all ranks know: somebody else may have made it before, and is found out by `make_private`.
    Ranks on other machines than that of rank 0 cannot reach it: each of those counts for itself.
    """
    if environ.get("WORLD_SIZE", "1") == "1" or "RANK" not in environ:
        return None
    if is_shared(shared := Path(environ.get(CHILDREN, ""))):
        return shared
    if environ.get("GROUP_RANK", "0") != "0":
        return None
    launch = f"ranks-{os.getppid()}-{environ.get('MASTER_PORT', '0')}"  # their common parent is torchrun's agent
    if is_child(environ):
        return Path(environ[CHILDREN]) / launch
    return Path(tempfile.gettempdir()) / f"llm_telemetry-{_user()}-{launch}"


def make_private(folder: Path) -> None:
    """Make a folder for this user alone, if it is not there.

    Raises:
        OSError: It cannot be made, or is there and somebody else's, or open to others, or no folder.
    """
    if is_shared(folder):
        folder.parent.mkdir(parents=True, exist_ok=True)
    elif folder.parent.name.startswith("llm_telemetry-"):
        make_private(folder.parent)
    try:
        folder.mkdir(mode=0o700)
    except FileExistsError:
        if not is_private(folder):
            raise


def is_private(folder: Path) -> bool:
    """Tell whether it is a folder, no link to one, of this user's, and closed to others."""
    if not os.access(folder, os.F_OK):
        return False  # as where no child has told anything yet; an exception would take longer than the look
    try:
        found = os.lstat(folder)
    except OSError:
        return False
    return stat.S_ISDIR(found.st_mode) and _is_ours(found)


def open_own(path: Path | str, flags: int) -> int:
    """Open a regular file of this user's in a private folder.

    Raises:
        OSError: It cannot be opened, is a link or no regular file, or is somebody else's.
    """
    file = os.open(path, flags | _SAFELY, 0o600)
    found = os.fstat(file)
    if stat.S_ISREG(found.st_mode) and found.st_nlink == 1 and _is_ours(found):
        return file
    os.close(file)
    raise PermissionError(f"{path} is no regular file of this user's")


def write_note(path: Path, told: Any) -> None:
    """Leave word for other processes; nobody sees half of it.

    Raises:
        OSError: The folder is not private, or cannot be written.
    """
    make_private(path.parent)
    draft = path.with_suffix(f".{os.urandom(4).hex()}")
    file = open_own(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL)
    with os.fdopen(file, "w", encoding="utf-8") as note:
        json.dump(told, note)
    draft.replace(path)


def read_note(path: Path) -> Any:
    """Return what `write_note` has left; `None` where there is none, or what is there is not to be trusted."""
    if not is_private(path.parent):
        return None
    try:
        with os.fdopen(open_own(path, os.O_RDONLY), encoding="utf-8") as note:
            return json.load(note)
    except (OSError, ValueError):
        return None


def remove_folder(folder: Path) -> None:
    """Remove a private folder with the files in it."""
    if not is_private(folder):
        return
    for path in folder.iterdir():
        if path.is_dir() and not path.is_symlink():
            remove_folder(path)
        else:
            path.unlink(missing_ok=True)
    try:
        folder.rmdir()
    except OSError:  # a child has written once more
        return


def forget_folder() -> None:
    """At the end of a process, leave no folder of its own behind that nobody has read."""
    if is_owner(os.environ):
        remove_folder(Path(os.environ[CHILDREN]))


def _is_ours(found: os.stat_result) -> bool:
    """Tell whether something is this user's and closed to others; Windows keeps such folders by itself."""
    return not hasattr(os, "getuid") or (found.st_uid == os.getuid() and not found.st_mode & _OTHERS)


def _user() -> int:
    return getattr(os, "getuid", int)()
