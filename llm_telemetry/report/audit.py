"""What is wrong with a run, a line a finding: the same for the doctor, the report and `llm-telemetry audit`."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

from llm_telemetry.report.datasets import find_changes
from llm_telemetry.report.judge import find_health_change
from llm_telemetry.report.sections import say_change
from llm_telemetry.runs.findings import Finding, Severity, format_findings
from llm_telemetry.runs.losses import check_losses
from llm_telemetry.runs.numbers import check_numbers

if TYPE_CHECKING:
    from llm_telemetry.runs.history import Run

EXIT_CODES = {Severity.WARNING: 1, Severity.BROKEN: 2}
_LOOK = "llm-telemetry report shows each step; evidence of the judge: capture_failures=3"


def audit(run: Run) -> list[Finding]:
    """Return all that is found out about a run: what was watched, counted and lost, and what has got worse."""
    return [*check_numbers(run), *_check_lines(run), *check_losses(run), *_check_changes(run)]


def print_audit(findings: list[Finding], *, as_json: bool) -> int:
    """Print a line a finding; returns 0, 1 when there is a warning, 2 when something is broken."""
    if as_json:
        told = [{**finding._asdict(), "severity": finding.severity.name.lower()} for finding in findings]
        sys.stdout.write(json.dumps(told, indent=2) + "\n")
    else:
        sys.stdout.write(format_findings(findings))
    return max((EXIT_CODES.get(finding.severity, 0) for finding in findings), default=0)


def _check_lines(run: Run) -> list[Finding]:
    """Say what of its files cannot be read, and by whom they were written."""
    found = []
    if run.unread:
        what = f"{run.unread:,} lines or numbers cannot be read, and are left out"
        found.append(
            Finding("files", Severity.WARNING, what, "a crash has cut them off, or another program wrote them")
        )
    if run.unfetched:
        what = f"the captured failures of {run.unfetched:,} payloads were left on the server; the run's JSONL has all"
        found.append(Finding("files", Severity.NOTE, what))
    if run.is_newer:
        what = (
            f"written by llm_telemetry {run.watched['version']}, newer than this one: what it does not know is left out"
        )
        found.append(Finding("files", Severity.WARNING, what, "pip install --upgrade llm_telemetry"))
    if run.processes > 1:
        found.append(Finding("files", Severity.NOTE, f"{run.processes} processes have written it, one after the other"))
    return found


def _check_changes(run: Run) -> list[Finding]:
    """Say which dataset has fallen, and whether the judge got worse."""
    health = find_health_change(run)
    changes = {**find_changes(run), **({} if health is None else {"the judge's share with a verdict": health})}
    return [
        Finding("changes", Severity.WARNING, say_change(name, change), _LOOK)
        if change.after < change.before
        else Finding("changes", Severity.OK, say_change(name, change))
        for name, change in changes.items()
    ]
