"""The table of rules: the families of verdicts in the order in which they are tried; the first that speaks decides.

The order goes from what was asked for by machine to what merely looks like a verdict. `<answer>` comes late, against
the order of the other tags, because judges quote the answer tags of those they judge.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from .labels import read_label
from .marks import read_answer_tag, read_boxed, read_bracket, read_tag
from .prose import read_bare, read_last_resort
from .quotes import purge
from .reply import Reply, prepare, strip
from .structured import read_structured
from .verdict import NO_VERDICT, Family, Reading, Unreadable, Verdict, inverse

if TYPE_CHECKING:
    from collections.abc import Callable


class Rule(NamedTuple):
    """One family and the pure function that reads it: a verdict, why there is none, or `None` to pass on."""

    family: Family
    read: Callable[[Reply], Reading | None]


RULES: tuple[Rule, ...] = (
    Rule("structured", read_structured),  # {"correct": true}: asked for by schema
    Rule("tag", read_tag),  # <true_false>True</true_false>
    Rule("bracket", read_bracket),  # [[A]]
    Rule("boxed", read_boxed),  # \boxed{A}
    Rule("label", read_label),  # Judgement: 1
    Rule("tag", read_answer_tag),  # <answer>yes</answer>
    Rule("bare", read_bare),  # Yes.
    Rule("last_resort", read_last_resort),  # … so I go with False
)


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
        reading = _first(prepare(own, known))
        if isinstance(reading, Verdict):
            return inverse(reading) if inverted else reading
    return Unreadable("truncated") if truncated else reading


def _first(reply: Reply) -> Reading:
    for rule in RULES if reply.text else ():
        reading = rule.read(reply)
        if isinstance(reading, Verdict):
            return reading._replace(family=rule.family)
        if reading is not None:
            return reading
    return NO_VERDICT
