"""What telemetry adds to a step of TRL: reward step, log and payload, paired with the same without, in one process.

The trainer is the smallest that trains (two layers of 16, four completions of three tokens); the reward function does
nothing. Blocks with and without alternate, in CPU time, so what the machine does meanwhile meets both alike; the
figures are medians over the rounds. They are held against the whole step of a real training of the same trainer.

Run where TRL is: `./tests/matrix trl`, then `PYTHONPATH=. .venv-trl/bin/python benchmarks/trl_step.py`.
"""

from __future__ import annotations

import importlib.util
import tempfile
import time
from typing import TYPE_CHECKING, Any

from figures import figure

if TYPE_CHECKING:
    from figures import Figure

ROUNDS, STEPS, ROWS = 25, 40, (4, 64, 512)
WARM_UP = 20
"""Untimed steps before each block: a block hooks anew, and Python forgets what it had learnt about a class then."""
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

    def steps(number: int) -> float:
        started = time.process_time()
        for _ in range(number):
            trainer._calculate_rewards(inputs, prompts, completions, ids)
            trainer.state.global_step += 1
            trainer.log({"loss": 0.0})
        return (time.process_time() - started) / number

    steps(WARM_UP)
    return steps(STEPS)


def real_step(trainer: Any) -> float:
    """Return the CPU seconds of a step of a real training."""
    trainer.train()  # the first time is slower
    started = time.process_time()
    trainer.train()
    return (time.process_time() - started) / REAL_STEPS


def added(trainer: Any, rows: int, folder: str) -> list[float]:
    """Return the CPU seconds a step that telemetry adds, round by round."""
    from llm_telemetry import instrument  # noqa: PLC0415 - only where TRL is

    differences = []
    for _ in range(ROUNDS):
        plain = block(trainer, rows)
        with instrument(trainer, folder=folder, run=False, console=0):
            differences.append(block(trainer, rows) - plain)
    return differences


def figures(sizes: tuple[int, ...] = ROWS[:1]) -> list[Figure]:
    """Return what a step takes with telemetry over the same without, and for larger batches what each adds."""
    import torch  # noqa: PLC0415 - only where it is

    from tests.support import tiny_trl  # noqa: PLC0415

    torch.set_num_threads(1)
    told = []
    with tempfile.TemporaryDirectory() as folder:
        trainer = tiny_trl.trainer("grpo", [nothing], folder, max_steps=REAL_STEPS, items=64)
        smallest = real_step(trainer)
        for rows in sizes:
            cost = added(trainer, rows, folder)
            if rows == ROWS[0]:
                ratios = [1 + seconds / smallest for seconds in cost]
                meaning = f"the smallest training that TRL can do, {smallest * 1e3:.0f} ms a step, no judge asked"
                told.append(figure("the smallest step of TRL", ratios, "×", meaning))
            milliseconds = [1e3 * seconds for seconds in cost]
            told.append(figure(f"a step of TRL, {rows} completions", milliseconds, "ms", "what each step takes longer"))
    return told


if __name__ == "__main__":
    if importlib.util.find_spec("trl") is None:
        print("trl_step: TRL is not installed here; see the first lines of this file")
    else:
        for one in figures(ROWS):
            print(one.what, one)
