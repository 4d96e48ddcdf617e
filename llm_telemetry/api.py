"""`instrument(trainer)`, `watch(function)`, and `uninstrument(trainer)`."""

from __future__ import annotations

import atexit
import functools
from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeVar, overload

from llm_telemetry import __version__, stopping
from llm_telemetry.collectors.pricing import own_rates
from llm_telemetry.guard import attempt, guarded, log
from llm_telemetry.handle import Telemetry, handle_of, handles
from llm_telemetry.hooks.scopes import session_here
from llm_telemetry.lifecycle.marks import mark, rewarding
from llm_telemetry.settings.config import Config, InstrumentError
from llm_telemetry.settings.variables import VariableError, configured
from llm_telemetry.trainers.description import describe
from llm_telemetry.trainers.registry import adapter_for
from llm_telemetry.trainers.script import SCRIPT, Script, WatchedFunctions
from llm_telemetry.words import refuse

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence

    from llm_telemetry.collectors.base import Collector
    from llm_telemetry.events import Payload
    from llm_telemetry.session.session import Session
    from llm_telemetry.sinks.base import ScalarWriter, Sink
    from llm_telemetry.trainers.adapter import Adapter, Found
    from llm_telemetry.trainers.description import Description


F = TypeVar("F", bound="Callable[..., Any]")
_NOTHING = Telemetry.off()
"""What there is to tell where a failure of ours ends `instrument()`: the training begins without telemetry."""
before_watching: list[Callable[[Any, Description], object]] = []
"""Called with a trainer and what was found on it, when it is about to be watched."""


# The settings stand in groups, which the formatter would take apart.
# fmt: off
def instrument(  # noqa: D417, PLR0913 - a keyword for each row of the table of settings
    trainer: object = SCRIPT,
    *,
    adapter: Adapter | type[Adapter] | str | None = None, executor: object | None = None,
    reward: object | None = None, judge: object | None = None, step: str | None = None, validation: str | None = None,
    steps: int | None = None, items: object | None = None, source: str | None = None, policy: object | None = None,
    threshold: float | Callable[[float], bool] | None = None,
    correct: str | None = None, unrewarded_is_wrong: bool | None = None,
    prices: Mapping[str, Mapping[str, float | Mapping[str, float]]] | None = None,
    rule: Callable[[Mapping[str, Any], str], object] | None = None,
    judge_parser: str | Callable[[str], object] | None = None,
    judge_scale: tuple[float, float] | None = None, judge_inverted: bool | None = None,
    capture_failures: int | None = None, collectors: Sequence[Collector] | None = None,
    alarm: Mapping[str, float | None] | bool | None = None,
    stop_when: str | Callable[[Payload], object] | None = None,
    run: object | None = None, folder: str | os.PathLike[str] | None = None,
    spool: str | os.PathLike[str] | None = None, resume: bool | None = None, rescue_rows: bool | None = None,
    console: int | None = None, sinks: Sequence[Sink | ScalarWriter | str] | None = None, jsonl: bool | None = None,
    enabled: bool | None = None, strict: bool | None = None,
) -> Telemetry:
    """Watch `trainer`: after every training step its payload is on disk and in the trainer's own W&B run.

    Twice with the same settings returns the same handle. A call outside of every step belongs to the trainer whose step
    is open, or was instrumented last. docs/settings.md says what the settings mean; `None` is as good as not given.

    Args:
        trainer: Without one, the functions that are named are watched, and the handle is told the rest by hand.

    Returns:
        A handle; with `LLM_TELEMETRY=0`, a variable that cannot work (told on stderr), or a failure of ours (logged),
        it has nothing to tell.

    Raises:
        InstrumentError: There is nothing to hook on `trainer`, or a setting cannot work; the message says why.
    """
    given = {**locals()}
    telemetry = _try_to_watch(given.pop("trainer"), given)
    if isinstance(telemetry, InstrumentError):
        raise telemetry
    return telemetry or _NOTHING


# fmt: on


@guarded
def _try_to_watch(trainer: Any, given: dict[str, Any]) -> Telemetry | InstrumentError:
    try:
        return _watch(trainer, given)
    except InstrumentError as error:
        return error


