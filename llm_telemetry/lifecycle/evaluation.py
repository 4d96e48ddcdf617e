"""The judge function: one evaluation for each item that it judges, one outcome for each evaluation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llm_telemetry.clients.replies import failure_kind
from llm_telemetry.events import Evaluation
from llm_telemetry.hooks.scopes import Scope
from llm_telemetry.judging.attempts import Attempt
from llm_telemetry.judging.batches import rule_batch
from llm_telemetry.judging.evaluations import Ruling, group, rule
from llm_telemetry.judging.evidence import evidence_of
from llm_telemetry.judging.verdicts import returned_verdict
from llm_telemetry.lifecycle.items import ITEM_TEXTS, open_rollout, rows_of
from llm_telemetry.lifecycle.rewards import batch_in
from llm_telemetry.lifecycle.spans import reward
from llm_telemetry.sources import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from llm_telemetry.events import Evidence
    from llm_telemetry.hooks.observe import Span
    from llm_telemetry.lifecycle.functions import MakeSpan
    from llm_telemetry.session.session import Session

_VERDICTS_FIELDS = ("verdicts", "judgements", "judgments", "results", "correct", "rewards", "scores")


class OpenEvaluation:
    """One call of the judge function; the calls made in it tell what they asked and heard.

    Args:
        scope: Where it is called.
        name: The judge's name.
        items: What it judges: the rollout of each item, and a text that it is known by.
        implied: There is no function, only calls that are said to be a judge's: without a call, nothing was judged.
    """

    __slots__ = ("__weakref__", "_attempts", "_items", "_name", "_scope", "implied")

    def __init__(self, scope: Scope, name: str, items: Sequence[tuple[Any, str]], *, implied: bool = False) -> None:
        rollout = items[0][0] if len({one.source for one, _ in items}) == 1 else None
        self._scope = Scope(scope.session, scope.phase, "judge", rollout, self, None, scope.source)
        self._name = name
        self._items = items
        self._attempts: list[Attempt] = []
        self.implied = implied

    def begin(self) -> Scope:
        """Return the scope of the judge's calls."""
        return self._scope

    def ask(self, request: Any) -> Attempt:
        """Take note of a call that is being made."""
        attempt = Attempt(request)
        self._attempts.append(attempt)
        return attempt

    def end(self, result: Any, error: BaseException | None) -> None:
        """Record what came of it."""
        if self.implied and not self._attempts:
            return
        rulings = self._rule(result, None if error is None else failure_kind(error))
        shared = len(rulings) < len(self._items)
        for (rollout, _), ruling in zip(self._items, rulings, strict=False):
            evidence = self._evidence(ruling, result, error)
            self._record(ruling, self._scope.rollout if shared else rollout, evidence)

    def _rule(self, result: Any, raised: str | None) -> list[Ruling]:
        """Decide about each item; a batch function that returns no batch is one evaluation."""
        count, reader = len(self._items), self._scope.session.reader
        batch = batch_in(result, count, _VERDICTS_FIELDS) if count > 1 and raised is None else None
        if batch is not None or (count > 1 and raised is not None):
            used = [None] * count if batch is None else [returned_verdict(one) for one in batch]
            return rule_batch(self._attempts, [text for _, text in self._items], used, raised, reader)
        used_one = None if raised else returned_verdict(result)
        return [rule(group(self._attempts), used_one, raised, reader, self._items[0][1] if count == 1 else "")]

    def _evidence(self, ruling: Ruling, result: Any, error: BaseException | None) -> Evidence | None:
        """Return what it looked like, where that was asked for and there is something to see."""
        wanted = ruling.failure is not None or ruling.disagreed
        if not wanted or not self._scope.session.counts.evidence.has_room(self._scope.split):
            return None
        return evidence_of(ruling.reply.text, result, error or ruling.reply.error)

    def _record(self, ruling: Ruling, rollout: Any, evidence: Evidence | None) -> None:
        session = self._scope.session
        if rollout is not None and ruling.outcome in ("correct", "incorrect"):
            rollout.verdict = ruling.outcome == "correct"
        flips = [session.comparisons.add(rollout and rollout.key, one) for one in ruling.comparisons]
        session.record(
            Evaluation(
                self._scope.split,
                self._scope.source or (rollout and rollout.source) or UNKNOWN,
                ruling.outcome,
                ruling.score,
                ruling.disagreed and not any(flip is not None for flip in flips),
                self._name,
                ruling.failure,
                ruling.attempts,
                ruling.agreement,
                next((flip for flip in flips if flip is not None), None),
                evidence,
                ruling.clue,
            )
        )


def _text_in(row: Mapping[str, Any]) -> str:
    """Return what tells an item from others: its prediction, else its problem."""
    return next((text for name in ITEM_TEXTS if isinstance(text := row.get(name), str)), "")


class JudgingReward:
    """A reward function that is its own judge: one call is a reward and an evaluation."""

    def __init__(self, reward: Span, evaluation: Span) -> None:
        """Open both; `evaluation` lies within `reward`."""
        self._reward = reward
        self._evaluation = evaluation

    def begin(self) -> Scope:
        """Return the scope of the judge's calls."""
        self._reward.begin()
        return self._evaluation.begin()

    def end(self, result: Any, error: BaseException | None) -> None:
        """Record both."""
        self._evaluation.end(result, error)
        self._reward.end(result, error)


def judging_reward(name: str) -> MakeSpan:
    """Return what opens the rewards and evaluations of a reward function that is its own judge."""

    def open_both(session: Session, scope: Scope, fields: dict[str, Any]) -> Span | None:
        outer = reward(session, scope, fields)
        inner = judge(name)(session, scope if outer is None else outer.begin(), fields)
        return JudgingReward(outer, inner) if outer is not None and inner is not None else outer or inner

    return open_both


def judge(name: str) -> MakeSpan:
    """Return what opens the evaluations of the judge function of this name."""

    def open_evaluation(session: Session, scope: Scope, fields: dict[str, Any]) -> Span | None:
        """Open one, unless one is open: a judge function that calls another is one evaluation."""
        if scope.evaluation is not None and not scope.evaluation.implied:
            return None
        rows = list(rows_of(fields))
        if len(rows) == 1 and scope.rollout is not None:
            return OpenEvaluation(scope, name, [(scope.rollout, _text_in(rows[0]))])
        return OpenEvaluation(scope, name, [(open_rollout(session, scope, row), _text_in(row)) for row in rows])

    return open_evaluation
