"""A trainer that goes on after its W&B run has ended: the JSONL has all, the log says so, and sync adds the rest."""

from pathlib import Path

import pytest

from llm_telemetry import instrument
from llm_telemetry.runs.sync import find_runs
from llm_telemetry.sinks.jsonl import read_lines
from llm_telemetry.sinks.wandb import sink as wandb_sink
from tests.support.trainers import Executor, RewardComputer, Trainer, train_step

wandb = pytest.importorskip("wandb")


async def answer(_):
    return "4", 0, {"success": True}


def test_payloads_after_the_run_s_end_are_in_the_jsonl_and_told_once(begin, caplog):
    run = begin()
    folder = Path(run.dir).parent
    trainer = Trainer(executor=Executor(answer), reward_computer=RewardComputer(lambda *_: True))
    telemetry = instrument(trainer, console=0)
    train_step(trainer, 1)
    run.finish()
    for step in (2, 3):
        train_step(trainer, step)
    telemetry.uninstrument()
    wandb.teardown()
    lines = list(read_lines(folder / "llm_telemetry.jsonl"))
    assert [(line["step"], line["run"]) for line in lines] == [(1, run.id), (2, run.id), (3, run.id)]
    told = [message for message in caplog.messages if "has ended" in message]
    assert told == [f"llm_telemetry: {wandb_sink.ENDED % 2}"]
    (found,) = find_runs(folder)
    assert [payload["llm_telemetry/step"] for payload in found.missing] == [2, 3]
