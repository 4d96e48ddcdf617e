"""How the replies of a judge are read: by us, or as the user has told, which wins over everything built in."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from llm_telemetry.judging.verdicts import Unreadable, Verdict, custom_reader, inverse, on_scale, read_verdict
from llm_telemetry.notices import Notices
from llm_telemetry.settings.config import InstrumentError

if TYPE_CHECKING:
    import re
    from collections.abc import Callable

    from llm_telemetry.judging.attempts import Reply
    from llm_telemetry.settings.config import Config

RAISED = (
    "judge_parser has raised an exception that is none of a text it cannot read; such a reply counts as "
    "a parse failure. Call it yourself with a reply of the judge's to see which."
)


class Reader:
    """Reads the replies of judges, and what their functions have returned.

    Args:
        parser: The user's own, see `custom_reader`.
        scale: The lowest and the highest grade of the judge.
        inverted: The judge was asked for the contrary ("is this wrong?").

    Raises:
        ValueError: The parser's expression does not compile.
        TypeError: The parser is neither an expression nor a function.
    """

    def __init__(
        self,
        parser: str | re.Pattern[str] | Callable[[str], object] | None = None,
        scale: tuple[float, float] | None = None,
        *,
        inverted: bool = False,
    ) -> None:
        self._parse = None if parser is None else custom_reader(parser)
        self._scale = scale
        self._tell = Notices()
        self.inverted = inverted
        self.is_told = parser is not None or scale is not None or inverted
        """The user has told how to read: what the reply says counts, and not what the function returned."""
        self.is_final = parser is not None
        """What it cannot read has no verdict."""

    def read(self, reply: Reply, candidate: str = "") -> Verdict | Unreadable:
        """Read a reply; `candidate` is what was judged, whose words are not the judge's."""
        if self._parse is None:
            return read_verdict(
                reply.text,
                truncated=reply.truncated,
                scale=self._scale,
                inverted=self.inverted,
                candidate=candidate,
            )
        reading = self._parsed(reply.text)
        return inverse(reading) if self.inverted and isinstance(reading, Verdict) else reading

    def _parsed(self, text: str) -> Verdict | Unreadable:
        """Call the user's parser; what it raises may hold the text, and is not let out."""
        with suppress(Exception):
            reading = self._parse(text)  # type: ignore[misc]  # there is one
            if isinstance(reading, Unreadable):
                return reading
            known = on_scale(reading if reading.confident else reading._replace(score=None), self._scale)
            return reading if known.score is None else known
        self._tell(RAISED)
        return Unreadable("no_verdict")

    def returned(self, used: Verdict | None) -> Verdict | None:
        """Put a returned number, whose scale is not known, on the judge's."""
        return None if used is None else on_scale(used, self._scale)


def reader_of(config: Config) -> Reader:
    """Return the reader that the settings ask for.

    Raises:
        InstrumentError: The parser is none.
    """
    try:
        return Reader(config.judge_parser, config.judge_scale, inverted=config.judge_inverted)
    except (TypeError, ValueError) as error:
        raise InstrumentError(f"judge_parser: {error}") from error


OURS = Reader()
"""Where the user has told nothing."""
