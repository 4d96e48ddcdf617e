"""Steps, rollouts, rewards, items handed out: what happens when each begins, and when it ends."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from llm_telemetry.hooks.scopes import LAST_ROLLOUT, SCOPE, Scope
from llm_telemetry.lifecycle.items import open_rollout, rows_of
from llm_telemetry.lifecycle.rewards import rewards_in, says_failed

if TYPE_CHECKING:
    from llm_telemetry.events import Split
    from llm_telemetry.hooks.observe import Span
    from llm_telemetry.lifecycle.functions import MakeSpan
    from llm_telemetry.session.rollouts import OpenRollout, Phase
    from llm_telemetry.session.session import Session

STEP_FIELDS = ("step", "global_step", "step_idx", "step_num", "iteration", "it")


def _last(session: Session) -> OpenRollout | None:
    """Return the rollout that this context has executed last, for this session."""
    last = LAST_ROLLOUT.get()
    return last if last is not None and last.session == session.number else None


class PhaseSpan:
    """A training step or a validation."""

    def __init__(self, session: Session, split: Split, step: int | None) -> None:
        """Name it; `step` is `None` when the trainer does not say."""
        self._session = session
        self._split = split
        self._step = step
        self._phase: Phase | None = None

    def begin(self) -> Scope:
        """Open the step, once; what is hooked on a class and again on its subclass is one step."""
        if self._phase is None and (outer := _open_in(self._session, self._split)) is not None:
            return outer
        if self._phase is None:
            self._phase = self._session.open_phase(self._split, self._step)
        return Scope(self._session, self._phase)

    def end(self, _result: Any, error: BaseException | None) -> None:
        """Close the step, and flush it."""
        if self._phase is not None:
            self._session.close_phase(self._phase, error)


def _open_in(session: Session, split: Split) -> Scope | None:
    """Return the present scope if it is inside of an open step, or validation, of this session."""
    scope = SCOPE.get()
    if scope is None or scope.session is not session or not session.is_open(scope.phase):
        return None  # a step that was opened here by hand, and closed elsewhere, may have left its scope behind
    return scope if scope.split == split else None


def _phase_span(split: Split) -> MakeSpan:
    def make(session: Session, _scope: Scope, fields: dict[str, Any]) -> Span | None:
        if _open_in(session, split) is not None:
            return None  # a method that calls its parent's; a step beside another, in its own task, is a step
        session.sources.learn([value for value in fields.values() if isinstance(value, Mapping | list | tuple)])
        numbers = (_whole(fields.get(name)) for name in STEP_FIELDS)
        return PhaseSpan(session, split, next((n for n in numbers if n is not None), None))

    return make


def _whole(value: Any) -> int | None:
    """Return a step's number, numpy's integers included."""
    return operator.index(value) if hasattr(value, "__index__") and not isinstance(value, bool) else None


train_step = _phase_span("train")
validation = _phase_span("val")


class Execution:
    """The executor's work on one rollout."""

    def __init__(self, scope: Scope, rollout: OpenRollout) -> None:
        """Open the rollout's scope."""
        self._scope = Scope(scope.session, scope.phase, "executor", rollout, source=scope.source)
        self.rollout = rollout

    def begin(self) -> Scope:
        """Return the scope of the executor's calls."""
        return self._scope

    def end(self, result: Any, error: BaseException | None) -> None:
        """Let the rollout wait for its reward."""
        self._scope.session.rollouts.executed(self.rollout, failed=error is not None or says_failed(result))
        LAST_ROLLOUT.set(self.rollout)


def execution(session: Session, scope: Scope, fields: dict[str, Any]) -> Execution | None:
    """Open a rollout, unless one is being executed or rewarded: sub-workflows and tests are part of it."""
    if scope.role in ("executor", "judge"):
        return None
    return Execution(scope, open_rollout(session, scope, fields))


class Reward:
    """One reward being computed, or the rewards of a batch."""

    def __init__(self, scope: Scope, rollouts: list[OpenRollout]) -> None:
        """Open the scope of the judge's calls; `rollouts` are what the function was told, one a reward."""
        shared = rollouts[0] if len({rollout.source for rollout in rollouts}) == 1 else None
        self._scope = Scope(scope.session, scope.phase, "judge", shared, source=scope.source)
        self._executing = scope.rollout
        self._wanted = rollouts

    def begin(self) -> Scope:
        """Return the scope of the judge's calls."""
        return self._scope

    def end(self, result: Any, _error: BaseException | None) -> None:
        """Give the reward to its rollout."""
        rewards = rewards_in(result, len(self._wanted))
        last = self._executing or _last(self._scope.session) if len(self._wanted) == 1 else None
        for wanted, reward in zip(self._wanted, rewards, strict=True):
            if not wanted.closed:  # by a first reward
                self._scope.session.rollouts.rewarded(wanted, last, reward)


def reward(session: Session, scope: Scope, fields: dict[str, Any]) -> Span | None:
    """Open a reward, unless one is being computed: a part of it is no reward of its own."""
    if scope.role == "judge":
        return None
    wanted = [open_rollout(session, scope, row) for row in rows_of(fields)]
    last = scope.rollout or _last(session)
    if len(wanted) == 1 and wanted[0].source is None and last is not None and last.problem == wanted[0].problem:
        wanted[0].source = last.source
    return Reward(scope, wanted)


class Handout:
    """Items on their way from the data manager to the trainer."""

    def __init__(self, session: Session, scope: Scope) -> None:
        """Change nothing about the scope."""
        self._session = session
        self._scope = scope

    def begin(self) -> Scope:
        """Return the scope that was there."""
        return self._scope

    def end(self, result: Any, _error: BaseException | None) -> None:
        """Remember which source each item comes from."""
        self._session.sources.learn(result)


def handout(session: Session, scope: Scope, _fields: dict[str, Any]) -> Span:
    """Look at the items that are handed out."""
    return Handout(session, scope)
