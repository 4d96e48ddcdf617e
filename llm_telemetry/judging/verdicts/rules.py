"""The table of rules: the families of verdicts in the order in which they are tried; the first that speaks decides.

The order goes from what was asked for by machine to what merely looks like a verdict. `<answer>` comes late, against
the order of the other tags, because judges quote the answer tags of those they judge.
"""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from .labels import read_label
from .marks import read_answer_tag, read_boxed, read_bracket, read_tag
from .prose import read_bare, read_last_resort
from .quotes import purge
from .reply import Reply, prepare, strip
from .structured import read_structured
from .verdict import NO_VERDICT, Family, Reading, Unreadable, Verdict, inverse

if TYPE_CHECKING:
    from collections.abc import Callable


RULES: tuple[tuple[Family, Callable[[Reply], Reading | None]], ...] = (
    ("structured", read_structured),  # {"correct": true}: asked for by schema
    ("tag", read_tag),  # <true_false>True</true_false>
    ("bracket", read_bracket),  # [[A]]
    ("boxed", read_boxed),  # \boxed{A}
    ("label", read_label),  # Judgement: 1
    ("tag", read_answer_tag),  # <answer>yes</answer>
    ("bare", read_bare),  # Yes.
    ("last_resort", read_last_resort),  # … so I go with False
)
"""A family and what reads it: to a verdict, to the reason why there is none, or to `None` to pass on."""

_SHORT, _REMEMBERED = 200, 512
"""Characters of a reply that is remembered, and how many are: judges say the same few words again and again."""


def read_verdict(
    text: str,
    *,
    truncated: bool = False,
    scale: tuple[float, float] | None = None,
    inverted: bool = False,
    candidate: str = "",
) -> Reading:
    """Read what a judge said.

    Args:
        text: The judge's whole reply, thoughts included.
        truncated: The API said that the reply was cut off at its length limit. A clear verdict before the cut counts;
            without one the kind is "truncated". A thought that never ended is "unclosed_think" in either case: it
            says better where the tokens went.
        scale: The lowest and the highest grade of this judge; a grade outside of it is none.
        inverted: The judge was asked for the contrary ("is this wrong?"): its yes means wrong, a high grade is bad.
        candidate: What was judged. A judge quotes it, and what is quoted is not the judge's verdict.
    """
    whole = strip(text)
    if isinstance(whole, Unreadable):
        return whole
    known = Reply(cut=truncated, scale=scale, inverted=inverted, is_purged=bool(candidate))
    for own in purge(whole, candidate) if candidate else [whole]:
        reading = _read_short(own, known) if len(own) <= _SHORT else _read(own, known)
        if isinstance(reading, Verdict):
            return inverse(reading) if inverted else reading
    return Unreadable("truncated") if truncated else reading


def _read(own: str, known: Reply) -> Reading:
    reply = prepare(own, known)
    for family, read in RULES if reply.text else ():
        reading = read(reply)
        if isinstance(reading, Verdict):
            return reading._replace(family=family)
        if reading is not None:
            return reading
    return NO_VERDICT


_read_short = lru_cache(_REMEMBERED)(_read)
