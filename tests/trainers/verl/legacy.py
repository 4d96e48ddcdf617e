"""The trainer before V1 (`trainer.use_v1=False`), which verl's runner makes of what this module puts in its place.

Its `fit` and `_validate`, data, agent loop's workers, reward loop and log are verl's own; there is no model.
"""

from types import SimpleNamespace

import torch
from tensordict import TensorDict
from verl import DataProto
from verl.experimental.agent_loop import AgentLoopManager
from verl.experimental.agent_loop.agent_loop import AgentLoopBase, AgentLoopOutput, register
from verl.experimental.reward_loop import RewardLoopManager
from verl.trainer import main_ppo_v0
from verl.trainer.ppo.ray_trainer import RayPPOTrainer

from tests.trainers.verl.toy import WORDS


@register("toy")
class Agent(AgentLoopBase):
    """Answers with what the prompt says; it needs none of what verl gives to build prompts for a real model."""

    def __init__(self, **_):
        pass

    async def run(self, sampling_params, **kwargs):
        said = WORDS.index(kwargs["raw_prompt"][0]["content"])
        more = {"turn_scores": [], "tool_rewards": []}
        return AgentLoopOutput(
            prompt_ids=[2, 2], response_ids=[said, 1], response_mask=[1, 1], num_turns=2, metrics={}, extra_fields=more
        )


class Trainer(RayPPOTrainer):
    """verl's trainer without a model."""

    def init_workers(self):
        self.reward_loop_manager = RewardLoopManager(self.config)
        handles = self.reward_loop_manager.reward_loop_workers
        client = SimpleNamespace(tokenizer=None)
        self.async_rollout_manager = AgentLoopManager.create(
            config=self.config, llm_client=client, reward_loop_worker_handles=handles
        )
        self.checkpoint_manager = SimpleNamespace(update_weights=lambda _: None, sleep_replicas=lambda: None)
        self.actor_rollout_wg = SimpleNamespace()

    def _load_checkpoint(self):
        pass

    def _start_profiling(self, *_):
        pass

    def _stop_profiling(self, *_, **__):
        pass

    def _compute_old_log_prob(self, batch):
        nothing = torch.zeros(batch.batch["responses"].shape)
        return DataProto(TensorDict({"old_log_probs": nothing, "entropys": nothing}, len(nothing))), 0.0

    def _update_actor(self, batch):
        return DataProto(meta_info={"metrics": {}})


main_ppo_v0.RayPPOTrainer = Trainer
