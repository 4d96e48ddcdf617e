"""Rows of ours that wait for a place in W&B: so many rows, and so much text, and no more."""

from __future__ import annotations

import logging
from collections import deque
from itertools import islice
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llm_telemetry.sinks.wandb.rows import Row

log = logging.getLogger("llm_telemetry")

LARGEST_BACKLOG = 10_000
"""Rows that may wait for a place in W&B; about 5 kB each."""
LARGEST_EVIDENCE = 1_000
"""Captured evaluations that may wait, in all rows together; about 2 kB each. The newest row keeps its own anyhow."""

FULL = "%d rows of llm_telemetry wait for a place in W&B, and no more may: the oldest ones are left out of it."


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
    def newest(self) -> Row:
        """The row that came last."""
        return self._rows[-1]

    def add(self, row: Row) -> int:
        """Queue `row`; returns how many were left out for it."""
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
