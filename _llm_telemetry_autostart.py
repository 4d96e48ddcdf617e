"""The door: what `llm_telemetry.pth` starts when LLM_TELEMETRY is set. See docs/activation.md."""

import sys

TYPE_CHECKING = False  # type checkers know the name; importing `typing` would be most of what a start costs
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_told: set[str] = set()


def start() -> None:
    """Have trainers looked for; in a venv Python calls this twice, so twice is a no-op."""
    attempt(_install_finder)


def attempt(function: "Callable[..., Any]", *arguments: "Any") -> "Any":
    """Call `function`; a failure of ours is told in one line, and never reaches the user's program."""
    try:
        return function(*arguments)
    except Exception as error:  # noqa: BLE001 - stands in for llm_telemetry.guard, which is not imported yet
        words = [
            word for word in vars(BaseException)["args"].__get__(error) if type(word) is str
        ]  # `str(error)` may raise
        reason = f"{type(error).__name__}: {' '.join(' '.join(words).split())}"
        if reason not in _told and sys.stderr is not None:
            _told.add(reason)
            told = f"looking for trainers failed ({reason}). Your program goes on, with less telemetry."
            sys.stderr.write(f"llm_telemetry: {told}\n")


def _install_finder() -> None:
    from llm_telemetry.activation.finder import install  # noqa: PLC0415 - inside of `attempt`: it may be broken

    install(attempt)
