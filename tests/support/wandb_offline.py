"""What a run has left on disk, and how to end W&B's process before it is read."""

from __future__ import annotations

import gc
import warnings
from typing import TYPE_CHECKING, Any

from llm_telemetry.runs.wandb_file import _records, read_metrics, read_rows, read_summary

if TYPE_CHECKING:
    from pathlib import Path


class Written:
    """What the run of one folder has left on disk."""

    def __init__(self, folder: Path) -> None:
        self._path = next(folder.glob("*.wandb"))

    @property
    def rows(self) -> list[dict[str, Any]]:
        return read_rows(self._path)

    @property
    def summary(self) -> dict[str, Any]:
        return read_summary(self._path)

    @property
    def metrics(self) -> dict[str, Any]:
        """The last definition of each metric, by its name."""
        return {metric.name: metric for metric in read_metrics(self._path)}

    @property
    def alerts(self) -> list[Any]:
        """What was sent as alerts; each has a title and a text."""
        return [record.alert for record in _records(self._path) if record.WhichOneof("record_type") == "alert"]


def tear_down() -> None:
    """End W&B's process. Old versions leave sockets for the garbage collector to close: now, and unseen."""
    import wandb  # noqa: PLC0415 - tests without wandb collect this module too

    wandb.teardown()
    if wandb.__version__.startswith("0.19."):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", ResourceWarning)
            gc.collect()
