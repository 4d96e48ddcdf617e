"""SkyRL: its generator, in the process that trains, plays a batch in environments of SkyRL-Gym."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llm_telemetry.objects import fields_of
from llm_telemetry.trainers.frameworks.framework import Framework, Seam
from llm_telemetry.trainers.frameworks.log import log
from llm_telemetry.trainers.frameworks.rollouts import Told, fresh_group, rollouts
from llm_telemetry.trainers.frameworks.validation import validation
from llm_telemetry.trainers.frameworks.work import BATCH, within

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_MODULE = "skyrl.train.generators.skyrl_gym_generator"


def _item(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the row's further columns, `data_source` among them; without that the environment is the source."""
    return {**(fields.get("env_extras") or {}), "tag": fields["env_class"]}


def _tell(fields: Mapping[str, Any], output: Mapping[str, Any]) -> Sequence[Told]:
    batch = fields["input_batch"]
    classes = batch["env_classes"]
    extras = batch.get("env_extras") or [None] * len(classes)
    items = [_item({"env_extras": e, "env_class": c}) for e, c in zip(extras, classes, strict=True)]
    ids = batch.get("trajectory_ids") or [None] * len(items)
    rows = zip(_rewards(output), items, map(fields_of, ids), strict=True)
    names = fields["batch"]
    return [
        Told(reward, item, one.get("instance_id"), name=names.get(tuple(one.values()))) for reward, item, one in rows
    ]


def _name(fields: Mapping[str, Any]) -> str | None:
    """Return a name for a trajectory, and let the batch know it; its own id comes again with the next epoch."""
    names, told = BATCH.get(), tuple(fields_of(fields.get("trajectory_id")).values())
    name: str | None = names.setdefault(told, fresh_group()) if told and names is not None else None
    return name


def _rewards(output: Mapping[str, Any]) -> list[float]:
    """Return a reward for each trajectory: of one that is told step by step the last one's, as SkyRL takes it."""
    rewards, last = output["rewards"], output.get("is_last_step")
    kept = rewards if last is None else [one for one, is_last in zip(rewards, last, strict=True) if is_last]
    return [float(sum(one)) if isinstance(one, list) else float(one) for one in kept]


SKYRL = Framework(
    "skyrl",
    Seam("skyrl.train.utils.tracking", "Tracking.log", log("data", "step")),
    (
        Seam(_MODULE, "SkyRLGymGenerator.generate", rollouts(_tell), reads=("input_batch",)),
        Seam(
            _MODULE,
            "SkyRLGymGenerator.agent_loop",
            within(_item, "judge", _name),
            reads=("env_class", "env_extras", "trajectory_id"),
        ),
        Seam("skyrl.train.trainer", "RayPPOTrainer.eval", validation("global_step")),
    ),
)
