"""ROLL: schedulers that are actors of Ray ask for rewards of workers that are, too; the driver's pipeline logs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llm_telemetry.lifecycle.evaluation import judge
from llm_telemetry.objects import fields_of
from llm_telemetry.trainers.frameworks.framework import Framework, Seam
from llm_telemetry.trainers.frameworks.judges import read_by
from llm_telemetry.trainers.frameworks.log import log
from llm_telemetry.trainers.frameworks.rollouts import Told, fresh_group, rollouts
from llm_telemetry.trainers.frameworks.validation import validation
from llm_telemetry.trainers.frameworks.work import BATCH, Batch, open_named, scope_within
from llm_telemetry.trainers.kinds import Kind

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from llm_telemetry.hooks.observe import Span
    from llm_telemetry.hooks.scopes import Scope
    from llm_telemetry.lifecycle.functions import MakeSpan
    from llm_telemetry.session.session import Session


def _rows(data: Any) -> list[Mapping[str, Any]]:
    """Return what a `DataProto` tells of each of its rows: of whatever it has no tensors of."""
    columns = fields_of(data.non_tensor_batch)
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


def _item(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what tells a row's source: its dataset's tag, as in ROLL's own numbers of a validation."""
    return {"source": row.get("tag"), "domain": row.get("domain")}


def _of_prompt(fields: Mapping[str, Any], rewards: Any) -> Sequence[Told]:
    """Return the responses to one prompt; the number of a prompt is its scheduler's, and there is one a domain."""
    context = fields["self"]
    return _told(fields["req"], rewards, [f"{context.domain} {context.prompt_id}"] * len(rewards))


def _of_batch(fields: Mapping[str, Any], rewards: Any) -> Sequence[Told]:
    """Return the responses of a batch (`generate_opt_level: 0`)."""
    data, batch = fields["data"], fresh_group()
    return _told(data, rewards, [f"{batch} {one}" for one in data.batch["origin_prompt_id"].tolist()])


def _told(data: Any, rewards: Any, groups: Sequence[str]) -> Sequence[Told]:
    given = rewards.batch["response_level_rewards"].tolist()
    rows = zip(given, _rows(data), groups, strict=True)
    return [Told(reward, _item(row), group, name=row.get("rollout_id")) for reward, row, group in rows]


def _judging_batch(session: Session, scope: Scope, fields: dict[str, Any]) -> Span:
    """Open the work of the worker whose judge takes the rows in their order."""
    return Batch(scope_within(session, scope, "judge", {}), iter(_rows(fields["data"])))


def _judging(label: str) -> MakeSpan:
    opens = judge(label)

    def open_judging(session: Session, scope: Scope, fields: dict[str, Any]) -> Span | None:
        rows: Iterator[Mapping[str, Any]] | None = BATCH.get()
        row = next(rows or iter(()), {})
        rollout = open_named(session, scope, _item(row), row.get("rollout_id"))
        return read_by(_score, opens(session, scope._replace(rollout=rollout), fields))

    return open_judging


def _score(result: Any) -> Any:
    return result[0]


_PIPELINES = "roll.pipeline.rlvr"
_JUDGE = f"{_PIPELINES}.rewards.llm_judge_reward_worker"
ROLL = Framework(
    "roll",
    Seam("roll.utils.tracking", "BaseTracker.log", log("values", "step")),
    (
        Seam(
            "roll.distributed.scheduler.generate_scheduler",
            "RolloutContext.compute_rewards",
            rollouts(_of_prompt, role="other"),
            reads=("req",),
        ),
        Seam(
            "roll.distributed.scheduler.reward_scheduler",
            "RewardScheduler.compute_rewards",
            rollouts(_of_batch, role="other"),
            reads=("data",),
        ),
        Seam(_JUDGE, "LLMJudgeRewardWorker.compute_rewards", Kind("judges of a batch", lambda _: _judging_batch)),
        Seam(_JUDGE, "LLMJudgeRewardWorker._get_llm_judgment", Kind("judges", _judging), "llm_judge"),
        Seam(f"{_PIPELINES}.rlvr_pipeline", "RLVRPipeline.val", validation("global_step"), reads=("global_step",)),
        Seam(
            f"{_PIPELINES}.rlvr_vlm_pipeline", "RLVRVLMPipeline.val", validation("global_step"), reads=("global_step",)
        ),
    ),
)
