"""A judge's reply made ready for reading: thoughts removed, and no more of a huge text kept than can matter."""

from __future__ import annotations

import re
from typing import NamedTuple

from .verdict import Unreadable

_OPEN, _CLOSE = ("<think>", "<thinking>"), ("</think>", "</thinking>")
_HEAD, _TAIL = 4_000, 8_000
"""Characters of a longer reply's two ends in which a verdict is looked for; it opens or closes a reply."""
_ASIDES = ("reasoning", "rationale", "explanation", "analysis", "thought", "scratchpad", "feedback")
# An aside is bounded, cannot nest, and only goes when it is closed: what is left must stand alone.
_ASIDE = re.compile(rf"<({'|'.join(_ASIDES)})>[^<]{{0,4000}}</\1>", re.IGNORECASE)
_UNCLOSED = re.compile(r"\n[ \t]{0,8}<think(?:ing)?>")


class Reply(NamedTuple):
    """What is left to read."""

    whole: str
    """The reply without its thoughts, stripped."""
    text: str
    """The same, or its two ends if it is long; asides such as `<reasoning>…</reasoning>` are gone."""
    cut: bool
    """The reply was cut off by its length limit, so its last word may be half a word."""


def prepare(text: str, *, truncated: bool) -> Reply | Unreadable:
    """Strip the thoughts; one that never ends, at the start of a line, means that no reply was reached."""
    whole = _without_thoughts(text).strip()
    if "<" in whole and _UNCLOSED.search("\n" + whole):
        return Unreadable("unclosed_think")
    kept = whole if len(whole) <= _HEAD + _TAIL else f"{whole[:_HEAD]}\n\n{whole[-_TAIL:]}"
    if "</" in kept:
        kept = _ASIDE.sub("\n", kept).strip()
    return Reply(whole, kept, truncated)


def _without_thoughts(text: str) -> str:
    """Remove all from the first opening to the last closing tag; a template may have kept the opening to itself."""
    for opening, closing in zip(_OPEN, _CLOSE, strict=True):
        end = text.rfind(closing)
        if end >= 0:
            start = text.find(opening, 0, end)
            text = text[: max(start, 0)] + "\n" + text[end + len(closing) :]
    return text
