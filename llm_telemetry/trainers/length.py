"""How many steps a training will have, as far as its trainer says so."""

from __future__ import annotations

from itertools import product
from typing import Any

from llm_telemetry.objects import fields_of
from llm_telemetry.settings.rows import is_whole

_NAMES = ("max_steps", "total_steps", "total_training_steps", "max_train_steps", "num_train_steps")
_PLACES = (
    *product(("state", "", "args", "config", "cfg"), _NAMES),
    *product(("args", "config", "cfg"), ("steps", "num_steps")),
)
"""Attributes of a trainer (the empty one is the trainer itself), and what they may call it, the surest first. On the
trainer itself `steps` may be those that it has taken so far."""


def steps_of(trainer: Any) -> int | None:
    """Return the number of steps that `trainer` will take; `None` where it does not say. Nothing of it is called."""
    own = fields_of(trainer)
    told = ((fields_of(own.get(holder)) if holder else own).get(name) for holder, name in _PLACES)
    return next((int(steps) for steps in told if is_whole(steps) and steps), None)
