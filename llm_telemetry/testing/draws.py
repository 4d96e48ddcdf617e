"""Draws that depend on what is asked and on nothing else: not on arrival order, thread or clock."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Sequence

T = TypeVar("T")


def draw(*parts: object) -> float:
    """Return a number in [0, 1) that is a fixed function of `parts`."""
    digest = hashlib.blake2b("\x1f".join(map(str, parts)).encode(), digest_size=8).digest()
    return int.from_bytes(digest, "big") / 2**64


def pick(options: Sequence[T], *parts: object) -> T:
    """Return one of `options`, a fixed function of `parts`."""
    return options[int(draw(*parts) * len(options))]
