"""Calls of a process in which nobody is watched, or not yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

before_call: list[Callable[[], object]] = []
"""Called when a call is about to be made."""


class Unheard:
    """How many requests for an LLM's answer this process has made while nobody was watched."""

    calls = 0

    def __init__(self) -> None:
        self.looks: list[Callable[[], object]] = []
        """Called at each of them: somebody may be found who is to be watched."""


unheard = Unheard()
