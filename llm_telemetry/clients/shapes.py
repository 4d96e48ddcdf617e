"""Responses that are not complete when they come: the SDKs' classes for streams, and for raw responses."""

from __future__ import annotations

import functools

_shapes: dict[type, str] = {}


def know(cls: type, shape: str) -> None:
    """Take instances of `cls` for a `"stream"`, or for a `"raw"` response that is still to be parsed."""
    if _shapes.get(cls) != shape:
        _shapes[cls] = shape
        shape_of.cache_clear()


@functools.lru_cache(maxsize=1024)
def shape_of(kind: type) -> str | None:
    """Tell what a response of this class is; asked once, so that more SDKs do not make a call slower."""
    return next((_shapes[cls] for cls in kind.__mro__ if cls in _shapes), None)
