"""What a judge was asked and has answered, while its evaluation is open; not kept after."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

_MAX_TEXT = 65536
"""Characters of a streamed answer that are looked at."""
_CONTENTS = ("messages", "input", "prompt")
"""Where a request holds what is asked."""


class Reply(NamedTuple):
    """One answer to one call of a judge, while its evaluation is open; not kept after."""

    text: str = ""
    failure: str | None = None
    """Why there is no answer to read: one of `events.API_FAILURES`."""
    truncated: bool = False
    """The answer was cut off by the token limit."""
    error: str = ""
    """What the call raised; with a text and without a `failure` it is the answer that the SDK did not accept."""


class Attempt:
    """One call of the judge's: what it asked, and what came."""

    __slots__ = ("again", "elsewhere", "replies", "request")

    def __init__(self, request: Any, *, again: bool = False) -> None:
        """Note the request, as the SDK has it; it is only read, and only when there are several.

        Args:
            request: What is asked.
            again: It was asked before, and got no usable answer.
        """
        self.request = request
        self.again = again
        self.replies: list[Reply] = []
        self.elsewhere = False
        """It was only taken on (`background=True`): the answer is fetched by requests of which nothing is heard."""

    def add(self, delta: Reply) -> None:
        """Take what one chunk of a stream adds."""
        known = self.replies[0] if self.replies else Reply()
        text = known.text + delta.text if len(known.text) < _MAX_TEXT else known.text
        self.replies = [Reply(text, delta.failure or known.failure, delta.truncated or known.truncated)]

    @property
    def is_unusable(self) -> bool:
        """Whether it has ended without an answer to read."""
        return bool(self.replies) and all(reply.failure or not reply.text.strip() for reply in self.replies)

    @property
    def content(self) -> str:
        """What was asked, as a text to compare with."""
        asked = self.request if isinstance(self.request, Mapping) else {}
        return "\n".join(_texts(next((asked[name] for name in _CONTENTS if name in asked), asked)))


def _texts(asked: Any) -> Iterator[str]:
    """Yield all texts in a request, or a part of it."""
    if isinstance(asked, str):
        yield asked
    elif isinstance(asked, Mapping | list | tuple):
        for part in asked.values() if isinstance(asked, Mapping) else asked:
            yield from _texts(part)
