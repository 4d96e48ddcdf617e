"""The words of the variables that are read before anything else is imported.

Standard library only, and little of it: every Python process with LLM_TELEMETRY set imports this at its start.
"""

import os
import sys

TYPE_CHECKING = False  # type checkers know the name; importing `typing` would be most of what this module costs
if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

VARIABLE = "LLM_TELEMETRY"
TRAINER = "LLM_TELEMETRY_TRAINER"
SPOOL = "LLM_TELEMETRY_SPOOL"
"""A folder of the user's that the processes of several machines share."""
CHILDREN = "LLM_TELEMETRY_CHILDREN"
"""Where processes tell their owner what they see: a folder of ours, whose name says whose it is. Not for users."""
SHARED = "llm_telemetry-spool"
"""What it is called in the folder that machines share: there its name cannot say whose it is."""
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

    In a child of a process that has named one, it stays that one's; where machines share a folder, it lies there.
    """
    shared = os.path.expanduser(os.environ.get(SPOOL, "").strip())  # noqa: PTH111 - pathlib takes milliseconds to import
    if not os.environ.get(CHILDREN):
        temporary = next(filter(None, map(os.environ.get, ("TMPDIR", "TEMP", "TMP"))), "/tmp")  # noqa: S108 - see `folders`
        os.environ[CHILDREN] = f"{shared}/{SHARED}" if shared else f"{temporary}/{fresh_name()}"


def fresh_name() -> str:
    """Return a name for a folder of this process's: whose it is, and something that cannot be guessed."""
    return f"llm_telemetry-{os.getpid()}-{machine()}-{os.urandom(8).hex()}"


def machine() -> str:
    """Return what tells this machine from others, and its containers from each other: ids of processes differ.

    It is the number of the kernel's boot, and what the container has of its own: a host name and a space of ids.
    """
    if not _machine:
        node = os.uname().nodename if hasattr(os, "uname") else os.environ.get("COMPUTERNAME", "")
        own = f"{node} {_said_by(os.readlink, '/proc/self/ns/pid')}"
        boot = _said_by(_content, "/proc/sys/kernel/random/boot_id").replace("-", "")[:8]
        _machine.append(f"{boot}{int.from_bytes(own.encode(), 'big') % _PRIME:08x}")
    return _machine[0]


_machine: list[str] = []
_PRIME = 2**32 - 5
"""The largest one below 2**32: the rest is a checksum, for which no library has to be loaded at each start."""


def is_running(pid: int) -> bool:
    """Tell whether a process of this machine is alive; one of which nothing can be known is."""
    if os.name != "posix":  # elsewhere a signal of 0 would end it
        return True
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except (OSError, OverflowError):
        return True
    return True


def _said_by(look: "Callable[[str], str]", path: str) -> str:
    try:
        return look(path)
    except OSError:  # no Linux
        return ""


def _content(path: str) -> str:
    with open(path, "rb") as file:  # noqa: PTH123 - pathlib takes milliseconds to import, a codec for text half of one
        return file.read().decode()


def is_child(environ: "Mapping[str, str]") -> bool:
    """Tell whether another process has named the folder: what is seen here may be for that one."""
    return bool(environ.get(CHILDREN)) and not is_owner(environ)


def is_owner(environ: "Mapping[str, str]") -> bool:
    """Tell whether this process has named the folder."""
    name = environ.get(CHILDREN, "").replace("\\", "/").rpartition("/")[2]
    return name.split("-")[1:3] == [str(os.getpid()), machine()]


def is_worker_of_ray() -> bool:
    """Tell a process that Ray has started for actors and tasks: few of them take part in a training that is watched."""
    return "".join(sys.argv[:1]).endswith("default_worker.py")


def is_elsewhere(environ: "Mapping[str, str]") -> bool:
    """Tell whether a process of another machine has named the folder: here there is none of that name."""
    words = environ.get(CHILDREN, "").replace("\\", "/").rpartition("/")[2].split("-")
    return len(words) == 4 and words[2] != machine()  # noqa: PLR2004 - as `fresh_name` makes them


def refuse(error: ValueError) -> None:
    """Say on stderr, once, which variable cannot work, and why."""
    if str(error) not in _told and sys.stderr is not None:
        _told.add(str(error))
        sys.stderr.write(f"llm_telemetry: {error}. Your program goes on without telemetry.\n")
