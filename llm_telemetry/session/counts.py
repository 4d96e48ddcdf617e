"""All that is counted of one trainer: which collector takes which event, and what they come to."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

from llm_telemetry.alarm.alarm import Alarm
from llm_telemetry.collectors import accuracy, groups, keys
from llm_telemetry.collectors.attempts import AttemptsCollector
from llm_telemetry.collectors.calls import CallCollector
from llm_telemetry.collectors.changes import ChangesCollector
from llm_telemetry.collectors.consistency import ConsistencyCollector
from llm_telemetry.collectors.cost import CostTracker
from llm_telemetry.collectors.dataset import DatasetMetricsCollector
from llm_telemetry.collectors.evidence import EvidenceCollector
from llm_telemetry.collectors.gaps import Gaps
from llm_telemetry.collectors.judge import JudgeMetricsCollector
from llm_telemetry.collectors.ledger import Ledger
from llm_telemetry.collectors.lengths import LengthCollector
from llm_telemetry.collectors.naming import name_all
from llm_telemetry.collectors.parts import RewardPartsCollector
from llm_telemetry.collectors.pricing import PriceTable
from llm_telemetry.collectors.projection import Projection
from llm_telemetry.collectors.rules import RuleNames
from llm_telemetry.collectors.worth import WorthCollector
from llm_telemetry.events import ITEM_ROLES, Call, Evaluation, Padded, Rollout, Split, UnmatchedReward
from llm_telemetry.guard import attempt
from llm_telemetry.judging.learner import Learner
from llm_telemetry.session.theirs import UserCollectors
from llm_telemetry.settings.limits import limits_of
from llm_telemetry.sources import SourceNames

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Callable, Iterable, Mapping

    from llm_telemetry.events import Alert, Payload
    from llm_telemetry.session.rollouts import Phase
    from llm_telemetry.settings.config import Config


class Counts:
    """The collectors of one session, ours and the user's; to be used under the session's lock.

    Args:
        config: The settings.
    """

    def __init__(self, config: Config) -> None:
        names, limits, prices = SourceNames(), limits_of(config.alarm), PriceTable(config.prices)
        self._names = names
        self.dataset = DatasetMetricsCollector(config.threshold, names, config.correct)
        self.parts = RewardPartsCollector(names)
        self.attempts = AttemptsCollector(names)
        self.judge = JudgeMetricsCollector(names)
        self.consistency = ConsistencyCollector()
        self.lengths = LengthCollector(names)
        self.rules = RuleNames(config.rule)
        self.cost = CostTracker(prices, names)
        self.projection = Projection()
        self.steps: int | None = None
        """How many the training will have, as far as was known for the latest payload."""
        self.look_for_steps: Callable[[], int | None] = lambda: config.steps
        self.ledger = Ledger(prices)
        self.worth = WorthCollector(prices)
        self.calls = CallCollector()
        self.changes = ChangesCollector()
        self.evidence = EvidenceCollector(config.capture_failures)
        self.alarm = None if limits is None else Alarm(limits, names)
        self.gaps = Gaps(named=config.source is not None)
        self.learner = Learner(self._add_evaluation)
        self.theirs = UserCollectors(config.collectors)

    def listeners(self, answers: Counter[Split]) -> dict[type, Callable[[Iterable[Any]], object]]:
        """Return the table: kind of event → what takes events of it; in `answers` those of calls are counted."""
        rollouts = (self._add_rollout, *(one.add_rollout for one in (self.parts, self.cost, self.calls)))
        return {
            Call: partial(self._add_calls, answers),
            Rollout: one_by_one(*rollouts, *self.theirs.listeners),
            Evaluation: one_by_one(self.learner.add),
            UnmatchedReward: one_by_one(self.dataset.add_unmatched),
            Padded: one_by_one(self.dataset.add_padded),
        }

    def _add_calls(self, answers: Counter[Split], calls: Iterable[Call]) -> None:
        """Count calls, each only where it says something: there is no event more often."""
        add_cost, count, theirs = self.cost.add_call, self.calls.add_call, self.theirs.listeners
        for call in calls:
            add_cost(call)
            count(call)
            if call.role == "judge":
                self.changes.add_call(call)
            else:
                answers[call.split] += call.answers
            if call.role in ITEM_ROLES:
                if call.rollout is None:
                    self.worth.add_unattributed(call)
                else:
                    self.ledger.add_call(call, call.rollout)
            if call.evaluation is not None:
                self.worth.add_call(call, call.evaluation)
            if call.again:
                self.worth.add_again(call)
            for hear in theirs:
                hear(call)

    def _add_rollout(self, rollout: Rollout) -> None:
        """Count a closed rollout; whether it is correct is asked once."""
        correct = self.dataset.add_rollout(rollout)
        self.attempts.add_rollout(rollout, correct)
        self.ledger.add_rollout(rollout, correct)

    def _add_evaluation(self, evaluation: Evaluation) -> None:
        """Count an evaluation whose outcome is final."""
        self.judge.add_evaluation(evaluation)
        self.ledger.add_evaluation(evaluation)
        self.worth.add_evaluation(evaluation)
        self.lengths.add_evaluation(evaluation)
        self.evidence.add_evaluation(evaluation)
        agrees = self.consistency.add_evaluation(evaluation)
        if self.alarm is not None:
            self.alarm.add(evaluation, agrees)
        for hear in self.theirs.listeners:
            hear(evaluation)

    def settle(self, split: Split) -> None:
        """Decide what is still open in the window of `split`, before it is collected."""
        self.learner.settle(split)

    def collect(self, phase: Phase, told_as: Split) -> dict[str, float]:
        """Return our keys of a payload; their windows go on until `begin`.

        Args:
            phase: What was counted.
            told_as: Its split, or `eval` where nothing is trained.
        """
        split = phase.split
        costs = attempt(self.cost.by_source, split) or {}
        own: dict[str, float] = attempt(self.dataset.get_wandb_logs, split, costs) or {}
        of_calls = (self.cost, self.calls, self.changes)
        for collector in (self.parts, self.judge, self.consistency, self.lengths, *of_calls):
            own |= attempt(collector.get_wandb_logs, split) or {}
        own |= attempt(self._by_rollout, split) or {}
        own |= attempt(self._project, phase, own.get(keys.TOTAL_COST.name)) or {}
        if told_as == "eval":
            own |= attempt(self.attempts.get_wandb_logs, split) or {}
            own = {keys.in_evaluation(key): value for key, value in own.items()}
        if all(map(math.isfinite, own.values())):
            return own
        return {key: value for key, value in own.items() if math.isfinite(value)}

    def _by_rollout(self, split: Split) -> dict[str, float]:
        """Return what follows from the rollouts of a window, each with its calls and evaluations."""
        settled = self.ledger.settled(split)
        found = groups.groups_in(settled, self._names)
        return {
            **accuracy.describe(settled, self.ledger.strays(split), self._names, split),
            **groups.describe(found, split),
            **self.rules.describe(settled, split),
            **self.worth.get_wandb_logs(split, self.cost.of_rollouts(split), settled, found),
        }

    def _project(self, phase: Phase, spent: float | None) -> dict[str, float]:
        """Return what the run will have cost after its last step, where that is known."""
        self.steps = self.look_for_steps()
        if phase.split == "train":
            self.projection.begin(phase.step, spent)
        return name_all({keys.PROJECTED_COST: self.projection.at_end(phase.step, self.steps, spent)}, phase.split)

    def begin(self, split: Split) -> None:
        """Begin new windows for `split`."""
        rollouts = (self.dataset, self.parts, self.attempts, self.ledger, self.worth)
        of_judges = (self.judge, self.consistency, self.lengths, self.changes, self.evidence)
        for collector in (*rollouts, *of_judges, self.cost, self.calls):
            collector.begin(split)

    def check(self, payload: Payload) -> list[Alert]:
        """Say what `payload` shows to be missing, and return what the alarm has to tell after it, if anything."""
        attempt(self.gaps.look, payload)
        if self.alarm is None:
            return []
        health = self.alarm.check(payload.step, payload.values.get(keys.TOTAL_COST.name))
        return [alert for alert in (attempt(self.changes.alert, payload.step), health) if alert is not None]

    def state(self) -> dict[str, Any]:
        """Return the counts of the run, for `restore` in another process."""
        return {
            "cost": self.cost.state(),
            "judge": self.judge.state(),
            "calls": self.calls.state(),
            "changes": self.changes.state(),
            "projection": self.projection.state(),
            "unpriced_models": sorted(self.cost.unpriced_models),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on with the counts of a former process of the same run."""
        self.cost.restore(state["cost"])
        self.judge.restore(state["judge"])
        self.calls.restore(state["calls"])
        self.changes.restore(state.get("changes", {}))
        self.projection.restore(state.get("projection", ()))
        self.cost.unpriced_models.update(state.get("unpriced_models", ()))


def one_by_one(*adds: Callable[[Any], object]) -> Callable[[Iterable[Any]], None]:
    """Return what gives each of some events to all of `adds`, before the next."""

    def add_all(events: Iterable[Any]) -> None:
        for event in events:
            for add in adds:
                add(event)

    return add_all
