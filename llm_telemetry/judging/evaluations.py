"""From what a judge was asked and answered, and what its function returned, to outcomes: pure functions.

One evaluation may take several calls: attempts at the same request, samples of a vote, both orders of a comparison,
the items of a batch. The requests tell them apart: the same text asked twice is a second attempt or a sample, the
same text in another order is a comparison turned round.
"""

from __future__ import annotations

import zlib
from collections import Counter
from typing import TYPE_CHECKING, NamedTuple

from llm_telemetry.events import Clue
from llm_telemetry.judging.attempts import Reply
from llm_telemetry.judging.comparisons import Comparison, words
from llm_telemetry.judging.forms import form_of
from llm_telemetry.judging.readers import OURS
from llm_telemetry.judging.verdicts import Unreadable, Verdict, agree, on_scale, passes

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from llm_telemetry.events import Outcome
    from llm_telemetry.judging.attempts import Attempt
    from llm_telemetry.judging.readers import Reader

_WORDS = ("bare", "last_resort")
"""Families of verdicts that stand in words alone."""
_UNCLOSED = Unreadable("unclosed_think")
_LETTERS = frozenset("ABC")
"""Verdicts that name a position; C is a tie."""


class Ruling(NamedTuple):
    """What came of judging one item; the fields are named as those of `events.Evaluation`."""

    outcome: Outcome
    score: float | None
    disagreed: bool
    failure: str | None
    attempts: int
    agreement: float | None
    comparisons: tuple[Comparison, ...]
    """The answers that name a position."""
    reply: Reply
    """The answer that counted."""
    clue: Clue | None = None
    """What there is to learn from it of the judge function."""


class Heard(NamedTuple):
    """One answer and its reading; `None` when there is nothing to read."""

    reply: Reply
    reading: Verdict | Unreadable | None


def group(attempts: Iterable[Attempt]) -> list[list[Attempt]]:
    """Put attempts at the same request together, in the order in which the requests were first made."""
    ordered = list(attempts)
    if len(ordered) < 2:  # noqa: PLR2004 - what is alone need not be compared
        return [ordered] if ordered else []
    same: dict[str, list[Attempt]] = {}
    for attempt in ordered:
        same.setdefault(attempt.content, []).append(attempt)
    return list(same.values())


def rule(
    groups: Sequence[Sequence[Attempt]],
    used: Verdict | None,
    raised: str | None,
    reader: Reader = OURS,
    candidate: str = "",
) -> Ruling:
    """Decide what came of one item.

    Args:
        groups: The calls that it took, see `group`. The last request is the one that counts.
        used: The verdict that the judge function returned, which is what the trainer used.
        raised: The kind of exception that the judge function raised.
        reader: Reads the judge's replies.
        candidate: What was judged.
    """
    used = reader.returned(used)
    heard = [[hear(reply, reader, candidate) for one in same for reply in one.replies or [Reply()]] for same in groups]
    counted, agreement, is_tie = _counted(heard[-1]) if heard else (None, None, False)
    said = None if counted is None else counted.reading
    differs = isinstance(said, Verdict) and used is not None and not agree(said, used)
    decisive = None if reader.is_told and isinstance(said, Verdict) else used
    outcome, verdict = outcome_of(said, decisive, raised, asked=bool(heard))
    learnable = not raised and not reader.is_final and not _is_refused(counted) and said != _UNCLOSED
    if learnable and outcome == "parse_failure":
        outcome, verdict = "undecided", used  # the function may have read what we cannot
    return Ruling(
        outcome,
        None if verdict is None else verdict.score,
        differs and not (reader.inverted or is_tie or _is_turned(groups)),
        failure_of(outcome, counted, raised),
        sum(map(len, groups)),
        agreement,
        tuple(_comparisons(groups, heard)),
        Reply() if counted is None else counted.reply,
        _clue(counted, used, differs=differs and not reader.is_told) if learnable else None,
    )


def hear(reply: Reply, reader: Reader, candidate: str = "") -> Heard:
    """Read an answer."""
    if not reply.text.strip():
        return Heard(reply, None)
    if reply.error and not reply.failure:
        return Heard(reply, Unreadable("truncated" if reply.truncated else "no_verdict"))
    reading = reader.read(reply, candidate)
    return Heard(reply, None if reply.failure and not isinstance(reading, Verdict) else reading)


