"""tinker-cookbook: group rollouts in the process that trains, and `ml_logger.log_metrics`; see docs/frameworks.md."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llm_telemetry.trainers.frameworks.framework import Framework, Seam
from llm_telemetry.trainers.frameworks.log import log
from llm_telemetry.trainers.frameworks.rollouts import Told, fresh_group, rollouts
from llm_telemetry.trainers.frameworks.validation import validation

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


def _item(fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the first of a group's tags, which are there to tell groups apart in charts."""
    return {"source": next(iter(fields["env_group_builder"].logging_tags()), None)}


def _tell(fields: Mapping[str, Any], group: Any) -> Sequence[Told]:
    """Return the group's trajectories; one that has raised was tried again, or is dropped by its strategy."""
    item, key = _item(fields), fresh_group()
    return [Told(reward, item, key) for reward in group.get_total_rewards()]


_GROUP = rollouts(_tell, _item)
TINKER = Framework(
    "tinker-cookbook",
    Seam("tinker_cookbook.utils.ml_log", "MultiplexLogger.log_metrics", log("metrics", "step")),
    (
        Seam("tinker_cookbook.rl.rollouts", "do_group_rollout", _GROUP, reads=("env_group_builder",)),
        Seam("tinker_cookbook.rl.metric_util", "do_group_rollout", _GROUP, reads=("env_group_builder",)),  # by name
        Seam("tinker_cookbook.rl.train", "run_evaluations_parallel", validation("i_batch"), reads=("i_batch",)),
    ),
)
