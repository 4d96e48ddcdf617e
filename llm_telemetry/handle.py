"""The handle that `instrument()` returns: a session, its sinks and its hooks, put together and taken apart."""

from __future__ import annotations

import weakref
from contextlib import ExitStack
from typing import TYPE_CHECKING, Any

from llm_telemetry.clients import libraries as clients
from llm_telemetry.clients.calls import finish_held
from llm_telemetry.guard import after_own_work, attempt, guarded, log
from llm_telemetry.hooks.patching import patches
from llm_telemetry.lifecycle.by_hand import Lifecycle
from llm_telemetry.objects import weakly
from llm_telemetry.processes.owner import forget_children, join_ranks, tell_children
from llm_telemetry.runs.place import Place
from llm_telemetry.session.matching import RolloutBook
from llm_telemetry.session.session import Session
from llm_telemetry.session.sessions import active
from llm_telemetry.settings.config import Config
from llm_telemetry.sinks.console import ConsoleSink, summary_lines
from llm_telemetry.sinks.jsonl import JsonlSink
from llm_telemetry.sinks.trackers.sink import Trackers, is_tracker
from llm_telemetry.sinks.wandb.sink import WandbSink
from llm_telemetry.sources import clean_source
from llm_telemetry.trainers import kinds
from llm_telemetry.trainers.frameworks import table as frameworks
from llm_telemetry.trainers.length import steps_of
from llm_telemetry.trainers.wiring import hook_all, unhook

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from pathlib import Path
    from types import TracebackType

    from typing_extensions import Self

    from llm_telemetry.collectors.cost import CostTracker
    from llm_telemetry.collectors.dataset import DatasetMetricsCollector
    from llm_telemetry.collectors.judge import JudgeMetricsCollector
    from llm_telemetry.hooks.patching import Key
    from llm_telemetry.trainers.adapter import Found
    from llm_telemetry.trainers.description import Description


handles: dict[int, Telemetry] = {}
"""Of all trainers that are watched, by the id of the trainer."""
_released: dict[int, weakref.ref[Any]] = {}
"""Trainers that telemetry was taken off: nobody watches them again unasked."""


