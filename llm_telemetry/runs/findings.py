"""What is found out about a machine or a run: one kind of record, whoever looks and whoever tells it."""

from __future__ import annotations

import enum
import os
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable


class Severity(enum.IntEnum):
    """How much a finding matters; what is to be done begins at `WARNING`."""

    DETAIL = 0
    """For those who ask for everything."""
    NOTE = 1
    """Neither good nor bad, or not known."""
    OK = 2
    WARNING = 3
    """Numbers are missing, or not what they seem."""
    BROKEN = 4
    """Nothing is watched, or what was seen is not where it belongs."""


MARKS = {
    Severity.DETAIL: "  ",
    Severity.NOTE: "--",
    Severity.OK: "ok",
    Severity.WARNING: "!!",
    Severity.BROKEN: "!!",
}


class Finding(NamedTuple):
    """One thing that was found."""

    place: str
    """Where it was looked, in a word or two."""
    severity: Severity
    sentence: str
    to_do: str = ""
    """What to do about it, in one line; empty where there is nothing to do."""


def format_findings(findings: Iterable[Finding], *, verbose: bool = False) -> str:
    """Return a line a finding (mark, place, sentence), and below it what to do.

    Args:
        findings: In the order in which they are told.
        verbose: With the details.
    """
    lines: list[str] = []
    for place, severity, sentence, to_do in findings:
        if verbose or severity is not Severity.DETAIL:
            lines.append(f"{MARKS[severity]}  {place:<13} {sentence}\n")
            lines += [f"{'':17} -> {to_do}\n"] if to_do else []
    return "".join(lines)


def count_to_do(findings: Iterable[Finding]) -> int:
    """Return how many of the findings ask for something to be done."""
    return sum(finding.severity >= Severity.WARNING for finding in findings)


def format_count(number: int, noun: str) -> str:
    """Return `1 payload`, `2 payloads`."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def show_path(path: Path) -> str:
    """Return a path as people type it: from the working directory, or from home, when it lies below one of them."""
    whole = Path(os.path.abspath(path))  # noqa: PTH100 - `resolve` would follow links: what was typed is what is shown
    for root, name in ((Path.cwd(), ""), (Path.home(), "~/")):
        if whole.is_relative_to(root):
            return name + str(whole.relative_to(root))
    return str(whole)
