"""How many steps a training will have, as far as its trainer says so."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llm_telemetry.objects import stored_in
from llm_telemetry.settings.rows import is_whole

if TYPE_CHECKING:
    from collections.abc import Mapping

_NAMES = ("max_steps", "total_steps", "total_training_steps", "max_train_steps", "num_train_steps")
_CONFIGURED = (*_NAMES, "steps", "num_steps")
"""On the trainer itself `steps` may be those that it has taken so far."""
_PLACES = {"state": _NAMES, "": _NAMES, "args": _CONFIGURED, "config": _CONFIGURED, "cfg": _CONFIGURED}
"""Attributes of a trainer (the empty one is the trainer itself), and what they may call it, the surest first."""


def steps_of(trainer: Any) -> int | None:
    """Return the number of steps that `trainer` will take; `None` where it does not say. Nothing of it is called."""
    own = stored_in(trainer)
    for place, names in _PLACES.items():
        fields = _fields(own[place]) if place in own else own if not place else {}
        for name in names:
            steps = fields.get(name)
            if steps is not None and is_whole(steps) and steps:
                return int(steps)
    return None


def _fields(thing: Any) -> Mapping[str, Any]:
    return thing if type(thing) is dict else stored_in(thing)
