"""A run read back: each number of each payload in columns, a split at a time, and what else its lines tell.

Columns, since a run may have 100,000 steps of 60 keys: 8 bytes a number. An absent number is NaN there, and only there.
"""

from __future__ import annotations

import math
from array import array
from collections import Counter
from dataclasses import dataclass, field
from functools import cached_property, partial
from importlib.metadata import version
from itertools import repeat
from typing import TYPE_CHECKING, Any, NamedTuple

from llm_telemetry.collectors import keys
from llm_telemetry.events import ALL_SPLITS, API_FAILURES, PARSE_FAILURES, ROLES

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from llm_telemetry.collectors.naming import Key
    from llm_telemetry.events import Split

RECENT = 6
"""Training payloads that are looked at for what moves."""
_RATES = (keys.PARSE_FAILURE_RATE, keys.API_FAILURE_RATE)
_SUMMED: tuple[tuple[Key, dict[str, Any]], ...] = (
    (keys.COUNT, {}),
    (keys.EVALUATIONS, {}),
    (keys.UNDECIDED, {}),
    *((keys.FAILURES, {"failure": kind}) for kind in (*API_FAILURES, *PARSE_FAILURES)),
    *((key, {"role": role}) for key in (keys.CALLS, keys.NO_USAGE) for role in ROLES),
)


class NoRunError(FileNotFoundError):
    """There is no run where one was looked for; the message says where, and what to give instead."""


class Point(NamedTuple):
    """A number at a step, and how many observations it is made of."""

    step: int
    value: float
    weight: float = 1.0


_point: Callable[[tuple[int, float, float]], Point] = partial(tuple.__new__, Point)
"""Makes one of all its fields: a third of the time that the class takes, which matters for millions."""


@dataclass(frozen=True)
class Table:
    """The payloads of one split, in the order of their steps."""

    split: Split
    steps: Sequence[int]
    times: Sequence[float]
    """When each was made, in seconds since the epoch."""
    columns: Mapping[str, Sequence[float]]
    """By the key as it stands in payloads; NaN where a payload has no such key."""
    weighed: dict[tuple[str, str], Sequence[Point]] = field(default_factory=dict, repr=False, compare=False)
    """What `scored` and `decided` have made of it, by key and source: every answer asks for them."""

    def __len__(self) -> int:
        return len(self.steps)

    def column(self, key: Key, source: str = "", **holes: str) -> Sequence[float]:
        """Return the numbers of a key, one a payload; all NaN where it was never told."""
        found = self.columns.get(key.of(self.split, source, **holes))
        return array("d", repeat(math.nan, len(self))) if found is None else found

    def points(self, key: Key, source: str = "", **holes: str) -> list[Point]:
        """Return the numbers that there are, each with its step."""
        rows = zip(self.steps, self.columns.get(key.of(self.split, source, **holes), ()), repeat(1.0))
        return [_point(row) for row in rows if row[1] == row[1]]  # NaN is not, and this is fast

    def total(self, key: Key, source: str = "", **holes: str) -> float:
        """Return the sum of the numbers that there are."""
        found = self.columns.get(key.of(self.split, source, **holes), ())
        return math.fsum(value for value in found if value == value)  # noqa: PLR0124 - NaN is not, and this is fast

    def sources(self, key: Key) -> list[str]:
        """Return the sources, and the judges, that a key was told of."""
        return key.sources(self.columns, self.split)


