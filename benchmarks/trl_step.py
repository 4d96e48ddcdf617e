"""What telemetry adds to a step of TRL: reward step, log and payload, paired with the same without, in one process.

The trainer is the smallest that trains (two layers of 16, four completions of three tokens); the reward function does
nothing. Blocks with and without alternate, in CPU time, so what the machine does meanwhile meets both alike; the
figures are medians over the rounds. They are held against the whole step of a real training of the same trainer.

Run where TRL is: `./tests/matrix trl`, then `PYTHONPATH=. .venv-trl/bin/python benchmarks/trl_step.py`.
"""

from __future__ import annotations

import importlib.util
import statistics
import tempfile
import time
from typing import Any

ROUNDS, STEPS, ROWS = 25, 40, (4, 64, 512)
REAL_STEPS = 60


def nothing(completions: list[str], **_: object) -> list[float]:
    """Reward nothing."""
    return [0.0] * len(completions)


def block(trainer: Any, rows: int) -> float:
    """Return the CPU seconds of a reward step of so many completions, and of the log after it."""
    sources = [("sums", "capitals")[i // 2 % 2] for i in range(rows)]
    inputs = [{"prompt": f"w{i // 2} w1", "source": source, "truth": "4"} for i, source in enumerate(sources)]
    prompts, completions = [row["prompt"] for row in inputs], [f"w{i % 7} w{i % 5} w3" for i in range(rows)]
    ids = [[1, 2, 3]] * rows
    trainer.model.train()
    started = time.process_time()
    for _ in range(STEPS):
        trainer._calculate_rewards(inputs, prompts, completions, ids)
        trainer.state.global_step += 1
        trainer.log({"loss": 0.0})
    return (time.process_time() - started) / STEPS


def real_step(trainer: Any) -> float:
    """Return the CPU seconds of a step of a real training."""
    trainer.train()  # the first time is slower
    started = time.process_time()
    trainer.train()
    return (time.process_time() - started) / REAL_STEPS


def main() -> None:
    """Measure, and print a line for each size of a batch."""
    if importlib.util.find_spec("trl") is None:
        print("trl_step: TRL is not installed here; see the first lines of this file")
        return
    import torch  # noqa: PLC0415 - only where it is

    from llm_telemetry import instrument  # noqa: PLC0415
    from tests.support import tiny_trl  # noqa: PLC0415

    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as folder:
        trainer = tiny_trl.trainer("grpo", [nothing], folder, max_steps=REAL_STEPS, items=64)
        smallest = real_step(trainer)
        print(f"smallest real step: {smallest * 1e3:.2f} ms of CPU")
        for rows in ROWS:
            added = []
            for _ in range(ROUNDS):
                plain = block(trainer, rows)
                with instrument(trainer, folder=folder, run=False, console=0):
                    watched = block(trainer, rows)
                added.append(watched - plain)
            cost = statistics.median(added)
            share = f", {100 * cost / smallest:.2f} % of that step" if rows == ROWS[0] else ""
            print(f"{rows:4} completions: {cost * 1e6:7.0f} us a step, {cost * 1e6 / rows:5.1f} us a completion{share}")


if __name__ == "__main__":
    main()
