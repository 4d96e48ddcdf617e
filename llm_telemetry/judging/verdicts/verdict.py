"""What a judge decided, or why nobody can tell: the two answers that every reader in this package gives."""

from __future__ import annotations

import math
from typing import Literal, NamedTuple

Family = Literal["structured", "tag", "bracket", "boxed", "label", "bare", "last_resort", "returned", "custom"]
Kind = Literal["truncated", "unclosed_think", "no_verdict", "ambiguous"]

_HALF = 0.5
RAW_LIMIT = 60
"""Characters of a judge's text that a verdict keeps: enough for the verdict, too few for a prompt."""


class Verdict(NamedTuple):
    """One decision: binary (`correct` is set) or graded (`score` is set), never both.

    A returned number whose scale nobody knows has neither; only its `raw` form is kept.
    """

    correct: bool | None
    """`None` for a graded verdict."""
    score: float | None
    """0 to 1, linear between the two ends of `scale`; `None` for a binary verdict."""
    raw: str
    """As it stood in the text (`A`, `7/10`, `not equivalent`), at most `RAW_LIMIT` characters."""
    scale: tuple[float, float] | None
    """Lowest and highest grade, in the judge's own unit; `None` for a binary verdict."""
    family: Family
    confident: bool = True
    """False where a guess is involved: last resort, a scale nobody told, a word at the very cut, a tie."""


class Unreadable(NamedTuple):
    """There is a text, and no verdict can honestly be read from it."""

    kind: Kind


Reading = Verdict | Unreadable

AMBIGUOUS = Unreadable("ambiguous")
NO_VERDICT = Unreadable("no_verdict")


def binary(correct: bool, raw: str, family: Family = "bare", *, confident: bool = True) -> Verdict:
    """Make a binary verdict."""
    return Verdict(correct, None, raw.strip()[:RAW_LIMIT], None, family, confident)


def graded(
    value: float, scale: tuple[float, float], raw: str, family: Family = "bare", *, confident: bool = True
) -> Verdict | None:
    """Make a graded verdict from `value` in the unit of `scale`; `None` if it lies outside of it."""
    low, high = scale
    if not (math.isfinite(value) and low < high and low <= value <= high):
        return None
    return Verdict(None, (value - low) / (high - low), raw.strip()[:RAW_LIMIT], (low, high), family, confident)


def inverse(verdict: Verdict) -> Verdict:
    """Return the verdict of a judge that was asked for the contrary: "is this wrong?"."""
    if verdict.score is not None:
        return verdict._replace(score=1.0 - verdict.score)
    return verdict if verdict.correct is None else verdict._replace(correct=not verdict.correct)


def same(one: Verdict, other: Verdict) -> bool:
    """Say whether two verdicts state the same thing, however they are written."""
    return (one.correct, one.score) == (other.correct, other.score)


def passes(verdict: Verdict) -> bool | None:
    """Reduce a verdict to right or wrong: a score passes from 0.5 on; `None` if unknown."""
    if verdict.correct is not None:
        return verdict.correct
    return None if verdict.score is None else verdict.score >= _HALF


def agree(said: Verdict, used: Verdict) -> bool:
    """Say whether what the judge said and what the trainer used are both right, or both wrong.

    Only sides are compared: a trainer may shape a score (square it, halve the scale) without contradicting it.
    A used number without a known scale is read on the scale of what was said; where even that does not fit,
    no contradiction can be shown, and the two count as agreeing.
    """
    stated, known = passes(said), passes(on_scale(used, said.scale))
    return stated is None or known is None or stated == known


def on_scale(verdict: Verdict, scale: tuple[float, float] | None) -> Verdict:
    """Put a number whose scale nobody knew on this one, if it fits."""
    if scale is None or verdict.correct is not None or verdict.score is not None:
        return verdict
    known = graded(_number(verdict.raw), scale, verdict.raw, verdict.family)
    return verdict if known is None else known


def _number(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        return math.nan
