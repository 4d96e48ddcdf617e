"""What a judge function shows of itself: which forms of reply it reads, and what it returns when it cannot.

Its words may be unknown to us, but it is the best reader of its judge. Replies of one form for which it returned
different values, each value with words of its own, are replies that it reads. What it returns for replies of no such
form, as it does when the API fails, is its fallback. Pure functions; a lesson is one evaluation.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING, NamedTuple

from llm_telemetry.judging.forms import ANYWHERE, LABEL, LINE, is_hedged, place_of, shape_of, sort_of

if TYPE_CHECKING:
    from array import array
    from collections.abc import Iterable, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from llm_telemetry.events import Outcome

LEAST = 3
"""Replies that a value must have in a place before the place is believed in."""
_FEWEST, _PART = 6, 0.1
"""Replies that a place must explain, and their share of all."""
_ROUNDS = 4
"""Forms that one judge may have."""
_PURE = 0.9
"""Share of the replies with the same words in a place that got the same value, from where on the words decide."""
_SPLIT = 5
"""What one reply costs a place in which the same words got another value, in replies explained."""
_RARE: Mapping[int, float] = {LABEL: 0.1, LINE: 0.2, ANYWHERE: 0.34}
"""Words that got the fallback are no verdict below this share of the most frequent ones: the less a place says, the
more easily something stands there that is none."""
_RARE_HEDGED = 0.6
"""The same for words of a judge that says that it cannot tell."""
_NEARLY, _HALF = 0.9, 0.5
_CONTRARY = 9
"""Readings that are contradicted for one that is not, where a judge is asked the contrary."""
_MOST_VALUES = 4
_STRAY = 0.02
"""Share of replies that may stay open without making the others untrue."""


class Lesson(NamedTuple):
    """What one evaluation shows."""

    returned: str
    """What the function returned, as something to compare; see `Clue`."""
    outcome: Outcome
    """What that says; `undecided` for nothing."""
    places: array[int] | None
    """The form of the reply; `None` when the API failed."""
    read: int
    """How surely we have read the same verdict in the reply, see `Clue`."""


class Knowledge(NamedTuple):
    """What a judge's lessons come to."""

    fallback: str | None = None
    """What the function returns when it cannot read a reply; `None` while that is unknown."""
    verdicts: Mapping[int, str] = {}
    """Which words in which place, packed, mean which returned value."""
    complete: bool = False
    """Hardly any reply is left of which nothing can be said: what can be said is no selection."""
    familiar: bool = False
    """Most replies are read by us, as the function does."""
    graded: bool = False
    """It returns grades, so that 0 and 1 are grades too."""
    contrary: bool = False
    """Whatever we read, the function returns the contrary: the judge is asked what is wrong."""


class _Place(NamedTuple):
    """A place, how well it explains what was returned, and the words that it explains it by."""

    sure: int
    """Replies explained whose value is not the fallback."""
    total: int
    sort: int
    verdicts: Mapping[int, str]


def learn(lessons: Sequence[Lesson]) -> Knowledge:
    """Find out what a judge function reads, and what it falls back to.

    The fallback is what it returned when the API failed, unless other values explain far more replies without a form.
    """
    replies = [lesson for lesson in lessons if lesson.places is not None]
    told = Counter(lesson.returned for lesson in lessons if lesson.places is None)
    values = Counter(lesson.returned for lesson in replies)
    expected = next((value for value, _ in told.most_common() if value in values), None)
    likely = [value for value, _ in values.most_common(_MOST_VALUES)]
    tried = {
        value: _verdicts(replies, value, pure=value == expected and _is_pure(replies, value))
        for value in dict.fromkeys([*([] if expected is None else [expected]), *likely])  # its place wins a tie
    }
    failed = {value: _unexplained(replies, value, verdicts) for value, verdicts in tried.items()}
    most = max(failed, key=lambda value: failed[value], default=None)
    known = 0 if expected is None else 3 * failed[expected] + 1
    if most is not None and max(1, known) < failed[most] <= _HALF * len(replies):
        expected = most
    if expected is not None:
        return _summary(replies, expected, tried[expected])
    return _summary(replies, next((value for value, _ in told.most_common(1)), None), _verdicts(replies, None))


def decide(lesson: Lesson, known: Knowledge) -> Outcome:
    """Decide about a reply that we cannot read: what was returned counts, or it is a failure, or nobody knows."""
    if _explains(known.verdicts, lesson):
        return lesson.outcome
    if known.fallback is not None and lesson.returned != known.fallback:
        return lesson.outcome if known.complete else "undecided"
    if (known.fallback is not None and known.complete) or known.familiar:
        return "parse_failure"
    return "undecided"


def _summary(replies: Sequence[Lesson], fallback: str | None, verdicts: Mapping[int, str]) -> Knowledge:
    unread = [lesson for lesson in replies if lesson.read == 0 and not _explains(verdicts, lesson)]
    unsaid = [lesson for lesson in unread if fallback is None or lesson.returned == fallback]
    reads = sum(lesson.read > 0 for lesson in replies)
    complete = bool(verdicts) or len(unsaid) <= _STRAY * len(replies) or _is_pure(replies, fallback)
    grades = sum(lesson.outcome == "score" and lesson.returned != fallback for lesson in replies)
    contrary = Counter(lesson.outcome for lesson in replies if lesson.read < 0)
    return Knowledge(
        fallback,
        verdicts,
        complete,
        familiar=bool(reads) and reads >= len(unsaid),
        graded=grades >= _PART * len(replies) > 0,
        contrary=min(contrary["correct"], contrary["incorrect"]) >= LEAST and contrary.total() >= _CONTRARY * reads,
    )


