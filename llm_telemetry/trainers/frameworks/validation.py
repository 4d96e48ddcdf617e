"""A framework's validation, by the boundaries that the run's owner sets: what is heard within it, from wherever."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from llm_telemetry.lifecycle import spans
from llm_telemetry.lifecycle.functions import hook
from llm_telemetry.objects import stored_in
from llm_telemetry.trainers.kinds import Kind

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llm_telemetry.hooks.observe import Span
    from llm_telemetry.hooks.scopes import Scope
    from llm_telemetry.session.session import Session


def validation(step: str) -> Kind:
    """Return the kind of a function that validates, and logs nothing itself: the next row takes its payload along.

    Args:
        step: The parameter that is given the number of the step, or the attribute of its object that holds it.
    """
    return Kind("validation", lambda _label: _open, in_children=False, hook=partial(hook, tell=partial(_step_in, step)))


def _open(session: Session, scope: Scope, fields: dict[str, Any]) -> Span | None:
    return None if session.is_child else spans.validation(session, scope, fields)


def _step_in(step: str, instance: Any, fields: Mapping[str, Any]) -> Mapping[str, Any]:
    return {"step": fields.get(step, stored_in(instance).get(step))}
