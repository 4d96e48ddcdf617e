"""Decides about replies that we cannot read when their payload is made; until then they wait, and judges are learnt."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from llm_telemetry.judging.forms import places_in
from llm_telemetry.judging.learning import Knowledge, Lesson, decide, learn
from llm_telemetry.notices import Notices

if TYPE_CHECKING:
    from collections.abc import Callable

    from llm_telemetry.events import Clue, Evaluation, Split

UNDECIDED = (
    "%d of the last %d replies of %s have no verdict in a form that is known here, and what the judge "
    "function returned does not show yet that it reads them%s. They are counted in judge/undecided, and in no rate. "
    "Give judge_parser, or look at some with capture_failures=3."
)
ALIKE = ": it returned the same for all, as one does that reads none"
CONTRARY = (
    "whatever is read in the replies of %s, its function returns the contrary, right and wrong. It is "
    "taken for a judge that is asked what is wrong, and not for a contradiction; judge_inverted=True says so."
)
_MEMORY = 256
"""Evaluations of a judge that are learnt from, the latest."""
_MOST_WAITING = 2048
_MOST_EVIDENCE = 64
_MOST_JUDGES = 64
_GROWTH = 1.3
"""Learn again when there are so many times as many lessons."""
_ENOUGH = 20
"""Replies after which it is told that a judge cannot be learnt."""


class _Judge:
    """What is known of one judge."""

    def __init__(self) -> None:
        self.clues: deque[Clue] = deque(maxlen=_MEMORY)
        self.new = 0
        self.learnt_from = 0
        self.known = Knowledge()

    def learn(self) -> None:
        """Learn anew where there is much to add."""
        if self.new and self.learnt_from + self.new >= min(_GROWTH * self.learnt_from, self.learnt_from + _MEMORY):
            self.learnt_from += self.new
            self.new = 0
            self.known = learn(list(map(_lesson, self.clues)))


class Learner:
    """Stands before the collectors: passes on what is decided, keeps what is not until `settle`.

    To be used under the session's lock; no code of the user's runs in it but that of `deliver`.

    Args:
        deliver: Takes each evaluation, once, with its final outcome.
    """

    def __init__(self, deliver: Callable[[Evaluation], object]) -> None:
        self._deliver = deliver
        self._judges: dict[str, _Judge] = {}
        self._waiting: deque[tuple[Evaluation, Clue | None]] = deque()
        self._notices = Notices()

    def add(self, evaluation: Evaluation) -> None:
        """Take an evaluation as it was recorded, here or in a child process."""
        clue = evaluation.clue
        bare = evaluation if clue is None else evaluation._replace(clue=None)
        if clue is not None:
            judge = self._judge(evaluation.judge)
            judge.clues.append(clue)
            judge.new += 1
        if evaluation.outcome == "undecided" or (evaluation.disagreed and clue is not None):
            self._wait(bare if len(self._waiting) < _MOST_EVIDENCE else bare._replace(evidence=None), clue)
        elif evaluation.evidence is not None and self._waiting:
            self._wait(bare, None)  # the first failures of a step are kept: they come in their order
        else:
            self._deliver(bare)

    def _wait(self, evaluation: Evaluation, clue: Clue | None) -> None:
        self._waiting.append((evaluation, clue))
        if len(self._waiting) > _MOST_WAITING:
            self._decide(*self._waiting.popleft())

    def settle(self, split: Split) -> None:
        """Decide about what waits for the payload of `split`, by all that is known now."""
        due = [one for one in self._waiting if one[0].split == split]
        self._waiting = deque(one for one in self._waiting if one[0].split != split)
        for name in {evaluation.judge for evaluation, _ in due}:
            self._judge(name).learn()
        for evaluation, clue in due:
            self._decide(evaluation, clue)

    def _judge(self, name: str) -> _Judge:
        judge = self._judges.pop(name, None) or _Judge()
        self._judges[name] = judge  # the latest last
        while len(self._judges) > _MOST_JUDGES:
            del self._judges[next(iter(self._judges))]
        return judge

    def _decide(self, evaluation: Evaluation, clue: Clue | None) -> None:
        judge = self._judge(evaluation.judge)
        if clue is None:
            self._deliver(evaluation)
        elif evaluation.outcome == "undecided":
            self._deliver(self._decided(evaluation, _lesson(clue), judge))
        elif judge.known.contrary:
            self._notices(CONTRARY, evaluation.judge or "the judge")
            self._deliver(evaluation._replace(disagreed=False, evidence=None))
        else:
            self._deliver(evaluation)

    def _decided(self, evaluation: Evaluation, lesson: Lesson, judge: _Judge) -> Evaluation:
        outcome, score = decide(lesson, judge.known), evaluation.score
        if outcome == "undecided" and evaluation.failure == "truncated":
            outcome = "parse_failure"  # the API tells that the verdict was not reached
        if outcome == "undecided" and len(judge.clues) >= _ENOUGH:
            unread = [one.returned for one in judge.clues if one.read == 0 and one.form]
            alike = ALIKE if len(set(unread)) == 1 else ""
            self._notices(UNDECIDED, len(unread), len(judge.clues), evaluation.judge or "the judge", alike)
        if judge.known.graded and outcome in ("correct", "incorrect"):
            outcome, score = "score", float(lesson.outcome == "correct")
        failed = outcome == "parse_failure"
        return evaluation._replace(
            outcome=outcome,
            score=score if outcome == "score" else None,
            failure=evaluation.failure if failed else None,
            evidence=evaluation.evidence if failed or outcome == "undecided" else None,
        )


def _lesson(clue: Clue) -> Lesson:
    return Lesson(clue.returned, clue.outcome, places_in(clue.form) if clue.form else None, clue.read)
