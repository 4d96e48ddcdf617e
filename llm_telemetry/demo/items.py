"""The demo's six small datasets, written for it: sums come from templates, the rest from `datasets/`."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Literal, TypedDict

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ProblemType = Literal["math", "qa", "code"]
Split = Literal["train", "val"]

SOURCES = ("gsm8k", "math", "hotpotqa", "humaneval", "commonsenseqa", "mmlu")
_ROUNDS = 5  # items made from each template
_VAL_EVERY = 4  # every fourth item of a source is kept for validation


class _Task(TypedDict):
    """What every item has."""

    problem: str
    problem_type: ProblemType
    ground_truth: str
    source: str
    meta: dict[str, Any]


class Item(_Task, total=False):
    """One dataset item; `test` (one assertion a line, on `candidate`) and `entry_point` belong to code."""

    test: str
    entry_point: str


def _stories(i: int) -> Iterator[tuple[str, int]]:
    """Make one word problem from each template, with its result."""
    n, k, price = 3 + i, 4 + 2 * i, 6 + 3 * i
    yield (
        f"Mira packs {n} boxes with {k} pears each and eats {i + 2} pears. How many pears are left?",
        n * k - i - 2,
    )
    yield (
        (
            f"A ticket costs {price} euros. A class of {k + 11} buys one each and gets {n} euros back. "
            "How many euros did it spend?"
        ),
        price * (k + 11) - n,
    )
    yield (
        (
            f"Jonas reads {k + 5} pages a day for {n} days, then {price} pages on the last day. "
            "How many pages did he read?"
        ),
        (k + 5) * n + price,
    )
    yield (
        f"A tank holds {40 * n} litres. {k} buckets of {n} litres are taken out. How many litres stay?",
        40 * n - k * n,
    )
    yield (
        (
            f"Three friends share {3 * price} stickers equally, and each then finds {k} more. "
            "How many stickers does each have?"
        ),
        price + k,
    )
    yield (
        (
            f"A bus starts with {k + 20} people. At each of {n} stops 2 get off and 5 get on. "
            "How many people are on it at the end?"
        ),
        k + 20 + 3 * n,
    )


def _exercises(i: int) -> Iterator[tuple[str, int]]:
    """Make one short exercise from each template, with its result."""
    a, b, x = 2 + i, 7 + 3 * i, 5 + 2 * i
    yield f"Solve {a}x + {b} = {a * x + b} for x.", x
    yield f"What is the remainder when {b * b + 1} is divided by {a + 3}?", (b * b + 1) % (a + 3)
    yield f"Find the sum of all whole numbers from 1 to {b + 10}.", (b + 10) * (b + 11) // 2
    yield f"A right triangle has legs {3 * a} and {4 * a}. How long is its hypotenuse?", 5 * a
    yield f"Let f(x) = x^2 - {a}x + {b}. Compute f({x}).", x * x - a * x + b
    yield f"In how many ways can {a} of {x} books be chosen, the order being of no matter?", _choose(x, a)


def _choose(n: int, k: int) -> int:
    """Return the number of k-subsets of n things."""
    result = 1
    for i in range(k):
        result = result * (n - i) // (i + 1)
    return result


def _sums(source: str) -> Iterator[Item]:
    """Make the items of one arithmetic source."""
    templates = _stories if source == "gsm8k" else _exercises
    for i in range(_ROUNDS):
        for problem, result in templates(i):
            yield Item(
                problem=problem,
                problem_type="math",
                ground_truth=str(result),
                source=source,
                meta={"distractors": [str(result + 1), str(result * 2 + 3), str(result + 10)]},
            )


def _rows(source: str) -> list[dict[str, Any]]:
    """Read the hand-written rows of one source."""
    text = files("llm_telemetry.demo").joinpath("datasets").joinpath(f"{source}.json").read_text(encoding="utf-8")
    rows: list[dict[str, Any]] = json.loads(text)
    return rows


def _choices(row: Mapping[str, Any], turn: int) -> str:
    """Put the question and its choices together; the right one stands at another place each time."""
    options = [row["answer"], *row["distractors"]]
    at = turn % len(options)
    return f"{row['problem']}\nChoices: " + "; ".join(options[at:] + options[:at])


def _questions(source: str) -> Iterator[Item]:
    """Make the items of one question source: hotpotqa is open, the other two offer choices."""
    for turn, row in enumerate(_rows(source)):
        meta = {"distractors": row["distractors"]}
        if "subject" in row:
            meta["subject"] = row["subject"]
        yield Item(
            problem=row["problem"] if source == "hotpotqa" else _choices(row, turn),
            problem_type="qa",
            ground_truth=row["answer"],
            source=source,
            meta=meta,
        )


def _programs(source: str) -> Iterator[Item]:
    """Make the items of the code source; `meta` knows one buggy solution, which passes some of the tests."""
    for row in _rows(source):
        yield Item(
            problem=row["problem"],
            problem_type="code",
            ground_truth=row["answer"],
            source=source,
            meta={"distractors": [row["buggy"]]},
            test=row["test"],
            entry_point=row["entry_point"],
        )


@cache
def load_items(source: str, split: Split) -> tuple[Item, ...]:
    """Return one source's items of one split, always in the same order."""
    makers = {"gsm8k": _sums, "math": _sums, "humaneval": _programs}
    items = makers.get(source, _questions)(source)
    return tuple(item for i, item in enumerate(items) if (i % _VAL_EVERY == 0) == (split == "val"))


@cache
def items_by_problem() -> dict[str, tuple[Item, Split]]:
    """Return every item and its split by the text of its problem, which is unique."""
    splits: tuple[Split, Split] = ("train", "val")
    return {
        item["problem"]: (item, split) for split in splits for source in SOURCES for item in load_items(source, split)
    }
