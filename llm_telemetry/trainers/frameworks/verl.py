"""verl: rewards in workers of Ray, the trainer and its log in an actor; see docs/ray.md."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llm_telemetry.objects import fields_of
from llm_telemetry.trainers.frameworks.framework import Framework, Seam
from llm_telemetry.trainers.frameworks.log import log
from llm_telemetry.trainers.frameworks.rewards import rewards
from llm_telemetry.trainers.frameworks.validation import validation

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_VALIDATION = validation("global_steps")


def _last_row(fields: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    """Return the item of a `DataProto`: of several turns the last one is rewarded, for all of them."""
    columns = fields_of(fields_of(fields.get("data")).get("non_tensor_batch"))
    return [{name: _plain(column[-1]) for name, column in columns.items()}]


def _plain(value: Any) -> Any:
    return value.tolist() if hasattr(value, "tolist") else value


VERL = Framework(
    "verl",
    Seam("verl.utils.tracking", "Tracking.log", log("data", "step")),
    (
        Seam(
            "verl.experimental.reward_loop.reward_loop",
            "RewardLoopWorker.compute_score",
            rewards(_last_row, group="uid"),
        ),
        Seam("verl.trainer.ppo.v1.trainer_base", "PPOTrainer._validate", _VALIDATION),
        Seam("verl.trainer.ppo.ray_trainer", "RayPPOTrainer._validate", _VALIDATION),
    ),
)
