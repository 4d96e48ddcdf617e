"""The demo's GRPO trainer, watched: `train_plain.py` with one line more.

Run: `python examples/train_watched.py --steps 2`. Every step's payload is in the trainer's own W&B run and, as one
line of JSON, in the file that is named at the end.
"""

from __future__ import annotations

import argparse
import asyncio
import os

import wandb

from llm_telemetry import instrument
from llm_telemetry.demo.config import DemoConfig
from llm_telemetry.demo.models import demo_server
from llm_telemetry.demo.trainer import GRPOTrainer


def main(steps: int) -> None:
    """Train, and print what the trainer itself reports."""
    wandb.init(project="llm-telemetry-examples", mode=os.environ.get("WANDB_MODE", "offline"))
    with demo_server() as server:
        trainer = GRPOTrainer(DemoConfig(base_url=server.base_url, steps=steps, batch_size=6, group_size=4))
        telemetry = instrument(trainer)
        rows = asyncio.run(trainer.train())
        trainer.close()
    for step, row in enumerate(rows, 1):
        print(f"step {step}: accuracy {row['train/accuracy']:.1f} %")
    print(f"payloads: {telemetry.path}")
    wandb.finish()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Train the demo's policy.")
    parser.add_argument("--steps", type=int, default=6, help="training steps (default: 6)")
    main(parser.parse_args().steps)
