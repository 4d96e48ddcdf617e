"""The sessions of this process, and the one that a call outside every scope belongs to."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from llm_telemetry.session.session import Session

active: list[Session] = []
"""The sessions of this process, the latest last."""


def current() -> Session | None:
    """Return the session that a call outside every scope belongs to: the latest in a step, else the latest."""
    return next((s for s in reversed(active) if s.phase), active[-1] if active else None)
