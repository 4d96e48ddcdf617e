"""Evaluations under way: the comparison with a trainer's own counters has to know of them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from llm_telemetry.eval_stats import EvalStatsCollector
    from llm_telemetry.hooks.trainer import MakeSpan
    from llm_telemetry.observe import Span
    from llm_telemetry.scopes import Scope
    from llm_telemetry.session import Session


class Counted:
    """A span whose beginning and end are told."""

    def __init__(self, span: Span, stats: EvalStatsCollector) -> None:
        """Wrap `span`."""
        self._span = span
        self._stats = stats

    def begin(self) -> Scope:
        """Tell that the trainer's counters may move from now on."""
        self._stats.begin_evaluation(self)
        return self._span.begin()

    def end(self, result: Any, error: BaseException | None) -> None:
        """Tell that they have moved, and that the evaluation is recorded."""
        try:
            self._span.end(result, error)
        finally:
            self._stats.end_evaluation(self)


def counted(make_span: MakeSpan) -> MakeSpan:
    """Return `make_span` with its spans counted."""

    def make(session: Session, scope: Scope, fields: dict[str, Any]) -> Span | None:
        span = make_span(session, scope, fields)
        return None if span is None else Counted(span, session.eval_stats)

    return make
