"""The demo's six small datasets, written for it, and who hands them out batch by batch."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Literal, TypedDict

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

ProblemType = Literal["math", "qa", "code"]
Split = Literal["train", "val"]

SOURCES: dict[str, ProblemType] = {
    "gsm8k": "math",
    "math": "math",
    "hotpotqa": "qa",
    "humaneval": "code",
    "commonsenseqa": "qa",
    "mmlu": "qa",
}
_WITH_CHOICES = ("commonsenseqa", "mmlu")
_VAL_EVERY = 4  # every fourth item of a source is kept for validation


class _Task(TypedDict):
    """What every item has; `distractors` are wrong answers, for code a program that passes some of the tests."""

    problem: str
    problem_type: ProblemType
    ground_truth: str
    source: str
    distractors: list[str]


class Item(_Task, total=False):
    """One dataset item; `test` (one assertion a line, on `candidate`) and `entry_point` belong to code."""

    test: str
    entry_point: str


@cache
def load_items(source: str, split: Split) -> tuple[Item, ...]:
    """Return one source's items of one split, always in the same order."""
    text = files("llm_telemetry.demo").joinpath("datasets").joinpath(f"{source}.json").read_text(encoding="utf-8")
    items = [_item(source, turn, row) for turn, row in enumerate(json.loads(text))]
    return tuple(item for turn, item in enumerate(items) if (turn % _VAL_EVERY == 0) == (split == "val"))


def _item(source: str, turn: int, row: dict[str, Any]) -> Item:
    """Make an item of a row; where there are choices, the right one stands at another place each time."""
    answer, distractors = row["answer"], row["distractors"]
    problem = row["problem"]
    if source in _WITH_CHOICES:
        options = [answer, *distractors]
        at = turn % len(options)
        problem = f"{problem}\nChoices: " + "; ".join(options[at:] + options[:at])
    item = Item(
        problem=problem,
        problem_type=SOURCES[source],
        ground_truth=answer,
        source=source,
        distractors=distractors,
    )
    if "test" in row:
        item |= {"test": row["test"], "entry_point": row["entry_point"]}
    return item


@cache
def items_by_problem() -> dict[str, tuple[Item, Split]]:
    """Return every item and its split by the text of its problem, which is unique."""
    splits: tuple[Split, Split] = ("train", "val")
    return {
        item["problem"]: (item, split) for split in splits for source in SOURCES for item in load_items(source, split)
    }


class DataManager:
    """Hands out items, the sources in turn, so that a small batch sees them all.

    Training items come in a new random order each time that a source is used up. Validation begins at the
    same items each time, so that two validations compare.
    """

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng([seed, 1])
        self._train = _in_turn([self._shuffled(load_items(source, "train")) for source in SOURCES])

    def sample_batch(self, batch_size: int, split: Split) -> list[Item]:
        """Return `batch_size` items, each a new dict."""
        stream = _in_turn([_repeated(load_items(source, "val")) for source in SOURCES])
        if split == "train":
            stream = self._train
        return [next(stream).copy() for _ in range(batch_size)]

    def _shuffled(self, items: Sequence[Item]) -> Iterator[Item]:
        """Yield items without end, in a new order each round."""
        while True:
            yield from (items[at] for at in self._rng.permutation(len(items)))


def _repeated(items: Sequence[Item]) -> Iterator[Item]:
    """Yield items without end, always in the same order."""
    while True:
        yield from items


def _in_turn(streams: Sequence[Iterator[Item]]) -> Iterator[Item]:
    """Yield one item of each stream after the other, without end."""
    while True:
        for stream in streams:
            yield next(stream)
