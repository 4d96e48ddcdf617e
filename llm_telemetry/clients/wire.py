"""What stands in the body of an HTTP response, read as it passes: one JSON document, or a stream of events.

Nothing is held back, and little is kept: of a stream the line that is not complete yet, of a document what the program
is collecting, too.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST = 32 * 2**20
"""Bytes of a document, or of one line of a stream; of what is longer, the tokens are unknown."""
_BLANK = b" \t\r\n"
DONE: dict[str, Any] = {"type": "[DONE]"}
"""Stands for the line that ends the streams of chat completions, which is no JSON."""
_LAST = ("[DONE]", "response.completed", "response.incomplete", "response.failed", "message_stop")


class Failure(Exception):  # noqa: N818 - it is what an SDK would have raised; here it is never raised
    """An error that a server told of in its response; plain HTTP clients give it back as any other response."""

    def __init__(self, status: int | None = None, told: Any = None) -> None:
        """Note the HTTP status, and the `error` that the body, or an event of it, has told."""
        super().__init__(*(part for part in (status and f"HTTP {status}", told) if part))
        self.status_code = status
        self.code = told.get("code") if isinstance(told, dict) else told
        self.type = told.get("type") if isinstance(told, dict) else None


class Body:
    """Takes the pieces of one body.

    What it is is told by its first character, and not by a header: servers that are half compatible are many.
    """

    __slots__ = ("_is_document", "_pieces", "_size")

    def __init__(self) -> None:
        """Begin with nothing."""
        self._is_document: bool | None = None
        self._pieces: list[bytes] = []
        self._size = 0

    def feed(self, piece: bytes) -> Iterator[dict[str, Any]]:
        """Take the next piece; yield the events that are complete with it."""
        if self._is_document is None and piece.strip(_BLANK):
            self._is_document = piece.lstrip(_BLANK)[:1] in b"{["
        if self._is_document:
            self._keep(piece)
        elif self._is_document is not None:
            yield from self._lines(piece)

    def _keep(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size <= _MOST:
            self._pieces.append(piece)
        else:
            self._pieces.clear()

    def _lines(self, piece: bytes) -> Iterator[dict[str, Any]]:
        *whole, rest = piece.split(b"\n")
        for line in whole:
            event = _event(b"".join((*self._pieces, line)))
            self._pieces.clear()
            self._size = 0
            if event is not None:
                yield event
        if rest:
            self._keep(rest)

    def document(self) -> Any:
        """Return the document, if there is one and it is complete."""
        return parsed(b"".join(self._pieces)) if self._is_document and self._pieces else None


def _event(line: bytes) -> dict[str, Any] | None:
    if not line.startswith(b"data:"):
        return None
    text = line[len(b"data:") :].strip(_BLANK)
    event = DONE if text == b"[DONE]" else parsed(text)
    return event if isinstance(event, dict) else None


def is_last(event: dict[str, Any]) -> bool:
    """Tell whether nothing of interest comes after this event: programs need not read on, and many do not."""
    kind, delta = event.get("type"), event.get("delta")
    stopped = isinstance(delta, dict) and delta.get("stop_reason") is not None
    return kind in _LAST or (kind == "message_delta" and stopped)


def parsed(text: Any) -> Any:
    """Return what a JSON text says; `None` for any other text."""
    try:
        return json.loads(text)
    except (ValueError, TypeError, RecursionError):
        return None
