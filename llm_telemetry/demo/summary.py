"""What the demo prints at the end: learned, judged, spent."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich import box
from rich.table import Table

from llm_telemetry.tables import format_usd

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rich.console import Console

    from llm_telemetry.events import Payload

_BARS = "▁▂▃▄▅▆▇█"
_JUDGE = ("correct", "incorrect", "parse failures", "API failures")


def show_summary(
    console: Console, payloads: Sequence[Payload], run_folder: Path | None, path: Path | None, seconds: float
) -> None:
    """Print the tables and where the files lie; everything is read off the payloads."""
    train = [payload.values for payload in payloads if payload.split == "train"]
    if not train or path is None:
        console.print("Nothing was flushed.")
        return
    for table in (_datasets(train), _judge(train), _costs(payloads)):
        console.print(table, "")
    if dropped := payloads[-1].values.get("telemetry/trainer_rows_dropped"):
        console.print(
            f"The line above of a dropped row is meant so: this trainer logs as many do, and has lost {dropped:.0f}.\n"
        )
    rollouts = payloads[-1].values["cost/total_samples"]
    console.print(f"{len(train)} steps, {rollouts:.0f} rollouts, {seconds:.0f} s. Every payload is in")
    console.print(f"  JSONL  {_short(path)}", soft_wrap=True, highlight=False)
    if run_folder is not None:
        console.print(f"  W&B    {_short(run_folder)}", soft_wrap=True, highlight=False)
        console.print(f"  look at the run: [bold]wandb leet {_short(run_folder)}[/]", soft_wrap=True, highlight=False)


def _table(title: str) -> Table:
    return Table(title=title, title_justify="left", title_style="bold", caption_justify="left", box=box.SIMPLE_HEAD)


def _datasets(train: Sequence[Any]) -> Table:
    ends = max(1, len(train) // 4)
    table = _table("accuracy by dataset")
    table.caption = f"first and last: steps 1-{ends} and {len(train) - ends + 1}-{len(train)}"
    for head in ("dataset", "first", "last", "by step", "rollouts", "failed", "USD each"):
        table.add_column(head, justify="left" if head in ("dataset", "by step") else "right", no_wrap=True)
    sources = sorted({key.split("/")[1] for values in train for key in values if _is_source_key(key)})
    for source in [*sources, ""]:
        table.add_row(*_dataset_row(source, train, ends), style="" if source else "bold")
    return table


def _is_source_key(key: str) -> bool:
    return key.startswith("dataset/") and key.endswith("/accuracy") and key.count("/") == 2  # noqa: PLR2004


def _dataset_row(source: str, train: Sequence[Any], ends: int) -> tuple[str, ...]:
    at = f"dataset/{source}/" if source else "dataset/"
    count = sum(values.get(at + "count", 0) for values in train)
    failed = _sum(train, at + "failed")
    cost = sum(values.get(at + "avg_cost", 0) * values.get(at + "count", 0) for values in train)
    return (
        source or "all",
        _accuracy(train[:ends], at),
        _accuracy(train[-ends:], at),
        "".join(_bar(values.get(at + "accuracy")) for values in train),
        f"{count:.0f}",
        f"{failed:.0f}",
        format_usd(cost / count) if source and count else "",
    )


def _accuracy(steps: Iterable[Any], at: str) -> str:
    counted = [(values[at + "accuracy"], values[at + "count"]) for values in steps if values.get(at + "count")]
    count = sum(n for _, n in counted)
    return f"{sum(accuracy * n for accuracy, n in counted) / count:.0f} %" if count else "-"


def _bar(accuracy: float | None) -> str:
    return " " if accuracy is None else _BARS[min(int(accuracy / 100 * len(_BARS)), len(_BARS) - 1)]


def _sum(train: Iterable[Mapping[str, float]], key: str) -> float:
    return sum(values.get(key, 0) for values in train)


def _sum_both(payloads: Sequence[Mapping[str, float]], key: str) -> float:
    """Return the sum over training and validation."""
    return _sum(payloads, key) + _sum(payloads, f"val/{key}")


def _judge(train: Sequence[Any]) -> Table:
    table = _table("the judge in training")
    for head in ("outcome", "evaluations", "share"):
        table.add_column(head, justify="left" if head == "outcome" else "right")
    calls = _sum(train, "judge/calls")
    failures = (
        sum(v.get(f"judge/{kind}_rate", 0) * v.get("judge/calls", 0) for v in train)
        for kind in ("parse_failure", "api_failure")
    )
    told = [_sum(train, "judge/correct_count"), _sum(train, "judge/incorrect_count"), *failures]
    for name, count in zip(_JUDGE, told, strict=True):
        table.add_row(name, f"{count:.0f}", f"{100 * count / calls:.1f} %" if calls else "-")
    table.add_row("all", f"{calls:.0f}", "", style="bold")
    table.caption = f"{_sum(train, 'judge/disagreements'):.0f} verdicts misread by the trainer"
    return table


def _costs(payloads: Sequence[Payload]) -> Table:
    last = payloads[-1].values
    table = _table("calls and costs of the run")
    for head in ("role", "calls", "retries", "errors", "tokens", "USD"):
        table.add_column(head, justify="left" if head == "role" else "right")
    steps = [payload.values for payload in payloads]
    for role in ("executor", "judge"):
        usd = last.get(f"cost/{role}_cost")
        tokens = _sum_both(steps, f"tokens/{role}/prompt") + _sum_both(steps, f"tokens/{role}/completion")
        counts = [_sum_both(steps, f"llm/{role}/{key}") for key in ("calls", "retries", "errors")]
        table.add_row(
            role, *(f"{n:.0f}" for n in counts), f"{tokens:,.0f}", "unknown" if usd is None else format_usd(usd)
        )
    total, each = last.get("cost/total_cost"), last.get("cost/avg_cost_per_sample")
    if total is not None and each is not None:
        table.add_row("all", "", "", "", f"{last.get('tokens/total', 0):,.0f}", format_usd(total), style="bold")
        table.caption = f"{format_usd(each)} a rollout"
    if unpriced := last.get("cost/unpriced_calls"):
        table.caption = (
            f"{table.caption or ''} {unpriced:.0f} calls without a known price are not in these USD: give prices=…"
        )
    return table


def _short(path: Path) -> str:
    """Return the path as a person would type it."""
    return os.path.relpath(path) if path.is_relative_to(Path.cwd()) else str(path)
