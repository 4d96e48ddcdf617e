"""A small GRPO trainer as people write them by hand. It knows nothing of being watched."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import wandb

from llm_telemetry.demo.data import DataManager
from llm_telemetry.demo.executor import Executor
from llm_telemetry.demo.policy import Action, Policy
from llm_telemetry.demo.reward import CORRECT_FROM, RewardComputer
from llm_telemetry.demo.workflows import TEMPLATES, Template

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from llm_telemetry.demo.config import DemoConfig
    from llm_telemetry.demo.data import Item, Split

RAISED = -10.0  # booked for a workflow that raised
UNSUCCESSFUL = 0.0  # booked for a workflow that said it had failed; its reward is not computed

Row = dict[str, float]


class OutOfMemoryError(MemoryError):
    """The accelerator ran out of memory."""


@dataclass(frozen=True)
class Rollout:
    """What the trainer itself knows of one rollout."""

    step: int | None  # `None` in validation
    attempt: int  # how often the step had been tried before
    split: Split
    source: str
    template: Template
    reward: float  # as booked; for a failed rollout it was never computed
    failed: bool  # the workflow raised, timed out, or said that it did not succeed
    problem: str
    seed: int  # the workflow's
    answer: str | None  # `None` for a failed rollout

    @property
    def correct(self) -> bool:
        """Tell whether the reward is high enough to count as correct."""
        return self.reward >= CORRECT_FROM


class GRPOTrainer:
    """Trains a policy that writes workflows; logs to the current W&B run, if there is one.

    Args:
        config: the settings.
        on_rollout: called without arguments after each rollout, for a progress bar.

    Attributes:
        history: every rollout in order, those of a step that was tried again included.
        global_step: the last training step begun.

    """

    def __init__(self, config: DemoConfig, on_rollout: Callable[[], None] | None = None) -> None:
        self.config = config
        self.data_manager = DataManager(config.seed)
        self.executor = Executor(config)
        self.reward_computer = RewardComputer(config)
        self.policy = Policy(config.learning_rate, config.defect_rate)
        self.history: list[Rollout] = []
        self.global_step = 0
        self._on_rollout = on_rollout
        self._rng = np.random.default_rng([config.seed, 2])
        self._attempts: Counter[int] = Counter()

    def close(self) -> None:
        """Close what the trainer holds open."""
        self.reward_computer.close()

    async def train(self, num_steps: int | None = None) -> list[Row]:
        """Train, validating now and then; return the metrics of each step, a validation's merged in."""
        rows = []
        for step in range(1, (num_steps or self.config.steps) + 1):
            try:
                row = await self.train_step(step)
            except OutOfMemoryError:
                row = await self.train_step(step)  # the memory is free again: once more
            _log({key: value for key, value in row.items() if key.startswith("grpo/")}, step)
            if self.config.val_every and step % self.config.val_every == 0:
                row |= await self.evaluate_on_val_set(self.config.val_samples)
            rows.append(row)
        return rows

    async def train_step(self, step: int) -> Row:
        """Roll out one batch, take one policy step, and return the step's metrics; accuracy in percent."""
        self.global_step = step
        attempt = self._attempts[step]
        self._attempts[step] += 1
        batch = self.data_manager.sample_batch(self.config.batch_size, "train")
        items = [item for item in batch for _ in range(self.config.group_size)]
        actions = [self.policy.act(item["source"], self._rng) for item in items]
        rollouts = await self._roll_out(items, actions, step, attempt)
        if step == self.config.oom_at_step and attempt == 0:
            raise OutOfMemoryError(f"out of memory in step {step}")
        rewards = [rollout.reward for rollout in rollouts]
        update = self.policy.update(actions, rewards, self.config.group_size)
        row = {f"train/{key}": value for key, value in _summary(rollouts).items()}
        row |= {f"train/share_{name}": _share(rollouts, name) for name in TEMPLATES}
        _log(row, step)
        return row | {f"grpo/{key}": value for key, value in update.items()}

    async def evaluate_on_val_set(self, num_samples: int) -> Row:
        """Try the policy's first choice on validation items, once each; return metrics (percent)."""
        items = self.data_manager.sample_batch(num_samples, "val")
        actions = [self.policy.act(item["source"], self._rng, greedy=True) for item in items]
        rollouts = await self._roll_out(items, actions, None, 0)
        row = {f"val_{key}": value for key, value in _summary(rollouts).items()}
        _log(row, self.global_step)
        return row

    async def _roll_out(
        self, items: Sequence[Item], actions: Sequence[Action], step: int | None, attempt: int
    ) -> list[Rollout]:
        """Run all rollouts of a batch at once, and book what came of each in the batch's order."""
        slots = asyncio.Semaphore(self.config.concurrency)
        pairs = list(zip(items, actions, strict=True))
        results = await asyncio.gather(
            *(self._rollout(item, action, slots) for item, action in pairs), return_exceptions=True
        )
        split: Split = "val" if step is None else "train"
        rollouts = []
        for (item, action), result in zip(pairs, results, strict=True):
            reward, answer = (RAISED, None) if isinstance(result, BaseException) else result
            known = (item["problem"], action.seed, answer)
            rollouts.append(
                Rollout(step, attempt, split, item["source"], action.template, reward, answer is None, *known)
            )
            _log({"sample/reward": reward, "sample/failed": float(answer is None)})
        self.history += rollouts
        return rollouts

    async def _rollout(self, item: Item, action: Action, slots: asyncio.Semaphore) -> tuple[float, str | None]:
        """Run one workflow; return its reward and answer, `None` if it failed. What the workflow raises comes out."""
        shared: dict[str, Any] = {
            "problem": item["problem"],
            "problem_type": item["problem_type"],
            "test": item.get("test"),
            "entry_point": item.get("entry_point"),
        }
        try:
            async with slots:
                answer, _, metadata = await self.executor.execute_workflow(workflow_code=action.code, **shared)
                if not metadata["success"]:
                    return UNSUCCESSFUL, None
                reward = self.reward_computer.compute_reward(
                    prediction=str(answer),
                    ground_truth=item["ground_truth"],
                    metadata=metadata,
                    source=item["source"],
                    **shared,
                )
                return reward, str(answer)
        finally:
            if self._on_rollout is not None:
                self._on_rollout()


def accuracy(rollouts: Sequence[Rollout]) -> float:
    """Return the share of correct rollouts in percent; failed ones are wrong."""
    return 100.0 * sum(rollout.correct for rollout in rollouts) / len(rollouts)


def _summary(rollouts: Sequence[Rollout]) -> Row:
    """Return what the trainer reports of some rollouts."""
    return {
        "accuracy": accuracy(rollouts),
        "avg_reward": sum(rollout.reward for rollout in rollouts) / len(rollouts),
        "failed": float(sum(rollout.failed for rollout in rollouts)),
    }


def _share(rollouts: Sequence[Rollout], template: Template) -> float:
    """Return the share of the rollouts that used one template, between 0 and 1."""
    return sum(rollout.template == template for rollout in rollouts) / len(rollouts)


def _log(row: Row, step: int | None = None) -> None:
    """Log to W&B if a run is under way: without a step, as the per-rollout rows are, or with one."""
    if wandb.run is None:
        return
    if step is None:
        wandb.log(row)
    else:
        wandb.log(row, step=step)
