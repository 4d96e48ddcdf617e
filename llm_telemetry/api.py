"""`instrument(trainer)`, and the handle that it returns."""

from __future__ import annotations

import atexit
import logging
import weakref
from typing import TYPE_CHECKING, Any

from llm_telemetry import __version__
from llm_telemetry.clients import libraries as clients
from llm_telemetry.clients.calls import finish_held
from llm_telemetry.collectors.pricing import own_rates
from llm_telemetry.guard import guarded
from llm_telemetry.hooks.patching import patches
from llm_telemetry.lifecycle.by_hand import Lifecycle
from llm_telemetry.objects import weakly
from llm_telemetry.processes.children import forget_children, join_ranks, tell_children
from llm_telemetry.runs.place import Place
from llm_telemetry.session.session import Session, active
from llm_telemetry.settings.config import Config, InstrumentError
from llm_telemetry.settings.variables import VariableError, configured
from llm_telemetry.settings.words import refuse
from llm_telemetry.sinks.console import ConsoleSink
from llm_telemetry.sinks.jsonl import JsonlSink
from llm_telemetry.sinks.wandb.sink import WandbSink
from llm_telemetry.trainers.description import describe
from llm_telemetry.trainers.registry import adapter_for
from llm_telemetry.trainers.script import SCRIPT
from llm_telemetry.trainers.wiring import hook_all, unhook

if TYPE_CHECKING:
    import os
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path
    from types import TracebackType

    from typing_extensions import Self

    from llm_telemetry.collectors.base import Collector
    from llm_telemetry.collectors.cost import CostTracker
    from llm_telemetry.collectors.dataset import DatasetMetricsCollector
    from llm_telemetry.collectors.judge import JudgeMetricsCollector
    from llm_telemetry.sinks.base import Sink
    from llm_telemetry.trainers.adapter import Adapter, Found
    from llm_telemetry.trainers.description import Description

log = logging.getLogger("llm_telemetry")

_handles: dict[int, Telemetry] = {}
before_watching: list[Callable[[Any, Description], object]] = []
"""Called with a trainer and what was found on it, when it is about to be watched."""
_released: dict[int, weakref.ref[Any]] = {}
"""Trainers that telemetry was taken off: nobody watches them again unasked."""