def _counted(heard: Sequence[Heard]) -> tuple[Heard, float | None, bool]:
    """Return the answer that counts, the share of the larger side of a vote, and whether that is a tie.

    It is one of the majority's, else the last that can be read, else the last; a single vote is none.
    """
    readable = [one for one in heard if isinstance(one.reading, Verdict)]
    if len(readable) < 2:  # noqa: PLR2004 - one is no vote
        return (readable or heard)[-1], None, False
    votes = [passes(one.reading) for one in readable if isinstance(one.reading, Verdict)]
    sides = Counter(votes).most_common(2)
    (side, size), is_tie = sides[0], len(sides) > 1 and sides[0][1] == sides[1][1]
    return readable[-1 if is_tie else votes.index(side)], size / len(votes), is_tie


def outcome_of(
    said: Verdict | Unreadable | None, used: Verdict | None, raised: str | None, *, asked: bool
) -> tuple[Outcome, Verdict | None]:
    """Decide what came of it: no answer, no verdict in the answer, else the verdict that the trainer used."""
    if asked and said is None:
        return "api_failure", None
    if isinstance(said, Unreadable):
        return "parse_failure", None
    verdict = used or (None if raised else said)
    if verdict is None:  # it raised, or returned nothing
        return ("api_failure" if said is None else "parse_failure"), None
    verdict = _like(verdict, said)
    return side_of(verdict), verdict


def _clue(counted: Heard | None, used: Verdict | None, *, differs: bool) -> Clue | None:
    """Return what the function shows of itself by what it returned for this answer, or for none."""
    if counted is None:
        return None
    returned = "" if used is None else f"{zlib.crc32(used.raw.encode()):x}"
    by_return: Outcome = "undecided" if used is None else side_of(used)
    if counted.reading is None:
        return Clue(returned, "", 0, by_return)
    return Clue(returned, form_of(counted.reply.text), _is_read(counted.reading, differs=differs), by_return)


def _is_refused(counted: Heard | None) -> bool:
    """Tell an answer that the SDK has not accepted: the function has got none."""
    return counted is not None and bool(counted.reply.error) and not counted.reply.failure


def _is_read(reading: Verdict | Unreadable, *, differs: bool) -> int:
    """Return how surely we read what the function returned, see `Clue`."""
    if isinstance(reading, Unreadable):
        return 0
    return -1 if differs else 1 if reading.family in _WORDS else 2


def side_of(verdict: Verdict) -> Outcome:
    """Return the outcome that a verdict is."""
    return "score" if verdict.correct is None else "correct" if verdict.correct else "incorrect"


def _like(verdict: Verdict, said: Verdict | None) -> Verdict:
    """Take a returned number for the grade that it is where the judge's text is graded."""
    if said is None or said.score is None or verdict.score is not None:
        return verdict
    if verdict.correct is None:  # a number beyond 1: on the scale of the text, or shaped out of it
        known = on_scale(verdict, said.scale)
        return said if known.score is None else known
    return verdict._replace(score=float(bool(verdict.correct)), correct=None)


def failure_of(outcome: Outcome, counted: Heard | None, raised: str | None) -> str | None:
    """Say why there is no verdict."""
    if outcome == "api_failure":
        return raised or "other" if counted is None else counted.reply.failure or "empty"
    if outcome not in ("parse_failure", "undecided"):
        return None
    said = None if counted is None else counted.reading
    return said.kind if isinstance(said, Unreadable) else "no_verdict"


def _comparisons(groups: Sequence[Sequence[Attempt]], heard: Sequence[Sequence[Heard]]) -> Iterator[Comparison]:
    for same, answers in zip(groups, heard, strict=True):
        letters = [letter for one in answers if (letter := _letter(one.reading)) is not None]
        if letters:
            yield Comparison(same[0].content, letters[0])


def _letter(reading: Verdict | Unreadable | None) -> str | None:
    """Return the position that a verdict names."""
    raw = reading.raw.strip("[](){}*`\"'.: ").upper() if isinstance(reading, Verdict) else ""
    return raw if raw in _LETTERS else "C" if raw == "TIE" else None


def _is_turned(groups: Sequence[Sequence[Attempt]]) -> bool:
    """Tell whether the same words were asked in two orders: what "A" means then depends on the order."""
    return len(groups) > 1 and len({words(same[0].content) for same in groups}) < len(groups)
