"""The lifecycle by hand: steps, rollouts, rewards and evaluations as blocks, where there is no function to hook.

A block is watched as a function is: what opens it is the same, and `result` is what the function would have returned.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llm_telemetry.guard import guarded
from llm_telemetry.hooks.observe import close, enter, leave
from llm_telemetry.hooks.scopes import innermost
from llm_telemetry.lifecycle import evaluation, spans
from llm_telemetry.lifecycle.functions import scope_in
from llm_telemetry.lifecycle.items import given_in
from llm_telemetry.sources import clean_source

if TYPE_CHECKING:
    from collections.abc import Mapping
    from contextvars import Token
    from types import TracebackType

    from typing_extensions import Self

    from llm_telemetry.hooks import observe
    from llm_telemetry.hooks.scopes import Scope
    from llm_telemetry.lifecycle.functions import MakeSpan
    from llm_telemetry.session.rollouts import OpenRollout
    from llm_telemetry.session.session import Session


class Span:
    """A stretch of the training: `with`, `async with`, or `start()` and `finish()`, in one task or thread.

    It begins once and ends once, whatever is called again, and also when an exception passes, of any kind.
    Nothing here raises but `StopTraining`, where a stop is asked for; nothing happens after `uninstrument()`.
    """

    def __init__(self, session: Session | None, opens: MakeSpan, told: Mapping[str, Any]) -> None:
        self.result: Any = None
        """What it came to: a reward (a number), a verdict (a bool or a number), what an executor returned."""
        self._session = session
        self._opens = opens
        self._told = told
        self._fresh: list[None] = [None]
        self._open: list[tuple[observe.Span, Token[Scope | None] | None]] = []

    def start(self) -> Self:
        """Begin; only the first time."""
        if self._fresh and self._session is not None and not self._session.closed:
            self._fresh.clear()
            self._start(self._session)
        return self

    @guarded
    def _start(self, session: Session) -> None:
        told = {name: value for name, value in self._told.items() if value is not None}
        source, outer = told.pop("source", None), scope_in(session, innermost())
        span = self._opens(session, outer._replace(source=source) if isinstance(source, str) else outer, told)
        if span is not None:
            self._open.append((span, enter(span)))

    def finish(self, result: Any = None, error: BaseException | None = None) -> None:
        """End; only the first time.

        Args:
            result: What it came to; by default what `self.result` was set to.
            error: The exception that it ended by.
        """
        if self._open:
            span, token = self._open.pop()
            leave(token)
            close(span, self.result if result is None else result, error)

    def __enter__(self) -> Self:
        """Begin."""
        return self.start()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """End; an exception goes on its way."""
        self.finish(error=error)

    async def __aenter__(self) -> Self:
        """Begin."""
        return self.start()

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None
    ) -> None:
        """End; an exception goes on its way."""
        self.finish(error=error)


class RolloutSpan(Span):
    """An attempt at an item. One that ends by an exception, or whose result says so, has failed."""

    def __init__(self, session: Session, told: Mapping[str, Any], group: str | int | None) -> None:
        super().__init__(session, self._execution, told)
        self._group = group
        self._rollout: OpenRollout | None = None

    def rewarded(
        self, reward: float, parts: Mapping[str, float | None] | None = None, *, tokens: int | None = None
    ) -> None:
        """Give it its reward, during or after it; the first one counts.

        Args:
            reward: The number.
            parts: What it is made of: the names of reward functions, and what each gave (`None`: nothing).
            tokens: Of its completion, where an engine of your own has generated it, and no API tells them.
        """
        self._note(parts, tokens)
        self.reward().start().finish(reward)

    @guarded
    def _note(self, parts: Mapping[str, float | None] | None, tokens: int | None) -> None:
        if self._rollout is not None and tokens is not None:
            self._rollout.tokens = tokens
        if self._rollout is not None and parts:
            self._rollout.parts = tuple(parts.items())

    def reward(self) -> Span:
        """Return the span in which its reward is computed: calls in it are the judge's, `result` is the reward."""
        return Span(self._session, self._reward, {})

    def _reward(self, _session: Session, scope: Scope, _told: Mapping[str, Any]) -> observe.Span | None:
        return None if self._rollout is None else spans.Reward(scope, given_in({}), self._rollout)

    def _execution(self, session: Session, scope: Scope, told: dict[str, Any]) -> observe.Span | None:
        execution = spans.execution(session, scope, told)
        if execution is not None:
            self._rollout = execution.rollouts[0]
            self._rollout.group = self._group
        return execution


class Lifecycle:
    """The methods of the handle by which a training is told by hand."""

    _session: Session

    def step(self, number: int | None = None) -> Span:
        """Return a training step; its payload is made when it ends, unless it ends by an exception.

        Args:
            number: The step's number, else they are counted from 1.
        """
        return Span(self._session, spans.train_step, {"step": number})

    def validation(self, step: int | None = None) -> Span:
        """Return a validation, with a payload of its own; a training step in which it lies goes on after it.

        Args:
            step: The number of the training step after which it is, else that of the latest.
        """
        return Span(self._session, spans.validation, {"step": step})

    def rollout(
        self, *, source: str | None = None, problem: str | None = None, group: str | int | None = None
    ) -> RolloutSpan:
        """Return an attempt at an item: calls in it are the executor's. One within another is a part of it.

        Args:
            source: The dataset that the item is from.
            problem: The item's text, by which a reward that is told the same finds it; no text is kept.
            group: What attempts at one item have in common, such as the item's id.
        """
        return RolloutSpan(self._session, {"source": source, "problem": problem}, group)

    def reward(self, *, source: str | None = None, problem: str | None = None) -> Span:
        """Return a reward being computed: calls in it are the judge's, its `result` is the number.

        It belongs to the rollout that this task or thread ran last, else to one with the same problem, else it opens
        one. `RolloutSpan.reward` says which.
        """
        return Span(self._session, spans.reward, {"source": source, "problem": problem})

    def evaluation(self, judge: str = "judge", *, source: str | None = None, problem: str | None = None) -> Span:
        """Return one judgement: calls in it are the judge's, and its `result` is the verdict.

        Without a result the text of the last answer is the verdict.

        Args:
            judge: What the judge is called in keys, where there are several.
            source: The dataset, where it is not that of the rollout that this is in.
            problem: The item's text, where it is not in a rollout.
        """

        def opens(session: Session, scope: Scope, fields: dict[str, Any]) -> observe.Span | None:
            return evaluation.judge(clean_source(judge).strip("_"))(session, scope, fields)

        return Span(self._session, opens, {"source": source, "problem": problem})
