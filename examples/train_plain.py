"""The demo's GRPO trainer as it is: nobody watches.

Run: `python examples/train_plain.py --steps 2`. It trains against the demo's scripted server on the loopback
interface; nothing leaves the machine. `train_watched.py` is this file with one line more.
"""

from __future__ import annotations

import argparse
import asyncio
import os

import wandb

from llm_telemetry.demo.config import DemoConfig
from llm_telemetry.demo.models import demo_server
from llm_telemetry.demo.trainer import GRPOTrainer


def main(steps: int) -> None:
    """Train, and print what the trainer itself reports."""
    wandb.init(project="llm-telemetry-examples", mode=os.environ.get("WANDB_MODE", "offline"))
    with demo_server() as server:
        trainer = GRPOTrainer(DemoConfig(base_url=server.base_url, steps=steps, batch_size=6, group_size=4))
        rows = asyncio.run(trainer.train())
        trainer.close()
    for step, row in enumerate(rows, 1):
        print(f"step {step}: accuracy {row['train/accuracy']:.1f} %")
    wandb.finish()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Train the demo's policy.")
    parser.add_argument("--steps", type=int, default=6, help="training steps (default: 6)")
    main(parser.parse_args().steps)
