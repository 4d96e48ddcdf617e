"""The names of datasets, as they stand in keys."""

from __future__ import annotations

import functools
import re

from llm_telemetry.guard import log

UNKNOWN = "unknown"
OVERFLOW = "other"
MAX_SOURCES = 64
"""W&B asks for fewer than 10,000 distinct metrics a project; every source brings some thirty."""

TAKEN = ("group",)
"""Names that keys of our own have in a source's place (`val/group/count` counts groups): a dataset called so gets a
`_` behind its name."""
_UNCLEAN = re.compile(r"[^a-z0-9_]")


@functools.lru_cache(maxsize=1024)
def clean_source(name: str) -> str:
    """Return `name` as it stands in a key: lower-case, every character outside `[a-z0-9_]` replaced by `_`."""
    return _UNCLEAN.sub("_", name.strip().lower()) or UNKNOWN


class SourceNames:
    """The names of a run's sources: cleaned, at most 64 of them, the rest together as `other`."""

    def __init__(self, limit: int = MAX_SOURCES) -> None:
        """Allow `limit` names."""
        self._limit = limit
        self._named: dict[str, str] = {}
        """What was named before, by the raw name, as far as it has a key of its own."""
        self._raw_by_clean: dict[str, str] = {}
        self._told: set[str] = set()

    def __call__(self, raw: str) -> str:
        """Return the name that `raw` has in keys."""
        return self._named.get(raw) or self._name(raw)

    def _name(self, raw: str) -> str:
        clean = clean_source(raw)
        clean += "_" * (clean in TAKEN)
        first = self._raw_by_clean.get(clean)
        if first is None:
            if len(self._raw_by_clean) >= self._limit:
                self._tell(OVERFLOW, "more than %d sources: the others count as 'other'", self._limit)
                return OVERFLOW
            self._raw_by_clean[clean] = raw
            self._named[raw] = clean
        elif first != raw:
            self._tell(clean, "the sources %r and %r share the key %r", first, raw, clean)
        return clean

    def _tell(self, topic: str, message: str, *args: object) -> None:
        if topic not in self._told:
            self._told.add(topic)
            log.warning(message, *args)
