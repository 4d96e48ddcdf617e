"""The judge function: one evaluation, one outcome."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llm_telemetry.events import Evaluation, Outcome
from llm_telemetry.hooks.trainer import open_rollout
from llm_telemetry.scopes import Scope
from llm_telemetry.sources import UNKNOWN
from llm_telemetry.verdicts import Unreadable, Verdict, agree, read_verdict, returned_verdict

if TYPE_CHECKING:
    from collections.abc import Callable

    from llm_telemetry.hooks.replies import Reply
    from llm_telemetry.observe import Span
    from llm_telemetry.session import Session


class OpenEvaluation:
    """One call of the judge function; the calls made in it tell what they heard."""

    __slots__ = ("_reply", "_scope")

    def __init__(self, scope: Scope, rollout: Any) -> None:
        """Open the evaluation's scope."""
        self._scope = Scope(scope.session, scope.phase, "judge", rollout, self)
        self._reply: Reply | None = None

    def begin(self) -> Scope:
        """Return the scope of the judge's calls."""
        return self._scope

    def hear(self, reply: Reply) -> None:
        """Take the answer to one call; the last attempt is the one that counts."""
        self._reply = reply

    def end(self, result: Any, error: BaseException | None) -> None:
        """Record the outcome."""
        used = None if error is not None else returned_verdict(result)
        said = self._said()
        outcome, verdict = self._outcome(said, used, error)
        disagreed = isinstance(said, Verdict) and used is not None and not agree(said, used)
        source = (self._scope.rollout and self._scope.rollout.source) or UNKNOWN
        score = None if verdict is None else verdict.score
        self._scope.session.record(Evaluation(self._scope.split, source, outcome, score, disagreed))

    def _said(self) -> Verdict | Unreadable | None:
        """Read the last answer; `None` when there was none, or nothing in it."""
        if self._reply is None or not self._reply.text.strip():
            return None
        return _read(self._reply, self._scope.session.read_verdict)

    def _outcome(
        self, said: Verdict | Unreadable | None, used: Verdict | None, error: BaseException | None
    ) -> tuple[Outcome, Verdict | None]:
        """Decide what came of it: no answer, no verdict in the answer, else the verdict that the trainer used."""
        if self._reply is not None and said is None:
            return "api_failure", None
        if isinstance(said, Unreadable):
            return "parse_failure", None
        verdict = used or (None if error is not None else said)
        if verdict is None:  # it raised, or returned nothing
            return ("api_failure" if said is None else "parse_failure"), None
        return _as_outcome(_like(verdict, said)), verdict


def _like(verdict: Verdict, said: Verdict | None) -> Verdict:
    """Take a returned 0 or 1 for the grade that it is where the judge's text is graded."""
    if said is not None and said.score is not None and verdict.score is None:
        return verdict._replace(score=float(bool(verdict.correct)), correct=None)
    return verdict


def _as_outcome(verdict: Verdict) -> Outcome:
    if verdict.correct is None:
        return "score"
    return "correct" if verdict.correct else "incorrect"


def judge(session: Session, scope: Scope, fields: dict[str, Any]) -> Span | None:
    """Open an evaluation, unless one is open: a judge function that calls another is one evaluation."""
    if scope.evaluation is not None:
        return None
    return OpenEvaluation(scope, scope.rollout or open_rollout(session, scope, fields))


def _read(reply: Reply, custom: Callable[[str], Verdict | Unreadable] | None) -> Verdict | Unreadable:
    """Read the judge's text with the user's own parser, if there is one."""
    return read_verdict(reply.text, truncated=reply.truncated) if custom is None else custom(reply.text)
