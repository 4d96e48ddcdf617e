"""Streams as they pass: every chunk goes on to the program, and the call hears of what matters to it."""

from __future__ import annotations

from typing import Any, Protocol

from llm_telemetry.guard import guarded


class Listener(Protocol):
    """A call whose answer comes in pieces."""

    attempt: Any
    """Of a judge's evaluation, which wants all the text; `None` where nobody does."""
    seen: bool
    """Whether the first piece has been looked at."""

    def see(self, chunk: Any) -> None:
        """Take one piece."""

    def finish(self, response: Any = None, error: BaseException | None = None) -> None:
        """Take the end."""


_TELLING = frozenset(("usage", "response", "message"))


def _matters(call: Listener, chunk: Any) -> bool:
    """Tell whether a call wants a chunk: of mere pieces of an answer the first shows all, but for a judge's text."""
    if not call.seen or call.attempt is not None:
        return True
    own = getattr(chunk, "__dict__", None)
    if type(own) is not dict or own.get("usage") is not None or "response" in own or "message" in own:
        return True
    extra: Any = getattr(chunk, "__pydantic_extra__", None)
    return extra is not None and not _TELLING.isdisjoint(extra)


class Tap:
    """Stands in for a stream's `_iterator`, sync or async: passes every chunk on, and tells the call."""

    __slots__ = ("_call", "_iterator", "_see")

    def __init__(self, iterator: Any, call: Listener) -> None:
        """Listen to `iterator`."""
        self._iterator = iterator
        self._call = call
        self._see = guarded(call.see)

    def __iter__(self) -> Tap:
        return self

    def __aiter__(self) -> Tap:
        return self

    def __next__(self) -> Any:
        try:
            chunk = next(self._iterator)
        except BaseException as end:
            self._end(end)
            raise
        if _matters(self._call, chunk):
            self._see(chunk)
        return chunk

    async def __anext__(self) -> Any:
        try:
            chunk = await self._iterator.__anext__()
        except BaseException as end:
            self._end(end)
            raise
        if _matters(self._call, chunk):
            self._see(chunk)
        return chunk

    def __getattr__(self, name: str) -> Any:
        """Be the generator in everything else."""
        return getattr(self._iterator, name)

    @guarded
    def _end(self, end: BaseException) -> None:
        self._call.finish(error=None if isinstance(end, StopIteration | StopAsyncIteration) else end)
