"""The judge function: one evaluation for each item that it judges, one outcome for each evaluation."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, NamedTuple

from llm_telemetry.clients.replies import failure_kind
from llm_telemetry.events import Evaluation
from llm_telemetry.hooks.scopes import Scope
from llm_telemetry.judging.attempts import Attempt
from llm_telemetry.judging.batches import MOST_LOOKS, rule_batch
from llm_telemetry.judging.evaluations import Ruling, group, rule
from llm_telemetry.judging.evidence import evidence_of
from llm_telemetry.judging.verdicts import returned_verdict
from llm_telemetry.lifecycle.arguments import first_text, names_of
from llm_telemetry.lifecycle.items import judged_in, open_rollout, rows_of
from llm_telemetry.lifecycle.rewards import batch_in
from llm_telemetry.lifecycle.spans import reward
from llm_telemetry.session.rollouts import fresh_id
from llm_telemetry.sources import UNKNOWN

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from llm_telemetry.events import Evidence, Id, Judged
    from llm_telemetry.hooks.observe import Span
    from llm_telemetry.lifecycle.functions import MakeSpan
    from llm_telemetry.session.session import Session

SURE = 16
"""Characters from which on a text in a request tells which item it is about."""
_VERDICTS_FIELDS = ("verdicts", "judgements", "judgments", "results", "correct", "rewards", "scores")


class Item(NamedTuple):
    """One item that is judged."""

    rollout: Any
    text: str
    """What it is known by: its prediction, else its problem."""
    prompt: str = ""
    judged: Judged | None = None


class OpenEvaluation:
    """One call of the judge function; the calls made in it tell what they asked and heard.

    Args:
        scope: Where it is called.
        name: The judge's name.
        items: What it judges, or what tells that, once, when a call is made.
        rollout: What its calls are for; by default the first item's, if all are of one source.
        implied: There is no function, only calls that are said to be a judge's: without a call, nothing was judged.
    """

    __slots__ = ("__weakref__", "_attempts", "_looks", "_made", "_make", "_name", "_scope", "_taken", "implied", "key")

    def __init__(
        self,
        scope: Scope,
        name: str,
        items: Sequence[Item] | Callable[[], Sequence[Item]],
        rollout: Any = None,
        *,
        implied: bool = False,
    ) -> None:
        self._made: list[Sequence[Item]] = []
        if callable(items):
            self._make = items
        else:
            self._made.append(items)
            rollout = _shared(items)
        self._scope = Scope(scope.session, scope.phase, "judge", rollout, self, None, scope.source)
        self._name = name
        self._attempts: list[Attempt] = []
        self._looks = 0
        self._taken: set[Id] = set()
        self.implied = implied
        self.key = fresh_id()

    @property
    def _items(self) -> Sequence[Item]:
        made = self._made
        if not made:
            made.append(self._make())  # of several threads that get here at once, the first one's count
        return made[0]

    @property
    def keys(self) -> list[Id]:
        """The keys of the items' rollouts; none where nothing has asked for them."""
        return [item.rollout.key for item in self._items] if self._made else []

    @property
    def rollout(self) -> Id | None:
        """The rollout that its calls are made for; `None` where it judges several."""
        items = self._items
        return items[0].rollout.key if len(items) == 1 else None

    def begin(self) -> Scope:
        """Return the scope of the judge's calls."""
        return self._scope

    def ask(self, request: Any) -> Attempt:
        """Take note of a call that is being made."""
        attempt = Attempt(request, again=any(one.is_unusable and one.request == request for one in self._attempts))
        self._attempts.append(attempt)
        return attempt

    def rollout_of(self, text: str) -> Any:
        """Return the rollout of the items that have this very text; `None` where none has, or they differ in source."""
        return _shared([item for item in self._items if text and text in (item.text, item.prompt)])

    def key_of(self, text: str, problem: int | None) -> Id | None:
        """Return the key of the item that has this text, of several that are alike the next; `None` if they are not."""
        alike = [item.rollout for item in self._items if text and text in (item.text, item.prompt)]
        alike = [one for one in alike if one.problem == problem] or alike
        if not alike or len({one.problem for one in alike}) > 1:
            return None
        found: Id = next((one.key for one in alike if one.key not in self._taken), alike[-1].key)
        self._taken.add(found)
        return found

    def source_of(self, attempt: Attempt) -> str | None:
        """Return the source of the items whose texts are in a request; `None` where that does not tell it."""
        self._looks += len(self._items)
        if self._looks > MOST_LOOKS:
            return None
        content = attempt.content
        signs = [_signs(item, content) for item in self._items]
        most = max(signs, default=0)
        rollout = _shared([item for item, sign in zip(self._items, signs, strict=True) if most and sign == most])
        return None if rollout is None else rollout.source

    def end(self, result: Any, error: BaseException | None) -> None:
        """Record what came of it."""
        if self.implied and not self._attempts:
            return
        items = self._items
        rulings = self._rule(items, result, None if error is None else failure_kind(error))
        is_shared = len(rulings) < len(items)
        for item, ruling in zip([Item(self._scope.rollout, "")] if is_shared else items, rulings, strict=False):
            evidence = self._evidence(ruling, item.judged, result, error)
            self._record(ruling, item, evidence, len(rulings), is_shared=is_shared)

    def _rule(self, items: Sequence[Item], result: Any, raised: str | None) -> list[Ruling]:
        """Decide about each item; a batch function that returns no batch is one evaluation."""
        count, reader = len(items), self._scope.session.reader
        attempts = [one for one in self._attempts if not one.elsewhere]
        batch = batch_in(result, count, _VERDICTS_FIELDS) if count > 1 and raised is None else None
        if batch is not None or (count > 1 and raised is not None):
            used = [None] * count if batch is None else [returned_verdict(one) for one in batch]
            return rule_batch(attempts, [item.text for item in items], used, raised, reader)
        used_one = None if raised else returned_verdict(result)
        return [rule(group(attempts), used_one, raised, reader, items[0].text if count == 1 else "")]

    def _evidence(
        self, ruling: Ruling, judged: Judged | None, result: Any, error: BaseException | None
    ) -> Evidence | None:
        """Return what it looked like, where that was asked for and there is something to see."""
        is_cheap = judged is not None and judged.degenerate and ruling.outcome == "correct"
        is_wanted = is_cheap or ruling.disagreed or ruling.failure is not None
        if not is_wanted or not self._scope.session.counts.evidence.has_room(self._scope.split):
            return None
        return evidence_of(ruling.reply.text, result, error or ruling.reply.error)

    def _record(self, ruling: Ruling, item: Item, evidence: Evidence | None, batch: int, *, is_shared: bool) -> None:
        session, _, _, _, _, _, source, _ = scope = self._scope
        rollout = item.rollout
        if rollout is not None and ruling.outcome in ("correct", "incorrect"):
            rollout.verdict = ruling.outcome == "correct"
        key = rollout and rollout.key
        flips = [session.comparisons.add(key, one) for one in ruling.comparisons]
        flipped = next((flip for flip in flips if flip is not None), None) if flips else None
        session.record(
            Evaluation(
                scope.split,
                source or (rollout and rollout.source) or UNKNOWN,
                ruling.outcome,
                ruling.score,
                ruling.disagreed and flipped is None,
                self._name,
                ruling.failure,
                ruling.attempts,
                ruling.agreement,
                flipped,
                evidence,
                ruling.clue,
                None if is_shared else key,
                self.key,
                batch,
                item.judged,
            )
        )


