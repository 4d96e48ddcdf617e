"""From what a judge was asked and answered of a batch, and what its function returned, to an outcome an item."""

from __future__ import annotations

import re
from itertools import chain
from typing import TYPE_CHECKING

from llm_telemetry.judging.attempts import Reply
from llm_telemetry.judging.evaluations import Heard, Ruling, failure_of, group, hear, outcome_of, rule
from llm_telemetry.judging.readers import OURS
from llm_telemetry.judging.verdicts import Unreadable, Verdict

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llm_telemetry.judging.attempts import Attempt
    from llm_telemetry.judging.readers import Reader

MOST_LOOKS = 50_000
"""How often a batch's texts are looked for in its questions at most; each takes about a microsecond."""
_VERDICTS = re.compile(
    r"\d+(?:[.,]\d+)?|\b(?:(?-i:[A-HJ-Z])|true|false|yes|no|(?:in)?correct|right|wrong|pass|fail)\b", re.IGNORECASE
)
"""What each verdict of several has at least one of; a capital I is a word."""


def rule_batch(
    attempts: Sequence[Attempt],
    items: Sequence[str],
    used: Sequence[Verdict | None],
    raised: str | None,
    reader: Reader = OURS,
) -> list[Ruling]:
    """Decide what came of each item of a batch, `used` having one verdict an item.

    As many questions as items, or a multiple, are taken in the order of the items. Else a question is about the items
    whose text is in it; one that is about all of them, or cannot be told, is about all. The text of an answer about
    several items is not read; it is enough that there is one.

    Args:
        attempts: The judge's calls, in the order in which they were made.
        items: A text of each item, such as its prediction.
        used: The verdicts that the judge function returned.
        raised: The kind of exception that the judge function raised.
        reader: Reads the judge's replies.
    """
    count = len(used)
    questions = [[one] for one in attempts] if len(attempts) == count else _questions(attempts, reader)
    if questions and len(questions) % count == 0:
        size = len(questions) // count
        own = [list(chain(*questions[i * size : (i + 1) * size])) for i in range(count)]
        return [rule(group(mine), one, raised, reader, item) for mine, one, item in zip(own, used, items, strict=True)]
    about = _about(questions, items)
    alike = len({None if one is None else one.raw for one in used}) == 1
    return [_rule_shared(mine, one, raised, count if alike else 0) for mine, one in zip(about, used, strict=True)]


def _questions(attempts: Sequence[Attempt], reader: Reader) -> list[list[Attempt]]:
    """Put attempts at the same question together; items may be alike, so what was answered is not asked again."""
    questions: dict[str, list[list[Attempt]]] = {}
    ordered = []
    for attempt in attempts:
        alike = questions.setdefault(attempt.content, [])
        failed = next((one for one in alike if not _is_answered(one[-1], reader)), None)
        if failed is None:
            alike.append([attempt])
            ordered.append(alike[-1])
        else:
            failed.append(attempt)
    return ordered


def _is_answered(attempt: Attempt, reader: Reader) -> bool:
    return any(isinstance(hear(reply, reader).reading, Verdict) for reply in attempt.replies)


def _about(questions: Sequence[Sequence[Attempt]], items: Sequence[str]) -> list[Sequence[Sequence[Attempt]]]:
    """Return the questions about each item; all of them for each where their texts do not tell."""
    if len(questions) * len(items) > MOST_LOOKS:
        return [questions] * len(items)
    contents = [question[0].content for question in questions]
    found = [[q for q, content in zip(questions, contents, strict=True) if item in content] for item in items]
    told = len(questions) > 1 and all(any(item in content for item in items) for content in contents)
    return [*found] if told else [questions] * len(items)


def _rule_shared(
    questions: Sequence[Sequence[Attempt]], used: Verdict | None, raised: str | None, alike: int
) -> Ruling:
    """Decide about an item that shares its answer with others.

    So many items having got the same value (`alike`), an answer without as many words of a verdict is none.
    """
    replies = [reply for question in questions for one in question for reply in one.replies or [Reply()]]
    counted = next((one for one in reversed(replies) if one.text.strip()), replies[-1] if replies else None)
    said = None
    if counted is not None and counted.text.strip() and (used is None or _count(counted.text) < alike):
        said = Unreadable("truncated" if counted.truncated else "no_verdict")
    unanswered = counted is not None and not counted.text.strip()
    outcome, verdict = outcome_of(said, used, raised, asked=unanswered)
    failure = failure_of(outcome, None if counted is None else Heard(counted, said), raised)
    attempts = max(map(len, questions), default=0)
    score = None if verdict is None else verdict.score
    return Ruling(outcome, score, False, failure, attempts, None, (), counted or Reply())


def _count(text: str) -> int:
    """Return how many verdicts a text could hold at most."""
    return sum(1 for _ in _VERDICTS.finditer(text))
