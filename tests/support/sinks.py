"""Sinks of ours at W&B's runs."""

from pathlib import Path

from llm_telemetry.events import STEP_KEY, Payload
from llm_telemetry.sinks.wandb.sink import WandbSink


def folder_of(run):
    """Where the run's files are."""
    return Path(run.dir).parent


def attached(run=None, **options):
    """A sink that knows its run, or waits for one."""
    sink = WandbSink(run, **options)
    sink.attach()
    return sink


def with_values(step=1, **values):
    """A payload of training with these values."""
    return Payload(step, "train", {STEP_KEY: step, **values}, {}, 0.0)