def _shared(items: Sequence[Item]) -> Any:
    """Return the rollout of items that are all of one source."""
    is_one = len(items) == 1 or len({item.rollout.source for item in items}) == 1
    return items[0].rollout if is_one else None


def _signs(item: Item, content: str) -> int:
    """Count what speaks for it that a request is about an item; a short text alone may be anywhere."""
    found = {text for text in (item.text, item.prompt) if text and text in content}
    return len(found) if len(found) > 1 or any(len(text) >= SURE for text in found) else 0


def _text_in(row: Mapping[str, Any]) -> str:
    """Return what tells an item from others: its prediction, else its problem."""
    return first_text(row, names_of(*row).texts) or ""


def _item(session: Session, scope: Scope, row: Mapping[str, Any]) -> Item:
    """Return an item that a judge is told; inside of a function for a batch it is one of the batch by its text."""
    rollout, text = open_rollout(session, scope, row), _text_in(row)
    if scope.evaluation is not None:
        key = scope.evaluation.key_of(text, rollout.problem) or rollout.key
        known = scope.evaluation.rollout_of(text) if rollout.source is None else None
        rollout = replace(known or rollout, key=key)
    return _item_of(session, rollout, row)


def _item_of(session: Session, rollout: Any, row: Mapping[str, Any]) -> Item:
    return Item(rollout, _text_in(row), judged=judged_in(row, rollout.problem, session.config.rule))


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


def judging_reward(name: str, *, implied: bool = False, rewarding: MakeSpan = reward) -> MakeSpan:
    """Return what opens the rewards and evaluations of a reward function that is its own judge.

    Args:
        name: The judge's name.
        implied: It may be no judge: without a call to an LLM, nothing was judged.
        rewarding: Opens the rewards; what is none of its own gets an evaluation alone.
    """

    def open_both(session: Session, scope: Scope, fields: dict[str, Any]) -> Span | None:
        outer = rewarding(session, scope, fields)
        inner = judge(name, implied=implied)(session, scope if outer is None else outer.begin(), fields)
        return JudgingReward(outer, inner) if outer is not None and inner is not None else outer or inner

    return open_both


def judge(name: str, *, implied: bool = False) -> MakeSpan:
    """Return what opens the evaluations of the judge function of this name, see `OpenEvaluation`."""

    def open_evaluation(session: Session, scope: Scope, fields: dict[str, Any]) -> Span | None:
        """Open one, unless one is open: a judge function that calls another is one evaluation."""
        if scope.evaluation is not None and not scope.evaluation.implied:
            return None
        rows = list(rows_of(fields))
        # the scope of a batch has the first item's rollout
        is_batch = scope.evaluation is not None and scope.evaluation.rollout is None
        if len(rows) == 1 and scope.rollout is not None and not is_batch:
            return OpenEvaluation(scope, name, [_item_of(session, scope.rollout, rows[0])], implied=implied)
        return OpenEvaluation(scope, name, [_item(session, scope, row) for row in rows], implied=implied)

    return open_evaluation
