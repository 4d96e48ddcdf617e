"""The pen of one W&B run: writes rows of ours where they are told to go, and follows the run's counter."""

from __future__ import annotations

from contextvars import ContextVar
from typing import TYPE_CHECKING, Any

from llm_telemetry.guard import guarded
from llm_telemetry.sinks.wandb import access, rows
from llm_telemetry.sinks.wandb.keys import Keys

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from llm_telemetry.sinks.wandb.rows import Row


OURS: ContextVar[bool] = ContextVar("llm_telemetry_row", default=False)
"""Whether a row that is being logged is ours: another trainer's rider takes it for none of its own trainer's."""


class RowWriter:
    """Knows the `_step` of the row that is open, and what of ours is in it.

    Args:
        run: The W&B run; its methods are held from now on, as they were before anybody of us has overridden them.
        prefix: Tells what our keys begin with in this run.
    """

    def __init__(self, run: Any, prefix: Callable[[], str] = str) -> None:
        self.run = run
        self.log = getattr(run, "_log", None) or run.log
        self.define = getattr(run, "_define_metric", None) or run.define_metric
        self.keys = Keys(self.define, prefix)
        self.keys.learn_summary(run)
        self.counter = 0
        """The counter as we saw it move; the run is asked where it matters."""
        self._latest = -1
        self._inside: dict[str, Any] = {}  # what of ours is in the row `_latest`
        self._asks = not access.is_shared(run)
        self.ask()
        self._asks = self._asks and not access.counts_here(run)

    def ask(self) -> int:
        """Return the run's counter: asked for (0.4 to 0.9 ms), or as we saw it move where the run cannot tell it."""
        asked = self._ask() if self._asks else None
        self._asks = asked is not None
        self.counter = self.counter if asked is None else asked
        return self.counter

    @guarded
    def _ask(self) -> int:
        return access.counter_of(self.run)

    @property
    def first_free(self) -> int:
        """The first row from the counter on that has nothing of ours in it."""
        return max(self.counter, self._latest + 1)

    def may_join(self, row: Row) -> bool:
        """Tell whether the open row has something of ours in it, and `row` may stand beside that."""
        return self._latest == self.counter and rows.may_share(self._inside, row.values)

    @guarded
    def put(self, row: Row, place: int, *, commit: bool = False) -> bool:
        """Write `row` at the step `place`, which is not below the counter; true when W&B has taken it."""
        if row.evidence:
            self._put_table(row, place)
        values = self.keys.ours(row.values)
        self.keys.define(values)
        self._write(values, place, commit=commit)
        self._inside = {**(self._inside if place == self._latest else {}), **row.values}
        self._latest = place
        self.counter = place + commit
        return True

    @guarded
    def put_into(self, row: Row, args: tuple[Any, ...], kwargs: dict[str, Any]) -> tuple[Any]:
        """Make a trainer's call, which closes the open row, with the values of `row` in it; return what it returns."""
        values = self.keys.ours(row.values)
        self.keys.define(values)
        args, kwargs = rows.with_ours(values, *args, **kwargs)
        return (self.log(*args, **kwargs),)

    @guarded
    def _put_table(self, row: Row, place: int) -> None:
        """Write the row's evidence, by itself: the numbers arrive also where a table cannot be written."""
        for key, captured in self.keys.ours(rows.tables(row.evidence)).items():
            self._write({key: access.table(self.run, key, place, rows.COLUMNS, captured)}, place, commit=False)
            self.counter = place

    def _write(self, values: dict[str, Any], place: int, *, commit: bool) -> None:
        self._log_ours(values, step=None if place == self.counter else place, commit=commit)

    def _log_ours(self, values: dict[str, Any], *, step: int | None, commit: bool) -> None:
        token = OURS.set(True)
        try:
            self.log(values, step=step, commit=commit)
        finally:
            OURS.reset(token)

    @guarded
    def follow(self, args: tuple[Any, ...], kwargs: dict[str, Any]) -> None:
        """Know where the counter goes by a row that another writer of ours is about to log."""
        call = rows.read_call(*args, **kwargs)
        if call is not None:
            self.counter = rows.advance(self.counter, call)

    @guarded
    def close_row(self) -> None:
        """Close the open row."""
        self._log_ours({}, step=None, commit=True)
        self.counter += 1

    @guarded
    def show(self, totals: Mapping[str, float]) -> None:
        """Put `totals` into the run's summary."""
        if totals:
            self.run.summary.update(self.keys.ours(totals))
