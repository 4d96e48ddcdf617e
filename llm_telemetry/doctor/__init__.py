"""`llm-telemetry doctor`: is everything in place, what would be watched, and what has the last run lost."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from llm_telemetry.doctor.answers import check_answers
from llm_telemetry.doctor.case import Case
from llm_telemetry.doctor.findings import Finding, format_count, format_section
from llm_telemetry.doctor.hooks import check_hooks
from llm_telemetry.doctor.installed import check_installed
from llm_telemetry.doctor.losses import check_losses
from llm_telemetry.doctor.prices import check_prices
from llm_telemetry.doctor.startup import check_startup
from llm_telemetry.doctor.variables import check_variables
from llm_telemetry.doctor.wandb import check_wandb

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["CHECKS", "Case", "Finding", "run_doctor"]

CHECKS: tuple[tuple[str, Callable[[Case], list[Finding]]], ...] = (
    ("Installed", check_installed),
    ("Startup file", check_startup),
    ("Variables", check_variables),
    ("What would be hooked", check_hooks),
    ("W&B", check_wandb),
    ("Prices", check_prices),
    ("The last run", check_losses),
    ("Questions", check_answers),
)


def run_doctor(script: Path | None = None, folder: Path | None = None) -> int:
    """Print what was found; returns 0 when all is well, 1 when there is something to do.

    Args:
        script: The training script; it is read, not run.
        folder: Where to look for the last run instead of where runs usually are.
    """
    case = Case(script, folder)
    to_do = 0
    for title, check in CHECKS:
        findings = check(case)
        to_do += sum(finding.ok is False for finding in findings)
        sys.stdout.write(format_section(title, findings) + "\n")
    sys.stdout.write(f"{format_count(to_do, 'thing')} to do, marked !!\n" if to_do else "All is well.\n")
    return int(to_do > 0)
