"""What a key is: its name in training and in validation, of one source and of all, and what there is to know of it."""

from __future__ import annotations

import functools
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from llm_telemetry.sources import TAKEN

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from llm_telemetry.events import Split

HOLES = ("role", "kind", "failure", "function", "k")
"""What may differ in the keys of one family, beside the source."""
_HOLES = {hole: "{" + hole + "}" for hole in HOLES}


@dataclass(frozen=True, eq=False, slots=True)
class Key:
    """One key, or one family of keys that differ in what stands in their holes.

    Each is a constant, and itself alone: dicts find it by what it is, and need not read its texts at each flush.
    """

    name: str
    """As it is in training, over all sources; `{role}`, `{kind}`, `{failure}`, `{function}` and `{k}` are holes."""
    window: Literal["step", "run"]
    """Since the last payload of the same split, or since the run began."""
    unit: str
    merge: str
    """What it comes to over several processes, or several steps: `sum`, `max`, `deviation` (from sums of squares), or a
    ratio of sums."""
    meaning: str
    by_source: bool = False
    """Told for each source too, and for each judge where it is the judge's: `dataset/{source}/accuracy`."""
    shared: bool = False
    """The same key, and the same count, in every split; others begin with `val/` or `eval/` in these."""
    evaluation: bool = False
    """Told only where nothing is trained."""

    def of(self, split: Split = "train", source: str = "", **holes: str) -> str:
        """Return the key as it stands in a payload of `split`: of one source (or judge), or over all of them."""
        return _names(split, source, **holes)[self]

    def made(self, split: Split, source: str, holes: Mapping[str, str]) -> str:
        """Return the same, made anew."""
        name = self.name.format(**holes)
        if source:
            before, _, last = name.rpartition("/")
            name = f"{before}/{source}/{last}"
        return name if split == "train" or self.shared else f"{split}/" + name.removeprefix("dataset/")

    def sources(self, payload: Iterable[str], split: Split = "train") -> list[str]:
        """Return the sources (and judges) that a payload tells it of, in alphabetical order."""
        before, after = self.of(split, "*").split("*")
        inside = (key[len(before) : -len(after)] for key in payload if key.startswith(before) and key.endswith(after))
        return sorted(source for source in inside if source and "/" not in source and source not in TAKEN)

    def pattern(self, split: Split = "train") -> str:
        """Return a regular expression of its names in `split`; groups tell the source and what is in the holes."""
        before, slash, last = re.escape(self.of(split, **_HOLES)).rpartition("/")
        name = before + slash + "(?:(?P<source>[^/]+)/)?" * self.by_source + last
        return re.sub(r"\\{(\w+)\\}", r"(?P<\1>[^/]+)", name)

    def names(self, split: Split = "train") -> list[str]:
        """Return its names with their holes, for people: over all sources, and of one where it is told by source."""
        if self.evaluation and split != "eval":
            return []
        return [self.of(split, source, **_HOLES) for source in ("", "{source}")[: 1 + self.by_source]]


def name_all(values: Mapping[Key, float | None], split: Split, source: str = "", **holes: str) -> dict[str, float]:
    """Return `values` under their keys in a payload of `split`, without what is unknown: absent, never 0."""
    names = _names(split, source, **holes)
    return {names[key]: value for key, value in values.items() if value is not None}


def name_by_source(values: Mapping[str, Mapping[Key, float | None]], split: Split) -> dict[str, float]:
    """Return the values of each source under their keys, the sources in alphabetical order."""
    logs: dict[str, float] = {}
    for source in sorted(values):
        logs |= name_all(values[source], split, source)
    return logs


class _Names(dict[Key, str]):
    """What keys are called in one place of a payload, made when first asked for: the same keys come at every flush."""

    def __init__(self, split: Split, source: str, holes: Mapping[str, Any]) -> None:
        super().__init__()
        self._place = split, source
        self._holes = holes

    def __missing__(self, key: Key) -> str:
        name = self[key] = key.made(*self._place, self._holes)
        return name


@functools.lru_cache(maxsize=4096)
def _names(split: Split, source: str, **holes: str) -> _Names:
    return _Names(split, source, holes)
