"""A trainer for verl's own command line, which imports this module because a variable of verl's names it.

Its `fit` and `_validate`, its reward loop, workers and log are verl's own; there is no model, and rows are made here.
"""

from types import SimpleNamespace

import ray
from verl.experimental.reward_loop import RewardLoopManager
from verl.trainer.ppo.v1 import trainer_base

from tests.trainers.verl.toy import TABLES, batch

STEPS, SAMPLES = 2, 2


trainer_base.tq = SimpleNamespace(kv_clear=lambda **_: None)


@trainer_base.register_trainer("toy")
class Trainer(trainer_base.PPOTrainer):
    """verl's trainer without a model."""

    def __init__(self, config):
        self.config = config
        self.global_steps = 0
        self.steps_per_epoch = self.total_training_steps = STEPS
        self.reward_loop_manager = RewardLoopManager(config)

    def init(self):
        pass

    def get_llm_client(self):
        pass

    def get_teacher_client(self):
        pass

    @property
    def val_dataloader(self):
        """Reward what is validated, and leave nothing to do with it."""
        self.reward_loop_manager.compute_rm_score(batch([(*row, f"v{i}") for i, row in enumerate(TABLES["val"])]))
        return ()

    def step(self, metrics, timing_raw):
        """Reward as verl's agent loop does: each rollout by one of the workers, as soon as it is there."""
        rows = [(*row, f"{self.global_steps}-{i}") for i, row in enumerate(TABLES["train"]) for _ in range(SAMPLES)]
        workers = self.reward_loop_manager.reward_loop_worker_handles
        given = [workers[i % len(workers)].compute_score.remote(batch([row])) for i, row in enumerate(rows)]
        metrics["critic/score/mean"] = sum(one["reward_score"] for one in ray.get(given)) / len(rows)
        return SimpleNamespace(keys=[], partition_id="train")

    def on_step_end(self):
        pass

    def on_sample_end(self):
        pass

    def _reissue_inflight_prompts(self):
        pass

    def _start_profiling(self):
        pass

    def _stop_profiling(self):
        pass

    def _shutdown_dump_executor(self):
        pass

    def _compute_metrics(self, batch, metrics, timing_raw, global_steps, epoch):
        metrics["training/global_step"] = global_steps

    def _val_metrics_update(self, *_, **__):
        return {"val-core/held/acc": 1.0}


class Agents:
    """What verl's runner makes for the rollouts: there is nothing to do."""

    @classmethod
    def create(cls, **_):
        return cls()
