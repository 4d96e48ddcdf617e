"""The trackers that may be named in `sinks=`: each name is that of the package, and of our extra that installs it."""

from __future__ import annotations

import importlib.util
import sys

TRACKERS: tuple[str, ...] = ("mlflow", "swanlab", "tensorboard", "trackio")


def check_tracker(name: str) -> None:
    """Look whether a named tracker can be written to; nothing is imported.

    Raises:
        ValueError: It is unknown, or not installed; the message says what to do.
    """
    if name not in TRACKERS:
        raise ValueError(f"there is no tracker {name!r}; there are: {', '.join(TRACKERS)}")
    if not _is_installed(name):
        raise ValueError(f"{name} is not installed: pip install 'llm_telemetry[{name}]'")


def is_writer(thing: object) -> bool:
    """Tell TensorBoard's writer, which may stand in `sinks=` too; a sink of the user's has `write`."""
    kind = type(thing)
    return callable(getattr(kind, "add_scalar", None)) and not hasattr(kind, "write")


def _is_installed(name: str) -> bool:
    if name in sys.modules:
        return True
    spec = importlib.util.find_spec(name)
    return spec is not None and spec.origin is not None  # a mere folder of that name has no origin