def _explains(verdicts: Mapping[int, str], lesson: Lesson) -> bool:
    return any(verdicts.get(packed) == lesson.returned for packed in lesson.places or ())


def _unexplained(replies: Iterable[Lesson], value: str, verdicts: Mapping[int, str]) -> int:
    """Return how many replies would be failures if `value` were the fallback; none where nothing is known."""
    if not verdicts:
        return 0
    return sum(one.returned == value and one.read == 0 and not _explains(verdicts, one) for one in replies)


def _is_pure(replies: Iterable[Lesson], fallback: str | None) -> bool:
    """Tell whether right and wrong are two other values, so that the fallback is no verdict."""
    others = {(lesson.returned, lesson.outcome) for lesson in replies if lesson.returned != fallback}
    both = sorted(outcome for _, outcome in others) == ["correct", "incorrect"]
    return fallback is not None and both


def _verdicts(replies: Sequence[Lesson], fallback: str | None, *, pure: bool = False) -> dict[int, str]:
    """Return the words by which the function tells verdicts, place after place, as long as a place explains more."""
    least = max(_FEWEST, _PART * len(replies))
    marked = sum(lesson.read > 1 for lesson in replies) >= _HALF * len(replies)  # a judge that marks its verdicts
    verdicts: dict[int, str] = {}
    rest = list(replies)
    for _ in range(_ROUNDS):
        place = _best(rest, fallback, least, LABEL if marked else ANYWHERE, pure=pure)
        if place is None:
            break
        verdicts |= place.verdicts
        rest = [lesson for lesson in rest if not _explains(place.verdicts, lesson)]
    return verdicts


def _best(replies: Sequence[Lesson], fallback: str | None, least: float, lowest: int, *, pure: bool) -> _Place | None:
    """Return the place that says most among those that explain nearly as much as the best one."""
    count = Counter(place_of(packed) for lesson in replies for packed in lesson.places or ())
    often = {place for place, number in count.items() if number >= least and lowest <= sort_of(place) <= LABEL}
    words: defaultdict[int, defaultdict[int, Counter[str]]] = defaultdict(lambda: defaultdict(Counter))
    hedged: Counter[int] = Counter()
    for lesson in replies:
        own = [packed for packed in lesson.places or () if place_of(packed) in often]
        for packed in own:
            words[place_of(packed)][packed][lesson.returned] += 1
        if lesson.places is not None and is_hedged(lesson.places):
            hedged.update(own)
    weighed = (_weigh(place, counts, hedged, fallback, pure=pure) for place, counts in words.items())
    places = [place for place in weighed if place is not None and place.total >= least]
    sure = max((place.sure for place in places), default=0)
    total = max((place.total for place in places), default=0)
    near = [place for place in places if place.sure >= _NEARLY * sure and place.total >= _HALF * total]
    return max(near or places, key=lambda place: (place.sort, place.total), default=None)


def _weigh(
    place: int, words: Mapping[int, Counter[str]], hedged: Mapping[int, int], fallback: str | None, *, pure: bool
) -> _Place | None:
    """Return how well a place explains what was returned; `None` when two values do not have words of their own."""
    decided: dict[int, tuple[str, int]] = {}
    split = single = 0
    for packed, values in words.items():
        number = values.total()
        value, most = values.most_common(1)[0]
        if number > 1 and most >= _PURE * number:
            decided[packed] = value, most
        split += (number - most) if number > 1 else 0
        single += number == 1
    kept = _without_rare(place, decided, hedged, fallback, pure=pure)
    sums: Counter[str] = Counter()
    for value, most in kept.values():
        sums[value] += most
    if len(sums) < 2 or sums.most_common(2)[1][1] < LEAST:  # noqa: PLR2004 - a form that is always returned alike
        return None
    sure = sums.total() - sums[fallback] if fallback is not None else sums.most_common(2)[1][1]
    verdicts = {packed: value for packed, (value, _) in kept.items()}
    return _Place(sure - _SPLIT * split, sums.total() - _SPLIT * split - single, sort_of(place), verdicts)


def _without_rare(
    place: int,
    decided: Mapping[int, tuple[str, int]],
    hedged: Mapping[int, int],
    fallback: str | None,
    *,
    pure: bool,
) -> Mapping[int, tuple[str, int]]:
    """Drop words that got the fallback and look like no verdict: rare ones, and such as end otherwise than verdicts."""
    shapes: AbstractSet[int] = {shape_of(packed) for packed, (value, _) in decided.items() if value != fallback}
    top = max((most for value, most in decided.values() if pure or value == fallback), default=0)
    kept = {}
    for packed, (value, most) in decided.items():
        share = _RARE_HEDGED if hedged.get(packed, 0) > _HALF * most else _RARE[sort_of(place)]
        rare = most < share * top or shape_of(packed) not in shapes or (pure and sort_of(place) < LABEL)
        if value != fallback or not rare:
            kept[packed] = value, most
    return kept
