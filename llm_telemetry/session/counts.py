"""All that is counted of one trainer: which collector takes which event, and what they come to."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llm_telemetry.alarm.alarm import Alarm
from llm_telemetry.collectors.calls import CallCollector
from llm_telemetry.collectors.cost import CostTracker
from llm_telemetry.collectors.dataset import DatasetMetricsCollector
from llm_telemetry.collectors.evidence import EvidenceCollector
from llm_telemetry.collectors.judge import JudgeMetricsCollector
from llm_telemetry.collectors.pricing import PriceTable
from llm_telemetry.events import Call, Evaluation, Rollout, Split, UnmatchedReward
from llm_telemetry.guard import guarded
from llm_telemetry.judging.learner import Learner
from llm_telemetry.settings.limits import limits_of
from llm_telemetry.sources import SourceNames

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from llm_telemetry.settings.config import Config


class Counts:
    """The collectors of one session, ours and the user's; to be used under the session's lock.

    Args:
        config: The settings.
    """

    def __init__(self, config: Config) -> None:
        names, limits = SourceNames(), limits_of(config.alarm)
        self.dataset = DatasetMetricsCollector(config.threshold, names)
        self.judge = JudgeMetricsCollector(names)
        self.cost = CostTracker(PriceTable(config.prices), names)
        self.calls = CallCollector()
        self.evidence = EvidenceCollector(config.capture_failures)
        self.alarm = None if limits is None else Alarm(limits, names)
        self.learner = Learner(self._add_evaluation)
        self._users = config.collectors
        self._user_adds = tuple(guarded(collector.add) for collector in self._users)

    def listeners(self) -> dict[type, tuple[Callable[[Any], object], ...]]:
        """Return the table: kind of event → who takes it."""
        own: dict[type, tuple[Callable[[Any], object], ...]] = {
            Call: (self.cost.add_call, self.calls.add_call),
            Rollout: (self.dataset.add_rollout, self.cost.add_rollout),
        }
        return {
            **{kind: adds + self._user_adds for kind, adds in own.items()},
            Evaluation: (self.learner.add,),
            UnmatchedReward: (self.dataset.add_unmatched,),
        }

    def _add_evaluation(self, evaluation: Evaluation) -> None:
        """Count an evaluation whose outcome is final."""
        self.judge.add_evaluation(evaluation)
        self.evidence.add_evaluation(evaluation)
        if self.alarm is not None:
            self.alarm.add(evaluation)
        for add in self._user_adds:
            add(evaluation)

    def collect(self, split: Split) -> dict[str, float]:
        """Return the keys of a payload, and begin new windows for `split`."""
        self.learner.settle(split)
        self.dataset.add_costs(split, self.cost.by_source(split))
        values: dict[str, float] = {}
        for collector in (*self._users, self.dataset, self.judge, self.cost, self.calls):
            values |= _collected(collector, split) or {}  # ours come last: no collector replaces a key of ours
        return values

    def state(self) -> dict[str, Any]:
        """Return the counts of the run, for `restore` in another process."""
        return {
            "cost": self.cost.state(),
            "judge": self.judge.state(),
            "calls": self.calls.state(),
            "unpriced_models": sorted(self.cost.unpriced_models),
        }

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on with the counts of a former process of the same run."""
        self.cost.restore(state["cost"])
        self.judge.restore(state["judge"])
        self.calls.restore(state["calls"])
        self.cost.unpriced_models.update(state.get("unpriced_models", ()))


@guarded
def _collected(collector: Any, split: Split) -> dict[str, float]:
    """Return what a collector tells, as far as it is numbers: what is unknown is absent."""
    told = collector.collect(split)
    return {key: value for key, value in told.items() if isinstance(value, int | float) and value == value}  # noqa: PLR0124 - NaN
