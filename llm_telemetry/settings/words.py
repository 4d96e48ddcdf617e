"""The words of the variables that are read before anything else is imported.

Standard library only, and little of it: every Python process with LLM_TELEMETRY set imports this at its start.
"""

from __future__ import annotations

import os
import sys

TYPE_CHECKING = False  # type checkers know the name; importing `typing` would be most of what this module costs
if TYPE_CHECKING:
    from collections.abc import Mapping

VARIABLE = "LLM_TELEMETRY"
TRAINER = "LLM_TELEMETRY_TRAINER"
SPOOL = "LLM_TELEMETRY_SPOOL"
"""Where the processes that a process starts tell it what they see: a folder, whose name says whose it is."""
ON = ("1", "true", "yes", "on")
OFF = ("0", "false", "no", "off")
SWITCH_WORDS = f"{', '.join(ON)} (on) or {', '.join(OFF)} (off)"
TARGETS = "module:Class, or module:Class.method when the step method has another name; several with commas between"

KEY = 20
"""Characters from which on letters and digits in one go may be a key."""

_told: set[str] = set()


def parse_switch(text: str) -> bool | None:
    """Read LLM_TELEMETRY; `None` when it is empty.

    Raises:
        ValueError: It is no word for on or off.
    """
    word = text.strip().lower()
    if word and word not in ON + OFF:
        raise ValueError(f"{VARIABLE}={shown(text.strip())} must be {SWITCH_WORDS}")
    return word in ON if word else None


def parse_targets(text: str) -> tuple[tuple[str, str], ...]:
    """Read LLM_TELEMETRY_TRAINER: pairs of a module and a dotted name in it.

    Raises:
        ValueError: A part is not of the form `module:Class`.
    """
    pairs = [tuple(part.strip().split(":")) for part in text.split(",") if part.strip()]
    for pair in pairs:
        if len(pair) != 2 or not all(name.isidentifier() for side in pair for name in side.split(".")):  # noqa: PLR2004
            raise ValueError(f"{TRAINER}={shown(text.strip())} must be {TARGETS}")
    return tuple((module, name) for module, name in pairs)


def shown(text: str) -> str:
    """Return a value for a message; a key that was pasted there by mistake is nobody's business."""
    words = "".join(c if c.isalnum() or c in "-_" else " " for c in text).split()
    for word in words:
        if len(word) >= KEY and not word.isalpha() and not word.replace("_", "").islower():
            text = text.replace(word, f"{word[:4]}…")
    return repr(text)


def was_refused() -> bool:
    """Tell whether a variable was found that cannot work."""
    return bool(_told)


def choose_folder() -> None:
    """Name the folder for the processes that this one starts, as early as can be; nothing is made yet.

    In a child of a process that has named one, it stays that one's.
    """
    if not os.environ.get(SPOOL):
        temporary = next(filter(None, map(os.environ.get, ("TMPDIR", "TEMP", "TMP"))), "/tmp")  # noqa: S108 - see `folders`
        os.environ[SPOOL] = f"{temporary}/llm_telemetry-{os.getpid()}-{os.urandom(8).hex()}"


def is_child(environ: Mapping[str, str]) -> bool:
    """Tell whether another process has named the folder: what is seen here may be for that one."""
    return bool(environ.get(SPOOL)) and not is_owner(environ)


def is_owner(environ: Mapping[str, str]) -> bool:
    """Tell whether this process has named the folder."""
    name = environ.get(SPOOL, "").replace("\\", "/").rpartition("/")[2]
    return name.split("-")[1:2] == [str(os.getpid())]


def refuse(error: ValueError) -> None:
    """Say on stderr, once, which variable cannot work, and why."""
    if str(error) not in _told and sys.stderr is not None:
        _told.add(str(error))
        sys.stderr.write(f"llm_telemetry: {error}. Your program goes on without telemetry.\n")
