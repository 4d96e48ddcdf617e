"""The words of the one who is judged, taken out of the judge's reply: quoted, they are no verdict of the judge's.

Both texts are compared without what quoting adds, drops or changes: white space, escapes, quotation marks, markdown.
"""

from __future__ import annotations

import re
from itertools import chain, islice
from typing import TYPE_CHECKING

from .reply import both_ends_of
from .structured import is_json

if TYPE_CHECKING:
    from collections.abc import Iterator

# ruff: noqa: RUF001

_MARKS = " \t\n\r\f\v\xa0\"'`*_>“”‘’«»「」"
_RUN = re.compile(rf"\\+[nrt]?|([^\\{_MARKS}]+)")  # an escape, which is noise, or what is none
_ESCAPES = re.compile(r"\\+[nrt]?")
_DROPPED = {**{code: code for code in range(128)}, **dict.fromkeys(map(ord, _MARKS))}
"""What stays is in it, too: to `str.translate` a letter that is not there is an exception."""
_QUOTED = re.compile(
    r"```[^\n`]{0,12}\n(.{1,4000}?)```|\"([^\"\n]{1,2000})\"|“([^”\n]{1,2000})”|`([^`\n]{1,2000})`|«([^»\n]{1,2000})»"
    r"|「([^」\n]{1,2000})」|'(?<!\w')([^'\n]{1,2000})'(?!\w)|\n(>[^\n]{1,2000})",
    re.DOTALL,
)
_SENTENCES = re.compile(r"[.!?\n](?:(?<=\n)\n*|(?!\n)\s+)")
"""What parts sentences, with the mark that ends one: it begins with few characters, which are found quickly."""
_MARKED = re.compile(r"[<{\[\\:=]")
_INTRODUCED = re.compile(r"(?:[:：\"'`>“«「]|\b(?:said|says|wrote|writes|answered|states?|claims?|outputs?))\s*$")
_LONG, _SHORT, _ANCHOR = 20, 6, 12
"""Characters of a piece that cannot be the judge's own words by chance; of one that looks like a verdict; of the
beginning of either, by which it is found.
"""
_BROKEN_OFF = re.compile(r"[\"”'`*»」]|\s*(?:\n|$|…|\.\.\.|\[)")
_LIMIT, _MANY = 10_000, 64
"""Characters of each end of a candidate, pieces of an end and quotations of a reply that are looked at."""


def purge(reply: str, candidate: str) -> list[str]:
    """Take the candidate's text, long pieces of it and quotations from it out of a judge's reply.

    Returns:
        What is left. If it holds no verdict, a second text is to be read, if there is one: where the last of those
        words end the reply and nothing introduces them, they may be the judge's own, and are left in it.
    """
    candidate = candidate if len(candidate) <= 2 * _LIMIT else f"{candidate[:_LIMIT]}\n{candidate[-_LIMIT:]}"
    wanted = _bare(candidate)
    if not wanted or is_json(reply):
        return [reply]  # in JSON the judge's own words have names
    reply = both_ends_of(reply)
    spans = _merged(chain(_copies(reply, candidate, wanted), _quotations(reply, wanted)), reply)
    if not spans or (len(spans) == 1 and not _bare(reply[: spans[0][0]] + reply[spans[0][1] :])):
        return [reply]
    start, end = spans[-1]
    ends_reply = not re.search(r"\w", reply[end:]) and not _INTRODUCED.search(reply[max(0, start - 40) : start])
    return [_cut_out(reply, gone) for gone in ([spans, spans[:-1]] if ends_reply else [spans])]


def _copies(reply: str, candidate: str, wanted: str) -> Iterator[tuple[int, int]]:
    """Find the candidate from any of its pieces on, quoted or not."""
    bare = _bare(reply)
    found = {piece for piece in _pieces(candidate) if piece[:_ANCHOR] in bare and _is_telling(piece)}
    if wanted[:_ANCHOR] in bare and _MARKED.search(wanted):
        found.add(wanted)
    if not found:
        return
    origins = [at for run in _RUN.finditer(reply) if run[1] for at in range(*run.span(1))]
    for piece in found:
        rest = wanted[wanted.find(piece) :]
        at = bare.find(piece[:_ANCHOR])
        while at >= 0:
            size = _common(bare[at : at + len(rest)], rest)
            span = origins[at], origins[at + size - 1] + 1
            is_part = size >= (_ANCHOR if _MARKED.search(piece) else _LONG) and _BROKEN_OFF.match(reply, span[1])
            if (size >= len(piece) and _is_whole(reply, *span)) or is_part:
                yield span
            at = bare.find(piece[:_ANCHOR], at + size)


def _pieces(candidate: str) -> list[str]:
    """Return the sentences of a candidate, the first and the last of many."""
    sentences = _SENTENCES.split(candidate)
    some = sentences if len(sentences) <= 2 * _MANY else sentences[:_MANY] + sentences[-_MANY:]
    return [_bare(piece).rstrip(".!?") for piece in some]


def _is_telling(piece: str) -> bool:
    """Tell whether a piece of a candidate is long, or looks like a verdict."""
    return len(piece) >= _LONG or (len(piece) >= _SHORT and _MARKED.search(piece) is not None)


def _common(one: str, other: str) -> int:
    """Return how many characters two texts begin with in common."""
    low, high = 0, min(len(one), len(other))
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if one[:middle] == other[:middle] else (low, middle - 1)
    return low


def _is_whole(reply: str, start: int, end: int) -> bool:
    """Say whether a place begins and ends between words."""
    return not re.match(r"\w\w", reply[start - 1 : start + 1]) and not re.match(r"\w\w", reply[end - 1 : end + 1])


def _quotations(reply: str, wanted: str) -> Iterator[tuple[int, int]]:
    """Find what the reply quotes from the candidate."""
    for match in islice(_QUOTED.finditer(reply), _MANY):
        said = _bare(match[match.lastindex or 0]).rstrip(".…")
        if said and (said == wanted or (len(said) >= _LONG // 2 and said in wanted)):
            yield match.span(match.lastindex or 0)


def _bare(text: str) -> str:
    """Drop the noise."""
    return (_ESCAPES.sub("", text) if "\\" in text else text).translate(_DROPPED)


def _merged(spans: Iterator[tuple[int, int]], reply: str) -> list[tuple[int, int]]:
    merged: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        while reply[start - 1 : start] == "\\":
            start -= 1  # noqa: PLW2901 - half an escape must not stay
        if merged and start <= merged[-1][1]:
            merged[-1] = (merged[-1][0], max(end, merged[-1][1]))
        else:
            merged.append((start, end))
    return merged


def _cut_out(text: str, spans: list[tuple[int, int]]) -> str:
    starts = [0, *(end for _, end in spans)]
    ends = [*(start for start, _ in spans), len(text)]
    return " ".join(text[start:end] for start, end in zip(starts, ends, strict=True))
