"""What is watched on a trainer, in words: the first line of its JSONL, and what a dry run shows."""

from __future__ import annotations

from os import PathLike
from types import ModuleType
from typing import TYPE_CHECKING, Any, NamedTuple

from llm_telemetry.judging.scrub import scrub
from llm_telemetry.settings.config import Config

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llm_telemetry.trainers.adapter import Adapter, Found

LONGEST = 200
"""Characters of a setting's text that are kept."""


class WatchedPart(NamedTuple):
    """One function that is watched."""

    kind: str
    owner: str
    """Its class, or its module."""
    name: str
    label: str
    """What a judge is called in keys; empty for all else."""

    def in_words(self) -> str:
        """Name it for people, without its module."""
        return f"{self.owner.rpartition('.')[2]}.{self.name}"


class Description(NamedTuple):
    """One watched trainer."""

    trainer: str
    """Its class, with the module."""
    adapter: str
    parts: tuple[WatchedPart, ...]
    missing: tuple[str, ...]
    """What the payload will be without, a sentence each."""
    settings: Mapping[str, Any]
    """Those that differ from their defaults, without secrets; of an object its class."""

    def in_words(self) -> str:
        """Return it in one line."""
        kinds = dict.fromkeys(part.kind for part in self.parts)
        named = {kind: ", ".join(part.in_words() for part in self.parts if part.kind == kind) for kind in kinds}
        return f"watching {self.trainer}: " + ", ".join(f"{kind} {names}" for kind, names in named.items())

    def as_json(self, version: str) -> dict[str, Any]:
        """Return it as JSON can hold it."""
        return {"version": version, **self._asdict(), "parts": [part._asdict() for part in self.parts]}


def describe(trainer: Any, adapter: Adapter, found: Found, config: Config) -> Description:
    """Say what will be watched on a trainer; nothing of it is called."""
    parts = tuple(WatchedPart(kind.name, _owner(part.owner), part.name, part.label) for kind, part in found.watched)
    settings = {name: _shown(getattr(config, name)) for name in config.differences(Config())}
    return Description(_owner(trainer), adapter.name, parts, tuple(found.lacks), settings)


def _owner(owner: Any) -> str:
    if isinstance(owner, ModuleType):
        return owner.__name__
    return f"{type(owner).__module__}.{type(owner).__qualname__}"


def _shown(value: Any) -> Any:
    if value is None or isinstance(value, bool | int | float):
        return value
    if isinstance(value, str | PathLike):
        return scrub(str(value))[:LONGEST]
    if isinstance(value, dict):
        return {scrub(str(name))[:LONGEST]: _shown(inner) for name, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_shown(inner) for inner in value]
    return getattr(value, "__qualname__", type(value).__qualname__)