class Telemetry(Lifecycle):
    """What `instrument()` returns; as a context manager it takes itself off at the end."""

    def __init__(self, trainer: Any, config: Config, found: Found, description: Description, version: str) -> None:
        """Make the session and put the hooks in place; `instrument()` does this."""
        self._config = config
        self._trainer = weakly(trainer)
        self._key = id(trainer)
        self._looked_back = False
        self._gives_way = False
        self._description = description
        self._finalizer: weakref.finalize[Any, Any] | None = None
        sinks = self._make_sinks(clean_source(type(trainer).__name__).strip("_"), found, description.as_json(version))
        self._session = Session(config, sinks, self._place.facts)
        self._session.before_phase.append(self._begin)
        self._session.before_flush += [patches.verify, clients.catch_up]
        if found.rows_are_steps or found.log_takes_payloads:  # no step begins at which to look for it
            self._session.before_flush.append(self._begin)
        _expect(self._session, found)
        self._hooks: list[Key] = []
        with ExitStack() as undo:
            undo.callback(self._let_go)
            join_ranks(self._session)
            self._hooks = hook_all(self._session, trainer, found.watched)
            if found.in_modules:
                frameworks.arrivals.watch(self._hooks)
            tell_children(self._session, found.watched)
            active.append(self._session)
            undo.pop_all()

    def _make_sinks(self, name: str, found: Found, watched: Mapping[str, Any]) -> list[Any]:
        """Return what payloads are given to, in this order; `name` is the trainer's."""
        config = self._config
        wandb = None
        if config.run is not False:
            ends_row = self._end_step if found.rows_are_steps else lambda _step: None
            ours: dict[str, Any] = {"before_end": self._flush_now, "before_row": ends_row, "name": name}
            writes = not found.log_takes_payloads
            wandb = WandbSink(config.run, rescue_rows=config.rescue_rows, writes=writes, **ours)
        self._place = Place(config, wandb)
        self._jsonl = JsonlSink(self._place, watched)
        own: list[Any] = [
            self._jsonl if config.jsonl else None,
            wandb,
            Trackers(config.sinks, self._trainer, self._tensorboard_folder, name),
            ConsoleSink(config.console) if config.console else None,
        ]
        return [*(sink for sink in own if sink is not None), *(one for one in config.sinks if not is_tracker(one))]

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
        """At the start of each step see whether there is a W&B run by now; go on with its counts, once.

        Who has said `resume=True` has named the folder, too: its counts are there before the first step.
        """
        self._place.attach()
        if not self._looked_back and (
            self._config.resume or self._place.run is not None or self._config.run is False or self.path is not None
        ):
            self._looked_back = True
            state = self._place.state()
            if state is not None:
                self._session.restore(state)

    def _tensorboard_folder(self) -> Path:
        """Say where event files of our own go: beside the JSONL."""
        beside = self.path or self._place.path()
        return beside.parent / "tensorboard" / beside.stem

    @property
    def dataset(self) -> DatasetMetricsCollector:
        """What was counted of rollouts since the last payload."""
        return self._session.counted().dataset

    @property
    def judge(self) -> JudgeMetricsCollector:
        """What was counted of evaluations since the last payload."""
        return self._session.counted().judge

    @property
    def cost(self) -> CostTracker:
        """What was spent since the run began."""
        return self._session.counted().cost

    @property
    def path(self) -> Path | None:
        """The JSONL with every payload; `None` before the first."""
        return self._jsonl.path

    def __str__(self) -> str:
        """Say in one line what is watched, and where the payloads go."""
        return (None if self._session.closed else self._in_words()) or "nothing is watched"

    @guarded
    def _in_words(self) -> str:
        return f"{self._description.in_words()}; payloads in {self._place.foreseen()}"

    @after_own_work
    def flush(self) -> None:
        """Make a payload now of what no step's end has flushed.

        Called in the middle of telemetry's own work (by a signal handler, say), it is done right after that.
        """
        self._flush_now()

    def _end_step(self, step: int) -> Callable[[], None]:
        """End a step whose row is about to be written, and return what stops the training after that, if anything."""
        self._session.end_window(step)
        return self._session.stopping.stop

    def _flush_now(self) -> None:
        self._session.flush_rest()

    @guarded
    def print_summary(self) -> None:
        """Print the latest payload, and that of the latest validation; before the first, what was counted so far."""
        latest = self._session.latest.values()
        for payload in latest:
            print("\n".join(summary_lines(payload)))  # noqa: T201 - what it is for
        for collector in () if latest else (self.dataset, self.judge, self.cost):
            collector.print_summary()

    @after_own_work
    def uninstrument(self) -> None:
        """Flush what is left, close the files and remove every hook; twice is a no-op."""
        if self._session not in active:
            return
        if self._finalizer is not None:
            self._finalizer.detach()  # first: the trainer may go while the rest is flushed
        finish_held(self._session)
        attempt(self._session.close)
        self._let_go()
        handles.pop(self._key, None)
        if isinstance(self._trainer, weakref.ref):
            _released[self._key] = self._trainer

    def _let_go(self) -> None:
        """Leave no trace, whatever of it fails."""
        active[:] = [session for session in active if session is not self._session]
        attempt(forget_children, self._session)
        attempt(unhook, self._hooks)

    def go_with(self, trainer: Any) -> None:
        """Take itself off when the trainer is gone."""
        try:
            self._finalizer = weakref.finalize(trainer, self.uninstrument)
            self._finalizer.atexit = False
        except TypeError:  # slots without `__weakref__`
            log.debug("%s cannot be referenced weakly", type(trainer).__name__)

    def __enter__(self) -> Self:
        """Return itself."""
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: TracebackType | None) -> None:
        """Take the telemetry off; the exception, if there is one, goes on its way."""
        self.uninstrument()


def _expect(session: Session, found: Found) -> None:
    """Say to what counts what a trainer with these parts will do, so that what does not come is told."""
    session.trains = found.trains
    session.counts.look_for_steps = lambda: session.config.steps or steps_of(session.parts.trainer())
    session.counts.gaps.expects_calls = not found.answers_itself
    session.counts.gaps.has_executor = found.has_executor
    session.counts.judge.expect(part.label for _, part in found.watched if part.label)
    if isinstance(book := session.rollouts, RolloutBook):
        rewarding = {kinds.REWARD.name, kinds.JUDGING_REWARD.name}
        book.expects_rewards = any(kind.name in rewarding for kind, _ in found.watched)
        book.unrewarded_is_wrong = session.config.unrewarded_is_wrong or found.unrewarded_is_wrong


def handle_of(trainer: Any) -> Telemetry | None:
    """Return the handle of a trainer that is watched."""
    handle = handles.get(id(trainer))
    return handle if handle is not None and handle._trainer() is trainer else None


def was_released(trainer: Any) -> bool:
    """Tell whether telemetry was on `trainer`, and has been taken off."""
    known = _released.get(id(trainer))
    return known is not None and known() is trainer
