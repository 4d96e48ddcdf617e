"""A model of a W&B run in pure Python: its counter, its open row, its end. `test_model.py` holds it against W&B."""

from __future__ import annotations

from typing import Any


class ModelRun:
    """Behaves like `wandb.Run` as far as rows go; nothing of it is private except what the sink overrides."""

    disabled = False

    def __init__(self, starting_step: int = 0) -> None:
        self.starting_step = starting_step
        self.counter = starting_step
        self.rows: list[dict[str, Any]] = []
        self.summary: dict[str, Any] = {}
        self.metrics: list[dict[str, Any]] = []
        self.asked = 0
        self._open: dict[str, Any] = {}
        self._is_finished = False

    @property
    def step(self) -> int:
        self.asked += 1
        return self.counter

    def log(self, data, step=None, commit=None) -> None:
        self._log(data=data, step=step, commit=commit)

    def _log(self, data, step=None, commit=None) -> None:
        if any(type(value) is object for value in data.values()):
            raise TypeError("not serialisable")
        if step is not None and step < self.counter:
            return
        if step is not None and step > self.counter:
            if self._open:
                self._close()
            self.counter = step
        self._open.update(data)
        if commit or (commit is None and step is None):
            self._close()
            self.counter += 1

    def _close(self) -> None:
        self.rows.append({**self._open, "_step": self.counter})
        self.summary.update(self._open)
        self._open = {}

    def define_metric(self, name, **options) -> None:
        self._define_metric(name, **options)

    def _define_metric(self, name, **options) -> None:
        self.metrics.append({"name": name, **options})

    def finish(self) -> None:
        self._is_finished = True
        if self._open:
            self._close()