def _watch(trainer: Any, given: dict[str, Any]) -> Telemetry:
    config = _configured(given)
    if config is None:
        return Telemetry.off()
    _check_trainer(trainer)
    known = handle_of(trainer)
    if known is not None:
        same = _same(known, config)
        if same is not None:
            return same
        known.uninstrument()
    for handle in list(handles.values()):
        if handle._gives_way and isinstance(handle._trainer(), ModuleType | Script):
            handle.uninstrument()  # there is a trainer, after all
    try:
        adapter = adapter_for(trainer, config.adapter)
        found = adapter.find(trainer, config)
        _check_names(config, found)
    except InstrumentError as error:
        if not (named := _named_by_variables(given, config)):
            raise
        refuse(VariableError(f"{', '.join(named)}: {error}"))
        return Telemetry.off()
    description = describe(trainer, adapter, found, config)
    for look in before_watching:
        look(trainer, description)
    telemetry = Telemetry(trainer, config, found, description, __version__)
    handles[id(trainer)] = telemetry
    for lack in found.lacks:
        log.warning("%s: %s", type(trainer).__name__, lack)
    attempt(telemetry.go_with, trainer)
    return telemetry


@overload
def watch(function: F, *, source: str | None = None) -> F: ...
@overload
def watch(*, source: str | None = None) -> Callable[[F], F]: ...
def watch(function: Any = None, *, source: str | None = None) -> Any:
    """Watch a reward function wherever it is called, with or without a trainer: each item that it rewards is a rollout.

    Where nothing else is watched, this begins with it. Steps are those of the trainer, or told by hand
    (`instrument().step(1)`), else each row that the program logs to W&B ends one.

    Args:
        function: For one item or for lists, sync or async; it may be decorated. What it asks LLMs is a judge's.
        source: The argument, or the field in one, that tells the dataset; what no call has is the dataset's name.

    Returns:
        The same function; its signature, its docstring and whether it is async are what they were.

    Raises:
        TypeError: It is no function.
    """
    if function is None:
        return functools.partial(watch, source=source)
    hooked = mark(function, "watch", rewarding(source), _session_or_new)
    _session_or_new()
    return hooked


@guarded
def _session_or_new() -> Session | None:
    """Return the session that a call here belongs to; where there is none, begin one that gives way to any other."""
    if (session := session_here()) is not None:
        return session
    telemetry = instrument(adapter=WatchedFunctions)
    telemetry._gives_way = True
    return None if telemetry._session.closed else telemetry._session


def uninstrument(trainer: Any) -> None:
    """Take the telemetry off `trainer`; a no-op where there is none."""
    telemetry = handle_of(trainer)
    if telemetry is not None:
        telemetry.uninstrument()


def _configured(given: dict[str, Any]) -> Config | None:
    """Return the settings; `None` when telemetry is off, or cannot work because of a variable."""
    try:
        config = configured(given)
        if given["prices"] is None:
            _check("PRICES", lambda: own_rates(config.prices))
        if given["stop_when"] is None:
            _check("STOP_WHEN", lambda: stopping.check(config))
    except VariableError as error:
        refuse(error)
        return None
    return config if config.enabled else None


def _named_by_variables(given: dict[str, Any], config: Config) -> list[str]:
    """Return the variables that name parts of the trainer, where code does not."""
    parts = ("adapter", "executor", "reward", "judge", "step", "validation", "items", "source", "correct")
    said = [part for part in parts if given[part] is None and getattr(config, part) is not None]
    return [f"LLM_TELEMETRY_{part.upper()}" for part in said]


def _check_names(config: Config, found: Found) -> None:
    """Refuse the name of a reward function, or of a column, that there is not."""
    if config.correct is not None and found.rewards is not None and config.correct not in found.rewards:
        there = ", ".join(found.rewards) if found.rewards else "one reward only: leave it out, or see threshold="
        raise InstrumentError(f"correct={config.correct!r}: there is no such reward function; there is {there}")
    constant = config.source is None or config.source.startswith("=")
    if not constant and found.columns is not None and config.source not in found.columns:
        raise InstrumentError(
            f"source={config.source!r}: there is no such column; there are {', '.join(found.columns)}. A constant is "
            f"written source='={config.source}'"
        )


def _check(variable: str, check: Callable[[], object]) -> None:
    try:
        check()
    except InstrumentError as error:
        raise VariableError(f"LLM_TELEMETRY_{variable}: {error}") from error


def _check_trainer(trainer: Any) -> None:
    if trainer is None:
        raise InstrumentError("instrument() was given None; give the trainer object, after it has been built")
    if isinstance(trainer, type):
        raise InstrumentError(f"instrument() was given the class {trainer.__name__}; give an instance of it")


def _same(known: Telemetry, config: Config) -> Telemetry | None:
    """Return the handle that there is, if it will do; `None` for one that gives way to what code says."""
    differences = known._config.differences(config)
    if differences and known._gives_way:
        return None
    if differences:
        raise InstrumentError(
            f"this trainer is watched already, with other settings ({', '.join(differences)}); "
            f"call uninstrument() first to change them"
        )
    return known


@guarded
def _finish_all() -> None:
    for telemetry in list(handles.values()):
        telemetry.uninstrument()


atexit.register(_finish_all)
