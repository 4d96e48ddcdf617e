"""Weave's server, as far as a recorded call asks for one: in memory, and it keeps nothing.

Weave makes its record of each call as for a user, and turns it into JSON in threads of its own. What it would do after
that, put records into batches and send them over HTTPS, is left out, as for the others.
"""

from __future__ import annotations

from collections import Counter
from typing import Any

from weave.vendor.weave_server_sdk.types import CallStartResponse, FileCreateResponse, ObjectCreateResponse

_DIGEST = "0" * 43
"""What the server calls an object by; a real one takes it from the content."""


class Server:
    """Answers what Weave's client asks, and counts the calls that it is given.

    It has no queue of its own for Weave to find, so it is given each half of a record as soon as that is made.
    """

    def __init__(self) -> None:
        self._halves: Counter[str] = Counter()

    @property
    def calls(self) -> int:
        """How many calls it was given whole: messages, answer and tokens."""
        return min(self._halves["start"], self._halves["end"])

    def call_start(self, req: dict[str, Any]) -> CallStartResponse:
        """Take what is known of a call when it is made."""
        start = req["start"]
        self._halves["start"] += bool(start["inputs"]["messages"])
        return CallStartResponse(id=start["id"], trace_id=start["trace_id"])

    def call_end(self, req: dict[str, Any]) -> None:
        """Take what is known of it when it is over."""
        end = req["end"]
        self._halves["end"] += bool(end["output"] and end["summary"]["usage"])

    def file_create(self, req: dict[str, Any]) -> FileCreateResponse:
        """Take the source of a method that is watched, once."""
        return FileCreateResponse(digest=_DIGEST)

    def obj_create(self, req: dict[str, Any]) -> ObjectCreateResponse:
        """Take the method itself, once."""
        return ObjectCreateResponse(digest=_DIGEST)
