"""`llm-telemetry demo`: the demo's trainer, watched by one line, with a progress bar and a summary."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

import wandb
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from llm_telemetry.api import instrument
from llm_telemetry.demo.config import DemoConfig
from llm_telemetry.demo.models import demo_server
from llm_telemetry.demo.summary import show_summary
from llm_telemetry.demo.trainer import GRPOTrainer
from llm_telemetry.report.page import make_page
from llm_telemetry.report.report import make_report
from llm_telemetry.runs.find import find_run
from llm_telemetry.runs.findings import show_path

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llm_telemetry.events import Payload


class Kept:
    """A sink that keeps payloads, for the summary at the end."""

    def __init__(self) -> None:
        self.payloads: list[Payload] = []

    def write(self, payload: Payload) -> None:
        """Keep it."""
        self.payloads.append(payload)

    def close(self) -> None:
        """Nothing to do."""


def run_demo(
    *,
    steps: int,
    seed: int,
    base_url: str | None = None,
    model: str | None = None,
    judge_model: str | None = None,
) -> int:
    """Train, and print what telemetry saw; returns the exit code."""
    if (model or judge_model) and not base_url:
        sys.stderr.write(
            "llm-telemetry demo: --model and --judge-model need --base-url, the endpoint that serves them\n"
        )
        return 2
    if base_url and not model:
        sys.stderr.write("llm-telemetry demo: --base-url needs --model, the name of a model that it serves\n")
        return 2
    models: dict[str, Any] = {}
    if model:
        models = {"executor_model": model, "judge_model": judge_model or model}
        models["api_key"] = os.environ.get("OPENAI_API_KEY", "demo")
    with _endpoint(base_url, seed) as url:
        _train_and_show(DemoConfig(base_url=url, steps=steps, seed=seed, **models))
    return 0


@contextlib.contextmanager
def _endpoint(base_url: str | None, seed: int) -> Iterator[str]:
    if base_url:
        yield base_url
        return
    with demo_server(seed) as server:
        yield server.base_url


def _train_and_show(config: DemoConfig) -> None:
    console = Console()
    started = time.perf_counter()
    os.environ.setdefault("WANDB_SILENT", "true")  # W&B tells of each row that it drops; our own warning says it once
    quiet = wandb.Settings(silent=True, console="off")
    run = wandb.init(project="llm-telemetry-demo", mode=os.environ.get("WANDB_MODE", "offline"), settings=quiet)  # type: ignore[arg-type]
    kept = Kept()
    with _progress(console, config.rollouts) as advance:
        trainer = GRPOTrainer(config, on_rollout=advance)
        telemetry = instrument(trainer, console=0, sinks=[kept], capture_failures=2)  # the one line
        asyncio.run(trainer.train())
        trainer.close()
    telemetry.flush()
    run_folder = None if run.disabled else Path(run.dir).parent
    run.finish()
    telemetry.uninstrument()
    show_summary(console, kept.payloads, run_folder, telemetry.path, time.perf_counter() - started)
    if telemetry.path is not None:
        _show_report(console, telemetry.path)


def _show_report(console: Console, path: Path) -> None:
    """Write the page of the run beside its JSONL; say where, and to people how to open it."""
    page = path.with_suffix(".html")
    page.write_text(make_page(make_report([find_run(path)])), encoding="utf-8")
    console.print(f"  report {show_path(page)}", soft_wrap=True, highlight=False)
    if console.is_terminal:
        console.print(
            f"  open it: [bold]python -m webbrowser {page.resolve().as_uri()}[/]", soft_wrap=True, highlight=False
        )


@contextlib.contextmanager
def _progress(console: Console, rollouts: int) -> Iterator[Any]:
    columns = (TextColumn("training"), BarColumn(), MofNCompleteColumn(), TextColumn("rollouts"), TimeElapsedColumn())
    with Progress(*columns, console=console, transient=True) as progress:
        task = progress.add_task("training", total=rollouts)
        yield lambda: progress.advance(task)
