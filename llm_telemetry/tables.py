"""Aligned lines for a terminal."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def format_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Return aligned lines: the first column to the left, the others to the right."""
    widths = [max(map(len, column)) for column in zip(heads, *rows, strict=True)]
    return [
        "  ".join([row[0].ljust(widths[0]), *(cell.rjust(w) for cell, w in zip(row[1:], widths[1:], strict=True))])
        for row in (heads, *rows)
    ]


def format_usd(usd: float) -> str:
    """Return USD with as many decimals as it takes to see something: $12.34, $0.0123, $0.000045."""
    decimals = 2 if abs(usd) >= 1 else 4 if abs(usd) >= 0.01 else 6  # noqa: PLR2004 - a dollar, a cent
    return f"${usd:,.{decimals}f}"


def print_table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print aligned lines to standard output."""
    print("\n".join(format_table(heads, rows)))  # noqa: T201 - what `print_summary` is for
