"""Rows of ours that wait for a place in W&B: so many rows, and so much text, and no more."""

from __future__ import annotations

from collections import deque
from itertools import islice
from typing import TYPE_CHECKING

from llm_telemetry.guard import log
from llm_telemetry.sinks.wandb.rows import Row, may_share

if TYPE_CHECKING:
    from collections.abc import Iterator


LARGEST_BACKLOG = 10_000
"""Rows that may wait for a place in W&B; about 5 kB each."""
LARGEST_EVIDENCE = 1_000
"""Captured evaluations that may wait, in all rows together; about 2 kB each. The newest row keeps its own anyhow."""

FULL = "%d rows wait for a place in W&B, and no more may: the oldest ones are left out of it."


class Backlog:
    """A queue, the oldest row first, that forgets its oldest rows when it is full, and old rows' texts before that."""

    def __init__(self) -> None:
        self._rows: deque[Row] = deque()
        self._telling: deque[Row] = deque()  # those with evidence, which may have left the queue since
        self._evidence = 0
        self._told = False

    def __len__(self) -> int:
        """Return how many rows wait."""
        return len(self._rows)

    def steps(self, count: int) -> list[int]:
        """Return the training steps of the oldest rows."""
        return [row.step for row in islice(self._rows, count)]

    @property
    def oldest(self) -> Row:
        """The row that came first."""
        return self._rows[0]

    @property
    def newest(self) -> Row:
        """The row that came last."""
        return self._rows[-1]

    def add(self, row: Row) -> int:
        """Queue `row`, as one with the newest where they may share a row; returns how many were left out for it."""
        if self._rows and may_share(self.newest.values, row.values):
            row = self._with_newest(row)
        missed = 0
        if len(self._rows) >= LARGEST_BACKLOG:
            if not self._told:
                log.warning(FULL, LARGEST_BACKLOG)
            self._told = True
            self.pop()
            missed = 1
        self._rows.append(row)
        if row.evidence:
            self._telling.append(row)
            self._evidence += len(row.evidence)
            self._forget_texts()
        return missed

    def _with_newest(self, row: Row) -> Row:
        """Take the newest row out of the queue, and return one that has its values and those of `row`."""
        newest = self._rows.pop()
        if self._telling and self._telling[-1] is newest:
            self._telling.pop()
            self._evidence -= len(newest.evidence)
        return Row(row.step, {**newest.values, **row.values}, [*newest.evidence, *row.evidence])

    def put_back(self, row: Row) -> None:
        """Queue `row`, which was the oldest, as the oldest again."""
        self._rows.appendleft(row)
        if row.evidence:
            self._telling.appendleft(row)
            self._evidence += len(row.evidence)

    def pop(self) -> Row:
        """Take the oldest row."""
        row = self._rows.popleft()
        if self._telling and self._telling[0] is row:
            self._telling.popleft()
            self._evidence -= len(row.evidence)
        return row

    def clear(self) -> None:
        """Forget all."""
        for queue in (self._rows, self._telling):
            queue.clear()
        self._evidence = 0

    def _forget_texts(self) -> None:
        while self._evidence > LARGEST_EVIDENCE and len(self._telling) > 1:
            row = self._telling.popleft()
            self._evidence -= len(row.evidence)
            row.evidence.clear()

    def __iter__(self) -> Iterator[Row]:
        """Iterate over the rows, the oldest first."""
        return iter(self._rows)