@dataclass(frozen=True, eq=False)
class Run:
    """What a run's lines tell; each is one of its own, by which what was found in it is remembered."""

    name: str
    """Where it was read from, for people."""
    files: tuple[Path, ...]
    """Its JSONL files, a process each, the oldest first; none where it was read from W&B."""
    run_id: str | None
    """The W&B run's id, `None` where there was none."""
    tables: Mapping[str, Table]
    """By split."""
    latest: Mapping[str, float]
    """Each key's latest value, in the order of the lines."""
    evidence: tuple[Mapping[str, Any], ...]
    """The captured evaluations, in the order in which they were captured."""
    state: Mapping[str, Any]
    watched: Mapping[str, Any]
    """What was watched, and how; empty in files of versions that did not write it."""
    processes: int = 1
    unread: int = 0
    """Lines, and numbers, that cannot be read."""
    unfetched: int = 0
    """Tables of captured evaluations that were left on the server."""
    steps: int | None = None
    """How many the training will have, as its latest line tells."""

    @property
    def label(self) -> str:
        """What it is called beside other runs: its W&B run, else its file."""
        return self.run_id or (self.files[-1].stem if self.files else self.name)

    @property
    def train(self) -> Table:
        """The payloads of training; of a script that trains nothing, those of its evaluation."""
        train = self.tables["train"]
        return train if len(train) else self.tables["eval"] if len(self.tables["eval"]) else train

    @property
    def val(self) -> Table:
        """The payloads of validation."""
        return self.tables["val"]

    @cached_property
    def time(self) -> float:
        """When the last payload was made, in seconds since the epoch."""
        return max((time for table in self.tables.values() for time in table.times), default=0.0)

    @property
    def payloads(self) -> Counter[str]:
        """How many there are, by split."""
        return Counter({split: len(table) for split, table in self.tables.items() if len(table)})

    @property
    def step(self) -> int:
        """The latest step."""
        return int(self.latest[keys.STEP.name])

    @cached_property
    def sums(self) -> Counter[str]:
        """Counts of all steps and validations added up, by their key in training; those of failures by their rate's."""
        sums: Counter[str] = Counter()
        tables = self.tables.values()
        views = (t if s == t.split else Table(s, t.steps, t.times, t.columns) for t in tables for s in ALL_SPLITS)
        for table in views:
            for key, holes in _SUMMED:
                sums[key.of(**holes)] += round(table.total(key, **holes))
            for rate in _RATES:
                sums[rate.name] += sum(round(point.value * point.weight) for point in decided(table, rate))
        return sums

    @property
    def recent(self) -> list[dict[str, float]]:
        """The latest payloads of training."""
        rows = range(max(len(self.train) - RECENT, 0), len(self.train))
        columns = self.train.columns.items()
        return [{key: column[row] for key, column in columns if not math.isnan(column[row])} for row in rows]

    @property
    def is_newer(self) -> bool:
        """Whether a newer version than this one has written it."""
        return _version(str(self.watched.get("version", ""))) > _version(version("llm_telemetry"))

    def share(self, part: str, whole: str) -> float:
        """Return one sum over another, 0 where there is nothing."""
        return self.sums[part] / self.sums[whole] if self.sums[whole] else 0.0


def decided(table: Table, rate: Key, source: str = "") -> Sequence[Point]:
    """Return a rate of the judge with the number of evaluations that it is made of: those that are decided."""
    return _weighed(table, source, rate, keys.EVALUATIONS, keys.UNDECIDED)


def scored(table: Table, source: str = "") -> Sequence[Point]:
    """Return the accuracy in percent with the number of rollouts that it is made of: those that are scored."""
    return _weighed(table, source, keys.ACCURACY, keys.COUNT, keys.UNSCORED)


def spent(table: Table, source: str = "") -> Sequence[Point]:
    """Return what executor and judge have spent per rollout, with the number of rollouts."""
    return _weighed(table, source, keys.AVG_COST, keys.COUNT)


def _weighed(table: Table, source: str, rate: Key, whole: Key, left_out: Key | None = None) -> Sequence[Point]:
    found = table.weighed.get((rate.name, source))
    if found is None and rate.of(table.split, source) not in table.columns:
        found = []
    if found is None:
        missing = table.columns.get(left_out.of(table.split, source), ()) if left_out is not None else ()
        less = (0.0 if math.isnan(value) else value for value in missing) if missing else repeat(0.0)
        rows = zip(table.steps, table.column(rate, source), table.column(whole, source), less, strict=False)
        found = [_point((step, value, n - gone)) for step, value, n, gone in rows if value == value and n > gone]  # noqa: PLR0124 - not NaN
        table.weighed[rate.name, source] = found
    return found


def mean(points: Iterable[Point]) -> float | None:
    """Return the weighted mean, `None` over nothing."""
    total = weight = 0.0
    for _, value, n in points:
        total, weight = total + value * n, weight + n
    return total / weight if weight else None


def _version(text: str) -> tuple[int, ...]:
    return tuple(int(part) for part in text.split(".") if part.isdecimal())
