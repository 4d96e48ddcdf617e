"""The settings of one watched trainer, checked when they are given."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llm_telemetry.settings.limits import limits_of
from llm_telemetry.settings.variables import VARIABLES, read_environment

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping


class InstrumentError(ValueError):
    """What `instrument()` was given cannot work; the message says what was wrong and what to do."""


@dataclass(frozen=True)
class Config:
    """Settings of `instrument(trainer, …)`; unknown names and bad values raise before training begins."""

    adapter: Any = None
    """What kind of trainer it is: an adapter of your own (see docs/extending.md), its class, or a known one's name."""
    executor: Any = None
    """Name or dotted path below the trainer (`"engine.run"`), or the object itself; found by shape when `None`."""
    reward: Any = None
    """The same for the reward computer."""
    judge: Any = None
    """The same for the judge function, looked for on the reward computer first."""
    step: str | None = None
    """Name of the trainer's step method."""
    validation: str | None = None
    """Name of the trainer's validation method."""
    items: Any = None
    """The same for what hands out dataset items."""
    policy: Any = None
    """A client, or a list of clients, that the policy itself is called through."""
    run: Any = None
    """The W&B run to add payloads to; `wandb.run` when `None`, no W&B at all when `False`."""
    prices: Mapping[str, Mapping[str, Any]] | None = None
    """USD per million tokens for your own models: `{"my-model": {"input": 0.1, "cached": 0.05, "output": 0.4}}`."""
    threshold: float = 0.9
    """A rollout is correct when its reward is at least this."""
    console: int = 10
    """Print a summary to stderr every so many steps; 0 for never."""
    folder: Path | None = None
    """Where the JSONL goes; by default the W&B run's folder, or `llm_telemetry` in the working directory."""
    resume: bool | None = None
    """Go on with the run's earlier counts: by default where the W&B run has an earlier run's id; with `True` also from
    the latest JSONL in `folder`; with `False` never."""
    rescue_rows: bool = False
    """Keep the rows of yours that W&B drops, under `rescued/…` with an x-axis of their own; see docs/wandb.md."""
    judge_parser: str | Callable[[str], object] | None = None
    """Your own reading of the judge's text: a regular expression, or a function that returns the verdict."""
    alarm: Mapping[str, Any] | bool = True
    """Limits of the judge's health and of the spending, such as `{"budget": 50}`; `False` for no alarm; see
    docs/settings.md."""
    capture_failures: int = 0
    """Keep so many failed or contradictory evaluations a step with their text, cut and without secrets."""
    collectors: tuple[Any, ...] = field(default=())
    """Your own collectors, see docs/extending.md."""
    sinks: tuple[Any, ...] = field(default=())
    """Your own sinks, see docs/extending.md."""
    jsonl: bool = True
    """Write the JSONL."""
    enabled: bool = True
    """With `False` nothing is watched, and `instrument()` returns a handle that works and has nothing to tell."""
    strict: bool = False
    """Raise failures of telemetry's own instead of going on with less of it; for tests."""

    @classmethod
    def of(cls, settings: Mapping[str, Any], environ: Mapping[str, str] = os.environ) -> Config:
        """Check `settings` and make them a `Config`; what they leave open is in the environment, or has a default.

        `LLM_TELEMETRY=0` turns everything off, whatever the settings are.

        Raises:
            InstrumentError: A name is unknown, or a value cannot work.
            VariableError: A variable has a value that cannot work.
        """
        if VARIABLES[0].read(environ).get("enabled") is False:
            return cls(enabled=False)
        known = [f.name for f in fields(cls)]
        if unknown := sorted(set(settings) - set(known)):
            raise InstrumentError(f"instrument() has no setting {', '.join(unknown)}; there are: {', '.join(known)}")
        given = {**read_environment(environ, settings)[0], **settings}
        for name, is_right, what in _RULES:
            if name in given and not is_right(given[name]):
                raise InstrumentError(f"{name} must be {what}, not {given[name]!r}")
        _check_methods(given)
        _check_alarm(given)
        config = cls(**{name: _CONVERSIONS.get(name, _as_it_is)(value) for name, value in given.items()})
        if config.resume and config.folder is None:
            raise InstrumentError("resume=True needs folder=, where the earlier run's JSONL is")
        return config

    def differences(self, other: Config) -> list[str]:
        """Return the names of the settings in which `self` and `other` differ."""
        return [f.name for f in fields(self) if getattr(self, f.name) != getattr(other, f.name)]


def _as_it_is(value: Any) -> Any:
    return value


def _tuple(value: Any) -> tuple[Any, ...]:
    return tuple(value or ())


def _path(value: Any) -> Path | None:
    return None if value is None else Path(value)


_CONVERSIONS: Mapping[str, Callable[[Any], Any]] = {"collectors": _tuple, "sinks": _tuple, "folder": _path}


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_count(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _is_method_name(value: Any) -> bool:
    return value is None or isinstance(value, str)


def _is_switch(value: Any) -> bool:
    return isinstance(value, bool)


def _is_list(value: Any) -> bool:
    return value is None or isinstance(value, list | tuple)


def _is_folder(value: Any) -> bool:
    return value is None or isinstance(value, str | os.PathLike)


def _is_run(value: Any) -> bool:
    return value is None or value is False or callable(getattr(value, "log", None))


def _is_client(value: Any) -> bool:
    return value is None or hasattr(value, "with_options")


def _is_clients(value: Any) -> bool:
    return all(map(_is_client, value)) if isinstance(value, list | tuple) else _is_client(value)


_RULES: tuple[tuple[str, Callable[[Any], bool], str], ...] = (
    ("threshold", _is_number, "a finite number such as 0.9"),
    ("console", _is_count, "a whole number of steps (0 for never)"),
    ("capture_failures", _is_count, "a whole number of evaluations a step (0 for none)"),
    ("step", _is_method_name, "the name of a method of the trainer"),
    ("validation", _is_method_name, "the name of a method of the trainer"),
    ("folder", _is_folder, "a path"),
    ("run", _is_run, "a W&B run, False for no W&B, or None for wandb.run"),
    ("policy", _is_clients, "a client of the SDK, or a list of clients"),
    ("resume", lambda value: value in (None, True, False), "True, False or None"),
    ("rescue_rows", _is_switch, "True or False"),
    ("jsonl", _is_switch, "True or False"),
    ("enabled", _is_switch, "True or False"),
    ("strict", _is_switch, "True or False"),
    ("collectors", _is_list, "a list of collectors"),
    ("sinks", _is_list, "a list of sinks"),
)
_METHODS = (("collectors", "add"), ("collectors", "collect"), ("sinks", "write"), ("sinks", "close"))


def _check_methods(given: Mapping[str, Any]) -> None:
    for kind, method in _METHODS:
        for one in given.get(kind) or ():
            if not callable(getattr(one, method, None)):
                raise InstrumentError(f"{kind}: {one!r} has no method {method}(); see docs/extending.md")


def _check_alarm(given: Mapping[str, Any]) -> None:
    try:
        limits_of(given.get("alarm", True))
    except ValueError as error:
        raise InstrumentError(f"alarm: {error}; see docs/settings.md") from error
