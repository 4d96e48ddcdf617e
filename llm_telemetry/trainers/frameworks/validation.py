"""A framework's validation, by the boundaries that the run's owner sets: what is heard within it, from wherever."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from llm_telemetry.guard import guarded
from llm_telemetry.hooks.observe import drive
from llm_telemetry.lifecycle import spans
from llm_telemetry.lifecycle.functions import opener
from llm_telemetry.objects import stored_in
from llm_telemetry.trainers.kinds import Kind

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from llm_telemetry.hooks.observe import Span
    from llm_telemetry.hooks.scopes import Scope
    from llm_telemetry.lifecycle.functions import MakeSpan
    from llm_telemetry.session.session import Session


def validation(step: str) -> Kind:
    """Return the kind of a function that validates, and logs nothing itself: the next row takes its payload along.

    Args:
        step: The parameter that is given the number of the step, or the attribute of its object that holds it.
    """
    return Kind("validation", lambda _label: _open, in_children=False, hook=partial(_hook, step))


def _open(session: Session, scope: Scope, fields: dict[str, Any]) -> Span | None:
    return None if session.is_child else spans.validation(session, scope, fields)


def _hook(
    step: str,
    make_span: MakeSpan,
    parameters: Sequence[str],
    owner: Callable[[], Any],
    adopt: Callable[[Any], Session | None] | None = None,
) -> Any:
    """Return the wrapper of such a function; but for `step`, the arguments are those of `functions.hook`."""
    open_span = opener(make_span, parameters, owner, adopt)

    @guarded
    def begin(instance: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Span | None:
        told = {**dict(zip(parameters, args, strict=False)), **kwargs}
        return open_span(instance, args, {**kwargs, "step": told.get(step, stored_in(instance).get(step))})

    def watch(wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        span = begin(instance, args, kwargs)
        return wrapped(*args, **kwargs) if span is None else drive(span, wrapped, args, kwargs)

    return watch
