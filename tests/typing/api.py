"""The public signatures as users write them; mypy checks this file, nothing runs it."""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING

from typing_extensions import assert_type

import llm_telemetry
from llm_telemetry import (
    Collector,
    CostTracker,
    DatasetMetricsCollector,
    InstrumentError,
    JudgeMetricsCollector,
    Sink,
    Telemetry,
    instrument,
)
from llm_telemetry.api import uninstrument
from llm_telemetry.events import Alert, Call, Evaluation, Payload, Rollout, Split
from llm_telemetry.lifecycle.by_hand import RolloutSpan, Span

if TYPE_CHECKING:
    from llm_telemetry.sinks.base import AlertSink


class MyTrainer:
    pass


trainer = MyTrainer()


class MyCollector:
    def add(self, event: Call | Evaluation | Rollout) -> None:
        if isinstance(event, Call) and event.usage is not None:
            assert_type(event.usage.prompt, int | None)
        if isinstance(event, Rollout):
            assert_type(event.reward, float | None)

    def collect(self, split: Split) -> Mapping[str, float]:
        return {f"mine/{split}": 1.0}


class MySink:
    def write(self, payload: Payload) -> None:
        assert_type(payload.step, int)
        assert_type(payload.values, Mapping[str, float])

    def close(self) -> None:
        pass


class MyWriter:
    def add_scalar(self, tag: str, scalar_value: float, global_step: int | None = None) -> None:
        pass


class MyHearingSink(MySink):
    def alert(self, alert: Alert) -> None:
        assert_type(alert.text, str)
        assert_type(alert.numbers, Mapping[str, float])


collector: Collector = MyCollector()
sink: Sink = MySink()
hearing: AlertSink = MyHearingSink()

# The one line, plain and with settings.
assert_type(instrument(trainer), Telemetry)
telemetry = instrument(
    trainer,
    executor="engine.run",
    prices={"my-model": {"input": 0.1, "output": 0.4, "flex": {"input": 0.05, "output": 0.2}}},
    threshold=0.5,
    folder="telemetry",
    collectors=[collector],
    sinks=["trackio", sink, hearing, MyWriter()],
    alarm={"budget": 50, "disagreement_rate": None},
)
with instrument(trainer) as inside:
    assert_type(inside, Telemetry)
assert_type(uninstrument(trainer), None)

# The handle.
assert_type(telemetry.path, Path | None)
assert_type(telemetry.dataset, DatasetMetricsCollector)
assert_type(telemetry.judge, JudgeMetricsCollector)
assert_type(telemetry.cost, CostTracker)
assert_type(telemetry.flush(), None)
assert_type(telemetry.print_summary(), None)
assert_type(telemetry.uninstrument(), None)

# The lifecycle by hand.
by_hand = instrument()
with by_hand.step(1) as step, by_hand.validation() as validation:
    assert_type(step, Span)
    assert_type(validation, Span)
with by_hand.rollout(source="sums", problem="2 + 2?", group=1) as rollout:
    assert_type(rollout, RolloutSpan)
    assert_type(rollout.rewarded(1.0), None)
with rollout.reward() as reward, by_hand.evaluation("strict") as evaluation:
    evaluation.result = True
    reward.result = 1.0
started = by_hand.reward(source="sums").start()
assert_type(started, Span)
assert_type(started.finish(0.5), None)


async def in_a_task() -> None:
    async with by_hand.rollout() as rollout:
        assert_type(rollout, RolloutSpan)


# The collectors alone.
dataset = DatasetMetricsCollector(threshold=0.5)
dataset.add_result("gsm8k", True)
dataset.add_result("gsm8k", 0.7, reward=0.7, cost=Decimal("0.001"), failed=False, split="val")
assert_type(dataset.get_wandb_logs("val"), dict[str, float])
cost = CostTracker()
cost.add_cost(0.001, True)
cost.add_cost(None, is_executor=False, source="gsm8k", split="val")
assert_type(cost.get_wandb_logs(), dict[str, float])
judge = JudgeMetricsCollector()
judge.add_result("gsm8k", "parse_failure")
assert_type(judge.update_from_reward_computer(trainer), list[str])
assert_type(judge.get_wandb_logs(), dict[str, float])
dataset_collector: Collector | DatasetMetricsCollector = dataset


# Marks.
@llm_telemetry.judge
def grade(answer: str) -> bool:
    return answer == "4"


@llm_telemetry.judge(name="strict")
async def grade_strictly(answer: str) -> float:
    return 1.0


assert_type(grade("4"), bool)


@llm_telemetry.watch(source="subset")
def graded(completions: list[str]) -> list[float]:
    return [1.0 for _ in completions]


assert_type(graded(["4"]), list[float])
assert_type(llm_telemetry.watch(graded, source="=gsm8k")(["4"]), list[float])
with llm_telemetry.scope(role="judge", source="gsm8k") as block:
    assert_type(block, llm_telemetry.scope)
judge.add_result("gsm8k", "api_failure", judge="math", failure="rate_limit", attempts=2)

# What must not pass.
by_hand.rollout(sorce="sums")  # type: ignore[call-arg]
rollout.rewarded("1")  # type: ignore[arg-type]
llm_telemetry.scope(role="juror")  # type: ignore[arg-type]
dataset.add_result("gsm8k", 1.0, split="test")  # type: ignore[arg-type]
judge.add_result("gsm8k", "success")  # type: ignore[arg-type]
not_a_sink: Sink = MyCollector()  # type: ignore[assignment]
error: ValueError = InstrumentError("an InstrumentError is a ValueError")

# A misspelt or wrong-typed setting, and a wrong name of the package.
instrument(trainer, threshhold=0.5)  # type: ignore[call-arg]
instrument(trainer, threshold=lambda reward: reward > 5)
instrument(trainer, threshold="high")  # type: ignore[arg-type]
instrument(trainer, console=1.5)  # type: ignore[arg-type]
instrument(trainer, step=trainer)  # type: ignore[arg-type]
instrument(trainer, prices={"my-model": 0.1})  # type: ignore[dict-item]
instrument(trainer, judge_parser=3)  # type: ignore[arg-type]
instrument(trainer, alarm={"budget": "50"})  # type: ignore[dict-item]
instrument(trainer, sinks=[collector])  # type: ignore[list-item]
instrument(trainer, folder=3)  # type: ignore[arg-type]
instrument(trainer, adapter=trainer)  # type: ignore[arg-type]
instrument(trainer, "engine.run")  # type: ignore[call-arg]
llm_telemetry.instrumnet(trainer)  # type: ignore[attr-defined]
