"""Which of a function's arguments are what, by their names: looked up once for all calls with the same names."""

from __future__ import annotations

import functools
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from llm_telemetry.objects import named_in, ranked
from llm_telemetry.session.items import ID, PROBLEM_FIELDS, SOURCE_FIELDS, SURE_PROBLEMS, singular

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

BATCH_FIELDS = ("predictions", "completions", "answers", "responses", "problems", "prompts", "questions")
_TEXTS = ranked(*map(singular, BATCH_FIELDS))
_ANSWERS = ranked(*list(_TEXTS)[:4])
_JUDGED = ranked("prediction", "predicted", "completion", "response", "candidate", "output", "model_answer", "answer")
_REFERENCES = ranked(
    "ground_truth", "reference", "reference_answer", "gold", "gold_answer", "target", "expected", "label"
)
_SAID = r"prediction|completion|answer|response|output|candidate|solution|generation"
_SAID_FIELDS = ranked(*sorted(_SAID.split("|"), key="answer".__eq__))
_SIDE = re.compile(
    rf"({_SAID})_?([ab12]|left|right|first|second)|(first|second|left|right|chosen|rejected)(_({_SAID}))?"
)
_SAMPLES = re.compile(r"n|k|(num|n)_?(samples|generations|rollouts|completions|return_sequences)|group_size|samples")


class Names(NamedTuple):
    """The names of some arguments by what they stand for; of each kind the surest first."""

    texts: Sequence[str]
    """An item's texts: predictions before problems."""
    answers: Sequence[str]
    """Those of them that are answers."""
    judged: Sequence[str]
    """What a judge is to judge."""
    references: Sequence[str]
    said: Sequence[str]
    """What was answered; `answer` is the last, for it may be the right one beside another of these."""
    questions: Sequence[str]
    problems: Sequence[str]
    """The same, but the `text` of a trajectory, which is what was answered, comes last."""
    sources: Sequence[str]
    sides: Sequence[str]
    """Each of two answers that are compared, as `response_a` and `response_b`."""
    ids: Sequence[Any]
    """What tells an item from others."""
    samples: Sequence[Any]
    """How many rollouts of each item are asked for."""


@functools.lru_cache(maxsize=1024)
def names_of(*names: Any) -> Names:
    """Return which of the arguments with these names are what."""
    given = dict.fromkeys(names)
    tables = (_TEXTS, _ANSWERS, _JUDGED, _REFERENCES, _SAID_FIELDS, PROBLEM_FIELDS, SURE_PROBLEMS, SOURCE_FIELDS)
    texts, answers, judged, references, said, questions, sure, sources = (named_in(given, table) for table in tables)
    problems = dict.fromkeys([*sure, *questions])
    by_form = [[name for name in names if form(str(name))] for form in (_SIDE.fullmatch, ID.search, _SAMPLES.fullmatch)]
    found = texts, answers, judged, references, said, questions, problems, sources, *by_form
    return Names(*map(tuple, found))


def first_text(fields: Mapping[Any, Any], names: Sequence[str]) -> str | None:
    """Return the first text under one of these names, which are among the fields."""
    for name in names:
        if isinstance(text := fields[name], str):
            return text
    return None
