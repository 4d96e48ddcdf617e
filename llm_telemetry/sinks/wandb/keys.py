"""Whose key is whose in one W&B run: ours never touch the trainer's, neither a value nor an x-axis."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any

from llm_telemetry.events import STEP_KEY
from llm_telemetry.guard import guarded, log
from llm_telemetry.sinks.wandb.rows import RESCUED, RESCUED_STEP_KEY

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable


TAKEN = "your trainer logs %s itself: the values of such keys are left to it."


class Keys:
    """The keys that the trainer logs, and those whose x-axis is settled.

    Args:
        define: W&B's `define_metric` of the run.
        prefix: Tells what our keys begin with in this run; asked at the first value.

    """

    def __init__(self, define: Callable[..., Any], prefix: Callable[[], str] = str) -> None:
        self._define = define
        self._find_prefix = prefix
        self._theirs: set[str] = set()
        self._settled: set[str] = set()
        self._defined: set[str] = set()
        self._told = False

    @cached_property
    def _prefix(self) -> str:
        return self._find_prefix()  # once: what is left is written when the sink may have left

    @guarded
    def learn_summary(self, run: Any) -> None:
        """Take the keys of a run under way for the trainer's, unless we have written to that run before."""
        keys = set(run.summary.keys())
        if STEP_KEY not in keys:
            self._theirs |= keys

    def learn(self, data: Any) -> None:
        """Take the keys of `data`, which the trainer logs, for the trainer's, and their x-axes too."""
        if not isinstance(data, Mapping) or self._theirs.issuperset(data):
            return
        for key in self._defined.intersection(data):
            self._defined.remove(key)
            self._define(name=key, overwrite=True)  # we came first; W&B forgets what we said
        self._theirs.update(data)

    def settle(self, name: str) -> None:
        """Leave the x-axis of `name` to the trainer, who has defined it."""
        self._settled.add(name)
        self._defined.discard(name)

    def ours(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the `values` under their names in this run, without the keys that the trainer logs."""
        if self._prefix:
            values = {f"{self._prefix}{key}": value for key, value in values.items()}
        if not self._told and not self._theirs.isdisjoint(values):
            self._told = True
            log.warning(TAKEN, ", ".join(sorted(self._theirs.intersection(values))))
        return {key: value for key, value in values.items() if key not in self._theirs}

    def define(self, keys: Iterable[str]) -> None:
        """Give each new key its x-axis, by its exact name: a glob would catch keys of the trainer."""
        for key in set(keys) - self._settled:
            axis = RESCUED_STEP_KEY if key.startswith(RESCUED) else f"{self._prefix}{STEP_KEY}"
            # Every row of ours holds its step: nothing is to be added to rows, least of all to the trainer's.
            options = {"hidden": True} if key == axis else {"step_metric": axis, "step_sync": False}
            self._define(name=key, **options)
            self._settled.add(key)
            self._defined.add(key)
