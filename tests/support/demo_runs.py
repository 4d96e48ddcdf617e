"""Whole runs of the demo's trainer, each trained once for all tests that look at it."""

import asyncio
import os
import warnings
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from unittest import mock

from llm_telemetry import guard
from llm_telemetry.demo.config import DemoConfig, slowness
from llm_telemetry.demo.models import CALM, DOUBTFUL, PRICES, USUAL, WORST, Day, demo_server
from llm_telemetry.demo.trainer import GRPOTrainer
from llm_telemetry.testing import Books
from tests.support.children import lines_of
from tests.support.trainers import watch


@dataclass(frozen=True)
class Plan:
    """What is trained; whether it is watched, and whether it logs to W&B."""

    day: Day
    seed: int
    settings: dict[str, Any]
    watched: bool = True
    wandb: bool = False


# Few hang, as each batch with one waits for the timeout. That is far longer than 24 rollouts take to be judged, one
# after the other, while the loop is blocked: only hung calls may ever be cancelled, on a busy machine too.
_ROUGH = WORST._replace(solver=replace(WORST.solver, hung=0.012))
_WORST = {"steps": 3, "batch_size": 12, "group_size": 4, "val_every": 2, "val_samples": 24, "oom_at_step": 2}
_WORST |= {"workflow_timeout": 9.0, "defect_rate": 0.1}
_CALM = {"steps": 8, "group_size": 4, "val_every": 8, "oom_at_step": 2, "defect_rate": 0.0, "concurrency": 16}
_DOUBTFUL = {"steps": 4, "group_size": 10, "val_every": 2, "val_samples": 48, "workflow_timeout": 60.0}
PLANS = {
    "usual": Plan(USUAL, 0, {"steps": 4, "workflow_timeout": 12.0}),  # `make demo` up to its first validation
    "worst": Plan(_ROUGH, 6, {**_WORST, "concurrency": 24}, wandb=True),
    "worst, not watched": Plan(_ROUGH, 6, {**_WORST, "concurrency": 8}, watched=False, wandb=True),
    # samples enough for answers to repeat: whether the judge then contradicts itself depends on who is asked first
    "doubtful": Plan(DOUBTFUL, 3, {**_CALM, **_DOUBTFUL}),
    "calm": Plan(CALM, 6, {**_CALM, "workflow_timeout": 60.0}),
}
QUIET = {"console": "off", "silent": True, "x_disable_meta": True, "x_disable_stats": True}


@dataclass(frozen=True)
class DemoRun:
    """A finished run: what the trainer knows of it, what the server has served, what was written."""

    config: DemoConfig
    history: list
    rows: list
    logits: Any
    stats: dict
    ticks: int
    entries: list
    lines: list
    emitted: list
    warnings: list
    wandb_rows: list

    @property
    def books(self):
        """The server's books."""
        books = Books(PRICES)
        for entry in self.entries:
            books.add(entry)
        return books

    def payloads(self, split=None):
        """The payloads, of one split or of all."""
        return [line["payload"] for line in self.lines if split in (None, line["split"])]

    def total(self, key, split=None):
        """The sum of one key over the payloads."""
        return sum(payload.get(key, 0) for payload in self.payloads(split))


def train(name, folder):
    """Train as the plan of this name says; leave nothing behind but the files in `folder`."""
    plan, variables = PLANS[name], {"WANDB_SILENT": "true", "WANDB_ERROR_REPORTING": "false", "WANDB_MODE": "offline"}
    with (
        mock.patch.dict(os.environ, variables),
        mock.patch.object(guard.failures, "strict", new=True),
        demo_server(plan.seed, plan.day) as server,
        warnings.catch_warnings(record=True) as told,
    ):
        warnings.simplefilter("always")
        run = _begin(folder) if plan.wandb else None
        ticks = []
        settings = {**plan.settings, "workflow_timeout": plan.settings["workflow_timeout"] * slowness()}
        config = DemoConfig(base_url=server.base_url, seed=plan.seed, **settings)
        trainer = GRPOTrainer(config, on_rollout=lambda: ticks.append(1))
        rows, lines, emitted = _trained(trainer, plan, folder)
        trainer.close()
        return DemoRun(
            config=config,
            history=trainer.history,
            rows=rows,
            logits=trainer.policy.logits,
            stats=trainer.reward_computer.eval_stats,
            ticks=len(ticks),
            entries=list(server.books),
            lines=lines,
            emitted=emitted,
            warnings=sorted({str(warning.message) for warning in told}),
            wandb_rows=_written(run) if run is not None else [],
        )


def _trained(trainer, plan, folder):
    """Train; return the trainer's rows, the lines of the JSONL, and the payloads as a sink is given them."""
    if not plan.watched:
        return asyncio.run(trainer.train()), [], []
    telemetry, memory = watch(trainer, folder, run=None if plan.wandb else False)
    rows = asyncio.run(trainer.train())
    telemetry.uninstrument()
    return rows, lines_of(telemetry.path), memory.payloads


def _begin(folder):
    import wandb  # noqa: PLC0415 - not every run logs there

    os.environ.pop("WANDB_SERVICE", None)  # an earlier test's, which pytest may have put back after its end
    return wandb.init(project="p", mode="offline", dir=str(folder), settings=wandb.Settings(**QUIET))


def _written(run):
    """End the run; return its rows."""
    from tests.support.wandb_offline import Written, tear_down  # noqa: PLC0415

    folder = Path(run.dir).parent
    run.finish()
    tear_down()
    return Written(folder).rows