class Telemetry(Lifecycle):
    """What `instrument()` returns; as a context manager it takes itself off at the end."""

    def __init__(self, trainer: Any, config: Config, found: Found, description: Description) -> None:
        """Make the session and put the hooks in place; `instrument()` does this."""
        self._config = config
        self._trainer = weakly(trainer)
        self._key = id(trainer)
        self._looked_back = False
        self._gives_way = False
        self._description = description
        self._finalizer: weakref.finalize[Any, Any] | None = None
        wandb = (
            None
            if config.run is False
            else WandbSink(config.run, rescue_rows=config.rescue_rows, before_end=self.flush)
        )
        self._place = Place(config, wandb)
        self._jsonl = JsonlSink(self._place, description.as_json(__version__))
        own: list[Any] = [
            self._jsonl if config.jsonl else None,
            wandb,
            ConsoleSink(config.console) if config.console else None,
        ]
        sinks = [*(sink for sink in own if sink is not None), *config.sinks]
        self._session = Session(config, sinks, self._place.facts)
        self._session.before_phase.append(self._begin)
        self._session.before_flush += [patches.verify, clients.catch_up]
        join_ranks(self._session)
        self._hooks = hook_all(self._session, trainer, found.watched)
        tell_children(self._session, found.watched)
        self._session.counts.judge.expect(part.label for _, part in found.watched if part.label)
        active.append(self._session)

    @classmethod
    def off(cls) -> Telemetry:
        """Return a handle on nothing: it works, and has nothing to tell."""
        nothing = cls.__new__(cls)
        nothing._config = Config(enabled=False)
        nothing._gives_way = False
        nothing._place = Place(nothing._config, None)
        nothing._jsonl = JsonlSink(nothing._place)
        nothing._session = Session(nothing._config)
        nothing._session.closed = True
        return nothing

    @guarded
    def _begin(self) -> None:
        """At the start of each step see whether there is a W&B run by now; go on with its counts, once."""
        self._place.attach()
        if not self._looked_back and (
            self._place.run is not None or self._config.run is False or self.path is not None
        ):
            self._looked_back = True
            state = self._place.state()
            if state is not None:
                self._session.restore(state)

    @property
    def dataset(self) -> DatasetMetricsCollector:
        """What was counted of rollouts since the last payload."""
        return self._session.counts.dataset

    @property
    def judge(self) -> JudgeMetricsCollector:
        """What was counted of evaluations since the last payload."""
        return self._session.counts.judge

    @property
    def cost(self) -> CostTracker:
        """What was spent since the run began."""
        return self._session.counts.cost

    @property
    def path(self) -> Path | None:
        """The JSONL with every payload; `None` before the first."""
        return self._jsonl.path

    def __str__(self) -> str:
        """Say in one line what is watched, and where the payloads go."""
        if self._session.closed:
            return "nothing is watched"
        return f"{self._description.in_words()}; payloads in {self._place.foreseen()}"

    def flush(self) -> None:
        """Make a payload now of what no step's end has flushed."""
        self._session.flush_rest()

    def print_summary(self) -> None:
        """Print what was counted since the last payload, and the costs of the run."""
        for show in (self.dataset.print_summary, self.judge.print_summary, self.cost.print_summary):
            show()

    def uninstrument(self) -> None:
        """Flush what is left, close the files and remove every hook; twice is a no-op."""
        if self._session not in active:
            return
        if self._finalizer is not None:
            self._finalizer.detach()  # first: the trainer may go while the rest is flushed
        finish_held(self._session)
        self._session.close()
        active.remove(self._session)
        forget_children(self._session)
        unhook(self._hooks)
        _handles.pop(self._key, None)
        if isinstance(self._trainer, weakref.ref):
            _released[self._key] = self._trainer

    def _let_go(self) -> None:
        """Take itself off when the trainer is gone; in the middle of its own work, at the end of the process."""
        if not self._session.is_busy():
            self.uninstrument()

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Take the telemetry off; the exception, if there is one, goes on its way."""
        self.uninstrument()


def instrument(  # noqa: D417, PLR0913 - a keyword for each row of the table of settings
    trainer: object = SCRIPT,
    *,
    adapter: Adapter | type[Adapter] | str | None = None,
    executor: object | None = None,
    reward: object | None = None,
    judge: object | None = None,
    step: str | None = None,
    validation: str | None = None,
    items: object | None = None,
    policy: object | None = None,
    threshold: float | Callable[[float], bool] | None = None,
    prices: Mapping[str, Mapping[str, float]] | None = None,
    judge_parser: str | Callable[[str], object] | None = None,
    capture_failures: int | None = None,
    collectors: Sequence[Collector] | None = None,
    alarm: Mapping[str, float | None] | bool | None = None,
    run: object | None = None,
    folder: str | os.PathLike[str] | None = None,
    resume: bool | None = None,
    rescue_rows: bool | None = None,
    console: int | None = None,
    sinks: Sequence[Sink] | None = None,
    jsonl: bool | None = None,
    enabled: bool | None = None,
    strict: bool | None = None,
) -> Telemetry:
    """Watch `trainer`: after every training step its payload is on disk and in the trainer's own W&B run.

    Twice with the same settings returns the same handle. Several trainers may be watched at once; a call outside
    of every step belongs to the trainer whose step is open, or was instrumented last.

    docs/settings.md says what each setting means, and its default. One that is `None` is as good as not given: it is
    in the environment (docs/activation.md), or has its default.

    Args:
        trainer: The trainer object. Its executor, reward computer, judge function, step and validation are found
            by shape. Without one, the functions that are named are watched, and the handle is told the rest by hand.
        adapter, executor, reward, judge, step, validation, items, policy: What to watch.
        threshold, prices, judge_parser, capture_failures, collectors: What to count.
        alarm: When to sound the alarm.
        run, folder, resume, rescue_rows, console, sinks, jsonl, enabled, strict: Where it goes.

    Returns:
        A handle; keeping it is not necessary. One that works and has nothing to tell with `LLM_TELEMETRY=0`, and
        when a variable has a value that cannot work: that is told on stderr, and training goes on.

    Raises:
        InstrumentError: There is nothing to hook on `trainer`, or a setting cannot work; the message says why.
    """
    given = {**locals()}
    return _watch(given.pop("trainer"), given)


def _watch(trainer: Any, given: dict[str, Any]) -> Telemetry:
    config = _configured(given)
    if config is None:
        return Telemetry.off()
    _check_trainer(trainer)
    known = _handles.get(id(trainer))
    if known is not None and known._trainer() is trainer:
        same = _same(known, config)
        if same is not None:
            return same
        known.uninstrument()
    adapter = adapter_for(trainer, config.adapter)
    found = adapter.find(trainer, config)
    description = describe(trainer, adapter, found, config)
    for look in before_watching:
        look(trainer, description)
    telemetry = Telemetry(trainer, config, found, description)
    _handles[id(trainer)] = telemetry
    for lack in found.lacks:
        log.warning("%s: %s", type(trainer).__name__, lack)
    _release_with(trainer, telemetry)
    return telemetry


def uninstrument(trainer: Any) -> None:
    """Take the telemetry off `trainer`; a no-op where there is none."""
    telemetry = _handles.get(id(trainer))
    if telemetry is not None and telemetry._trainer() is trainer:
        telemetry.uninstrument()


def was_released(trainer: Any) -> bool:
    """Tell whether telemetry was on `trainer`, and has been taken off."""
    known = _released.get(id(trainer))
    return known is not None and known() is trainer


def _configured(given: dict[str, Any]) -> Config | None:
    """Return the settings; `None` when telemetry is off, or cannot work because of a variable."""
    try:
        config = configured(given)
        if given["prices"] is None:
            _check_prices(config)
    except VariableError as error:
        refuse(error)
        return None
    return config if config.enabled else None


def _check_prices(config: Config) -> None:
    try:
        own_rates(config.prices)
    except InstrumentError as error:
        raise VariableError(f"LLM_TELEMETRY_PRICES: {error}") from error


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


def _release_with(trainer: Any, telemetry: Telemetry) -> None:
    """Take the telemetry off when the trainer is gone, or the process ends."""
    try:
        telemetry._finalizer = weakref.finalize(trainer, telemetry._let_go)
        telemetry._finalizer.atexit = False
    except TypeError:  # slots without `__weakref__`
        log.debug("%s cannot be referenced weakly", type(trainer).__name__)


@guarded
def _finish_all() -> None:
    for telemetry in list(_handles.values()):
        telemetry.uninstrument()


atexit.register(_finish_all)
