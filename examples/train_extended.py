"""The demo's GRPO trainer, watched, with a collector and a sink of one's own.

The collector adds a key per dataset to every payload: the share of completions that are long. The sink writes a few
keys of every payload to a CSV file. Run: `python examples/train_extended.py --steps 2 --csv costs.csv`.
"""

from __future__ import annotations

import argparse
import asyncio
import csv
import os
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

import wandb

from llm_telemetry import instrument
from llm_telemetry.demo.config import DemoConfig
from llm_telemetry.demo.models import demo_server
from llm_telemetry.demo.trainer import GRPOTrainer
from llm_telemetry.events import Call, Evaluation, Payload, Rollout, Split

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class LongCompletions:
    """Adds `long_completions/{source}`: the share (0 to 1) of the executor's completions that are long.

    Args:
        longer_than: Completion tokens from which on a completion is long.
    """

    def __init__(self, longer_than: int) -> None:
        self._longer_than = longer_than
        self._all: Counter[tuple[Split, str]] = Counter()
        self._long: Counter[tuple[Split, str]] = Counter()

    def add(self, event: Call | Evaluation | Rollout) -> None:
        """Look at the executor's calls whose tokens are known."""
        if not isinstance(event, Call) or event.role != "executor":
            return
        if event.usage is None or event.usage.completion is None:
            return
        self._all[event.split, event.source] += 1
        self._long[event.split, event.source] += event.usage.completion > self._longer_than

    def collect(self, split: Split) -> Mapping[str, float]:
        """Return the shares of this split, and begin a new window for it."""
        of_split = [key for key in self._all if key[0] == split]
        return {f"long_completions/{key[1]}": self._long.pop(key) / self._all.pop(key) for key in of_split}


class CsvSink:
    """Writes one row a payload: step, split and the given keys; a key that is absent leaves its cell empty.

    Args:
        path: The file; it is written anew.
        keys: The keys of the columns.
    """

    def __init__(self, path: Path, keys: Sequence[str]) -> None:
        self._file = path.open("w", newline="", encoding="utf-8")
        self._writer = csv.DictWriter(self._file, ["step", "split", *keys], extrasaction="ignore")
        self._writer.writeheader()

    def write(self, payload: Payload) -> None:
        """Write the row, and let it reach the disk at once."""
        self._writer.writerow({"step": payload.step, "split": payload.split, **payload.values})
        self._file.flush()

    def close(self) -> None:
        """Close the file."""
        self._file.close()


COLUMNS = ("dataset/accuracy", "judge/parse_failure_rate", "cost/step_cost", "long_completions/math")


def main(steps: int, path: Path) -> None:
    """Train; the numbers are in the CSV file."""
    wandb.init(project="llm-telemetry-examples", mode=os.environ.get("WANDB_MODE", "offline"))
    with demo_server() as server:
        trainer = GRPOTrainer(DemoConfig(base_url=server.base_url, steps=steps, batch_size=6, group_size=4))
        with instrument(trainer, collectors=[LongCompletions(100)], sinks=[CsvSink(path, COLUMNS)]):
            asyncio.run(trainer.train())
        trainer.close()
    wandb.finish()
    print(f"table: {path}")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Train the demo's policy, with telemetry of one's own.")
    parser.add_argument("--steps", type=int, default=6, help="training steps (default: 6)")
    parser.add_argument("--csv", type=Path, default=Path("telemetry.csv"), help="where the table goes")
    options = parser.parse_args()
    main(options.steps, options.csv)
