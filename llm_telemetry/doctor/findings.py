"""What a check has found, and how it is printed."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

_MARKS = {True: "ok", False: "!!", None: "--"}


@dataclass(frozen=True)
class Finding:
    """One thing that a check has found."""

    ok: bool | None
    """`None` for what is neither good nor bad."""
    what: str
    advice: str | None = None
    """What to do, in one line."""


def format_section(title: str, findings: Iterable[Finding]) -> str:
    """Return a section's lines: a mark and what was found, and below it what to do."""
    lines = [title]
    for finding in findings:
        lines.append(f"  {_MARKS[finding.ok]}  {finding.what}")
        if finding.advice is not None:
            lines.append(f"      -> {finding.advice}")
    return "\n".join(lines) + "\n"


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


def align(rows: Sequence[Sequence[str]]) -> list[str]:
    """Return rows of equal length with their columns below each other."""
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return ["  ".join(cell.ljust(w) for cell, w in zip(row, widths, strict=True)).rstrip() for row in rows]
