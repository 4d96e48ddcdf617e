"""agent-lightning: agents, in processes of their own, tell a server their rewards, and verl's trainer asks for them."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING, Any

from llm_telemetry.trainers.frameworks.framework import Framework, Seam
from llm_telemetry.trainers.frameworks.rollouts import Told, rollouts
from llm_telemetry.trainers.frameworks.validation import validation
from llm_telemetry.trainers.frameworks.work import within

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from llm_telemetry.events import Split

_ROLLOUT = re.compile(r"/rollouts/([^/]+)/")
"""In the address at which an agent's process tells its events: the only thing that it is told of its rollout."""


def _tell(fields: Mapping[str, Any], completed: Any) -> Sequence[Told]:
    """Return the rollout whose end verl's trainer has heard of; it is in a group with those of the same row."""
    rollout = fields["rollout"]
    split: Split = "train" if rollout.is_train else "val"
    failed = rollout.status.state == "failed"
    return [
        Told(
            completed.final_reward,
            {"item": completed.input},
            completed.data_id,
            failed,
            split=split,
            name=rollout.rollout_id,
        )
    ]


def _of_process(_fields: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return what a process knows of its rollout's source: what the user's `env_map` gives it as `DATA_SOURCE`."""
    return {"data_source": os.environ.get("DATA_SOURCE")}


def _rollout_of_process(_fields: Mapping[str, Any]) -> str | None:
    told = _ROLLOUT.search(os.environ.get("AGL_EVENT_URL", ""))
    return None if told is None else told[1]


AGENT_LIGHTNING = Framework(
    "agent-lightning",
    None,  # verl's, see there
    (
        Seam(
            "agentlightning.verl.agl_rollout_manager",
            "AglRolloutManagerBase._build_completed_rollout",
            rollouts(_tell, role="other"),
            reads=("rollout",),
        ),
        Seam("agentlightning.verl.trainer", "AgentLightningRayPPOTrainer._validate", validation("global_steps")),
        Seam(
            "agentlightning.controller.local_reconciler",
            "_run_local_reconciler_worker",
            within(_of_process, "executor", _rollout_of_process),
        ),
    ),
)
