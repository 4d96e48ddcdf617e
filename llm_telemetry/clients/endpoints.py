"""Which requests are LLM calls, by the ends of their paths."""

from __future__ import annotations

import functools

from llm_telemetry.names import ENDPOINTS


@functools.lru_cache(maxsize=256)
def endpoint_of(url: str) -> str | None:
    """Return the end of a path that makes a request an LLM call, `None` for any other; what follows `?` is no matter.

    Asked in each call, of the same few paths.
    """
    path = url.partition("?")[0]
    return next((end for end in ENDPOINTS if path.endswith(end)), None)
