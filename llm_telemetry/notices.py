"""What is said in the log, once: what is unknown, why, and what to do."""

from __future__ import annotations

from llm_telemetry.guard import log


class Notices:
    """Sentences for the user, each said the first time only, whatever its arguments are."""

    def __init__(self) -> None:
        """Have said nothing."""
        self._said: set[str] = set()

    def __call__(self, sentence: str, *args: object) -> None:
        """Say it, unless it has been said."""
        if sentence not in self._said:
            self._said.add(sentence)
            log.warning(sentence, *args)
