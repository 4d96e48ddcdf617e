"""A run that is being read, a line at a time, into columns."""

from __future__ import annotations

import math
from array import array
from collections import defaultdict
from dataclasses import dataclass, field
from itertools import repeat
from typing import TYPE_CHECKING, Any, TypeGuard

from llm_telemetry.collectors import keys
from llm_telemetry.events import ALL_SPLITS
from llm_telemetry.runs.history import Run, Table

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from llm_telemetry.events import Split

_KINDS = {float, int}


@dataclass
class Reading:
    """A run as far as it has been read; `run()` tells it."""

    name: str
    files: tuple[Path, ...] = ()
    _columns: dict[str, dict[str, array[float]]] = field(default_factory=lambda: {s: {} for s in ALL_SPLITS})
    _steps: dict[str, array[int]] = field(default_factory=lambda: defaultdict(lambda: array("q")))
    _times: dict[str, array[float]] = field(default_factory=lambda: defaultdict(lambda: array("d")))
    _layouts: dict[str, tuple[tuple[str, ...], Sequence[Callable[[float], None]]]] = field(default_factory=dict)
    """The keys of each split's latest payload, and what appends to their columns."""
    _disordered: set[str] = field(default_factory=set)
    """Splits whose lines are not in the order of their steps, as a resumed run goes back some."""
    _latest: dict[str, float] = field(default_factory=dict)
    evidence: list[Mapping[str, Any]] = field(default_factory=list)
    _processes: set[tuple[Any, ...]] = field(default_factory=set)
    _line: Mapping[str, Any] = field(default_factory=dict)
    _watched: Mapping[str, Any] = field(default_factory=dict)
    unread: int = 0
    unfetched: int = 0

    def add(self, line: Mapping[str, Any]) -> None:
        """Take a line of a JSONL; what a newer version, or nobody of ours, has written in it is left out."""
        step, split, time = line["payload"].get(keys.STEP.name), line.get("split", "train"), line.get("time")
        if not _is_number(step) or split not in ALL_SPLITS:
            self.unread += 1
            return
        payload = line["payload"]
        if not (_KINDS.issuperset(map(type, payload.values())) and math.isfinite(sum(payload.values()))):
            payload = {key: value for key, value in payload.items() if _is_number(value)}
            self.unread += len(line["payload"]) - len(payload)
        self._latest.update(payload)
        for append, value in zip(self._appends_to(split, tuple(payload)), payload.values(), strict=True):
            append(value)
        rows = len(self._steps[split])
        if rows and step < self._steps[split][-1]:
            self._disordered.add(split)
        self._steps[split].append(int(step))
        self._times[split].append(time if _is_number(time) else 0.0)
        evidence = line.get("evidence")
        self.evidence += [e for e in evidence if isinstance(e, dict)] if isinstance(evidence, list) else []
        self._processes.add(tuple(map(str, line.get("process") or ())))
        self._line, watched = line, line.get("watched")
        self._watched = watched if isinstance(watched, dict) else self._watched

    def _appends_to(self, split: Split, names: tuple[str, ...]) -> Sequence[Callable[[float], None]]:
        """Return what appends to each of these columns; payloads mostly have the keys of the one before."""
        last, appends = self._layouts.get(split, ((), ()))
        if names != last:
            rows, columns = len(self._steps[split]), self._columns[split]
            for name in names:
                column = columns.setdefault(name, array("d"))
                column.extend(repeat(math.nan, rows - len(column)))
            appends = [columns[name].append for name in names]
            self._layouts[split] = (names, appends)
        return appends

    def run(self, latest: int = 0) -> Run | None:
        """Return the run, `None` while there is no line of a sink's.

        Args:
            latest: How many payloads of each split, and pieces of evidence, are wanted; 0 for all.
        """
        if not self._latest:
            return None
        tables: dict[str, Table] = {split: self._table(split, latest) for split in ALL_SPLITS}
        steps = self._line.get("steps")
        return Run(
            self.name, self.files, self._line.get("run"), tables, dict(self._latest), tuple(self.evidence[-latest:]),
            self._line.get("state") or {}, self._watched, len(self._processes), self.unread, self.unfetched,
            int(steps) if _is_number(steps) else None,
        )  # fmt: skip

    def _table(self, split: Split, latest: int) -> Table:
        for column in self._columns[split].values():
            column.extend(repeat(math.nan, len(self._steps[split]) - len(column)))
        steps, times = self._steps[split][-latest:], self._times[split][-latest:]
        columns: Mapping[str, Sequence[float]] = self._columns[split]
        if latest:
            columns = {key: column[-latest:] for key, column in columns.items()}
        if split not in self._disordered:
            return Table(split, steps, times, columns)
        order = sorted(range(len(steps)), key=steps.__getitem__)
        columns = {key: [column[row] for row in order] for key, column in columns.items()}
        return Table(split, [steps[row] for row in order], [times[row] for row in order], columns)


def _is_number(value: Any) -> TypeGuard[float]:
    """Tell whether a value can stand in a column: texts, NaN and the like cannot, and no sink of ours writes them."""
    return type(value) in _KINDS and math.isfinite(value)
