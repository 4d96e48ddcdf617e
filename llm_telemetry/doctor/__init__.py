"""`llm-telemetry doctor`: is all in place, and what has the last run watched and lost."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from llm_telemetry.doctor.case import Case
from llm_telemetry.doctor.installed import check_installed
from llm_telemetry.doctor.prices import check_prices
from llm_telemetry.doctor.startup import check_startup
from llm_telemetry.doctor.variables import check_variables
from llm_telemetry.doctor.wandb import check_wandb
from llm_telemetry.report.audit import audit
from llm_telemetry.runs.findings import Finding, Severity, count_to_do, format_count, format_findings, show_path

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["CHECKS", "Case", "run_doctor"]


def check_last_run(case: Case) -> list[Finding]:
    """Say what the last run has watched, counted and lost; or why there is no trace of one."""
    run = case.last_run
    return [_no_trace(case)] if run is None else audit(run)


CHECKS: tuple[Callable[[Case], list[Finding]], ...] = (
    check_installed,
    check_startup,
    check_variables,
    check_wandb,
    check_prices,
    check_last_run,
)


def run_doctor(folder: Path | None = None, *, verbose: bool = False) -> int:
    """Print what was found; returns 0 when there is nothing to do, 1 when there is.

    Args:
        folder: Where to look for the last run instead of where runs usually are.
        verbose: With every detail.
    """
    case = Case(folder)
    findings = [finding for check in CHECKS for finding in check(case)]
    to_do = count_to_do(findings)
    told = f"{format_count(to_do, 'thing')} to do, marked !!" if to_do else "Nothing to do."
    sys.stdout.write(f"{format_findings(findings, verbose=verbose)}{told}\n")
    return int(to_do > 0)


def _no_trace(case: Case) -> Finding:
    """Say why there may be no JSONL."""
    where = show_path(case.folder) if case.folder is not None else f"{show_path(case.wandb_folder)}, llm_telemetry"
    what = f"there is no JSONL of ours in {where}"
    if case.environ.get("LLM_TELEMETRY", "").lower() in ("0", "false", "no", "off"):
        advice = "unset LLM_TELEMETRY, or set it to 1"
        return Finding("last run", Severity.BROKEN, f"{what}, and LLM_TELEMETRY turns us off", advice)
    sinks = case.environ.get("LLM_TELEMETRY_SINKS", "")
    if sinks.strip() and "jsonl" not in sinks.lower():
        advice = "add jsonl to LLM_TELEMETRY_SINKS"
        return Finding("last run", Severity.BROKEN, f"{what}, and LLM_TELEMETRY_SINKS turns it off", advice)
    advice = (
        "it is made when the first step ends, of a program run with LLM_TELEMETRY=1 or instrument(trainer). "
        "What would be watched: llm-telemetry run --dry train.py. If it is elsewhere: --folder FOLDER"
    )
    expected = bool(case.run_folders) or case.folder is not None
    return Finding("last run", Severity.BROKEN if expected else Severity.NOTE, what, advice)
