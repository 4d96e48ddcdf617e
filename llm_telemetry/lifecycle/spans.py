"""Steps, rollouts, rewards, items handed out: what happens when each begins, and when it ends."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from llm_telemetry.guard import attempt
from llm_telemetry.hooks.scopes import LAST_ROLLOUT, SCOPE, Scope
from llm_telemetry.lifecycle.arguments import first_text, names_of
from llm_telemetry.lifecycle.items import answer_in, compared_in, given_in, is_blank, open_rollout
from llm_telemetry.lifecycle.outcomes import outcomes_in, rewards_for
from llm_telemetry.lifecycle.rewards import describe, says_failed
from llm_telemetry.session.signs import signs_in

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llm_telemetry.events import Role, Split
    from llm_telemetry.hooks.observe import Span
    from llm_telemetry.lifecycle.functions import MakeSpan
    from llm_telemetry.lifecycle.items import Given, Row
    from llm_telemetry.session.rollouts import OpenRollout, Phase
    from llm_telemetry.session.session import Session

UNREADABLE = (
    "the reward function returned %s, in which no reward can be told: such rollouts count in "
    "dataset/{source}/unscored and in no accuracy. Return one number a rollout, or name it: {'reward': …}"
)
STEP_FIELDS = ("step", "global_step", "step_idx", "step_num", "iteration", "it", "epoch", "epoch_idx", "round")
"""Names of the argument that is the step's number, the surest first; some trainers take one step an epoch."""


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
        """Close the step, and flush it; where a training step ends well, `stop_when=` may stop the training."""
        if self._phase is not None:
            self._session.close_phase(self._phase, error)
            if error is None and self._split == "train":
                self._session.stopping.stop()


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
        given = [value for value in fields.values() if isinstance(value, Mapping | list | tuple)]
        attempt(session.sources.learn, given)
        return PhaseSpan(session, split, attempt(_number_in, fields))

    return make


def _number_in(fields: Mapping[str, Any]) -> int | None:
    numbers = (whole_number(fields.get(name)) for name in STEP_FIELDS)
    return next((number for number in numbers if number is not None), None)


def whole_number(value: Any) -> int | None:
    """Return a step's number, numpy's integers included."""
    return operator.index(value) if hasattr(value, "__index__") and not isinstance(value, bool) else None


train_step = _phase_span("train")
validation = _phase_span("val")


def _open(scope: Scope, row: Row) -> OpenRollout:
    """Open the rollout of an item, and remember what a function was given for it."""
    rollout = open_rollout(scope.session, scope, row)
    rollout.signs = {**rollout.signs, **signs_in(*row.values())}
    return rollout


def _executing(scope: Scope, given: Given) -> list[OpenRollout]:
    """Open a rollout for each item that an executor was given."""
    last = _last(scope.session)
    rollouts = []
    for row in given.all:
        rollout = _open(scope, row)
        rollout.follow(last)
        rollouts.append(last := rollout)
    return rollouts


def _wanted(scope: Scope, given: Given) -> list[OpenRollout]:
    """Return what is known of the rollouts that rewards belong to, or, without an executor, these rollouts."""
    has_executor = scope.session.rollouts.has_executor(scope.split)
    rollouts = []
    for row in given.all:
        rollout = _open(scope, row)
        rollout.blank = is_blank(row)
        if not has_executor:
            rollout.answer, rollout.said = answer_in(row), first_text(row, names_of(*row).said)
        rollouts.append(rollout)
    return rollouts


def scope_of(outer: Scope, role: Role, rollouts: Sequence[OpenRollout]) -> Scope:
    """Return the scope of the calls for a rollout, or for a batch, with its source if it has only one."""
    session, phase, *_, source, _ = outer
    if len(rollouts) == 1:
        return Scope(session, phase, role, rollouts[0], source=source)
    sources = {rollout.source for rollout in rollouts}
    return Scope(session, phase, role, source=source or (sources.pop() if len(sources) == 1 else None))


class Execution:
    """The executor's work on one rollout, or on a batch of them."""

    def __init__(self, outer: Scope, given: Given) -> None:
        """Open the rollouts."""
        self._outer = outer
        self._given = given
        self.rollouts = _executing(outer, given)
        self._scope = scope_of(outer, "executor", self.rollouts)

    def begin(self) -> Scope:
        """Return the scope of the executor's calls; rewards of a batch may be computed before the whole is done."""
        if len(self.rollouts) > 1:
            self._scope.session.rollouts.begun(self.rollouts)
        return self._scope

    def end(self, result: Any, error: BaseException | None) -> None:
        """Let the rollouts wait for their rewards."""
        done = outcomes_in(self._given, result if error is None else None)
        if len(done) != len(self.rollouts):
            self._scope.session.rollouts.forget(self.rollouts)
            self.rollouts = _executing(self._outer, self._given._replace(rows=[row for row, _ in done]))
        for rollout, (_, made) in zip(self.rollouts, done, strict=True):
            rollout.signs = {**rollout.signs, **signs_in(made)}
            self._scope.session.rollouts.executed(rollout, failed=error is not None or says_failed(made))
        LAST_ROLLOUT.set(self.rollouts[-1])


def execution(_session: Session, scope: Scope, fields: dict[str, Any]) -> Execution | None:
    """Open a rollout, unless one is being executed or rewarded: sub-workflows and tests are part of it."""
    if scope.role in ("executor", "judge"):
        return None
    return Execution(scope, given_in(fields))


class Reward:
    """One reward being computed, or the rewards of a batch."""

    def __init__(self, outer: Scope, given: Given, rollout: OpenRollout | None = None) -> None:
        """Open the scope of the judge's calls; `rollout` is whose reward it is, where that is told."""
        self._outer = outer
        self._given = given
        self._rollout = rollout
        self._wanted = _wanted(outer, given) if rollout is None else [rollout]
        if len(self._wanted) == 1 and self._wanted[0].source is None:
            expected = outer.session.rollouts.expected(self._wanted[0], self._last)
            self._wanted[0].source = None if expected is None else expected.source
        self._scope = scope_of(outer, "judge", self._wanted)

    @property
    def _last(self) -> OpenRollout | None:
        """The rollout that is being executed, or that this context has executed last."""
        return self._rollout or self._outer.rollout or _last(self._outer.session)

    def begin(self) -> Scope:
        """Return the scope of the judge's calls."""
        return self._scope

    def end(self, result: Any, error: BaseException | None) -> None:
        """Give the rewards to their rollouts."""
        session = self._scope.session
        rewards = rewards_for(self._given, result) if error is None else [(row, None) for row in self._given.all]
        if len(rewards) != len(self._wanted):
            self._wanted = _wanted(self._outer, self._given._replace(rows=[row for row, _ in rewards]))
        last = self._last if len(rewards) == 1 else None
        for wanted, (_, value) in zip(self._wanted, rewards, strict=True):
            if wanted.reward is None:  # told by hand, the first one counts
                session.rollouts.rewarded(wanted, last, value)
            session.contradictions.add(wanted.verdict, value)
        if error is None and None in [value for _, value in rewards]:
            several = f" for {len(rewards)} rollouts" if len(rewards) > 1 else ""
            session.tell(UNREADABLE, describe(result) + several)


def reward(_session: Session, scope: Scope, fields: dict[str, Any]) -> Span | None:
    """Open a reward, unless one is being computed: a part of it is no reward of its own."""
    return None if scope.role == "judge" else Reward(scope, compared_in(fields))


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
