"""What `LLM_TELEMETRY=1` does for a script of functions: they are watched from the first one on that is called.

As soon as an LLM client is there, the functions of the main program that look like parts of a training have it looked
at when they are called, and so has each LLM call that nobody hears, for a function may be at work already by then.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import sys
from typing import TYPE_CHECKING, Any

from llm_telemetry import api
from llm_telemetry.activation import adopt, ending
from llm_telemetry.clients import libraries as clients
from llm_telemetry.clients.unheard import unheard
from llm_telemetry.guard import guarded
from llm_telemetry.handle import handles
from llm_telemetry.hooks.patching import Key, Row, patches
from llm_telemetry.hooks.scopes import innermost
from llm_telemetry.lifecycle import spans
from llm_telemetry.lifecycle.functions import parameters_of, scope_in
from llm_telemetry.lifecycle.items import given_in
from llm_telemetry.settings.config import Config, InstrumentError
from llm_telemetry.settings.variables import VariableError
from llm_telemetry.trainers.kinds import JUDGE, ROLLOUT
from llm_telemetry.trainers.module import ModuleFunctions

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from types import FrameType

    from llm_telemetry.session.session import Session
    from llm_telemetry.trainers.kinds import Watched

UNSEEN = (
    "%s was at work when this script was found: what it returns this time is not seen, its rollout is unscored. "
    "llm-telemetry run finds a script before its first call"
)
_looked_at: dict[str, int] = {}
"""How many names the main program had when it was looked at."""
_hooked_at: list[int] = []
"""How many it had when its functions got hooks."""
_waiting: list[Key] = []
"""Hooks on functions of a script that is not watched yet."""


@guarded
def watch_clients(
    library: str, made: Callable[[], object], unfound: Callable[[], Iterable[tuple[str, str]]] = tuple
) -> None:
    """Call `made` whenever a client of this library has been made; from now on calls that nobody hears are counted.

    Args:
        library: Which one; it has been imported.
        made: What to call.
        unfound: Gives the trainers that the user has named and that are not there, to tell at the end.
    """
    if ending.expect(unfound):
        clients.watch([])
        unheard.looks.append(_adopt_at_work)
        api.before_watching.append(_forget)
    clients.arrived(library)
    clients.when_made(library, made)


@guarded
def watch_functions() -> None:
    """Have the main program looked at when one of its functions is called; a trainer's class speaks for itself."""
    size = len(vars(sys.modules["__main__"]))
    if handles or adopt.classes or size in _hooked_at:
        return
    _forget()
    _hooked_at[:] = [size]
    with contextlib.suppress(InstrumentError):
        for _, part in ModuleFunctions().find(sys.modules["__main__"], Config()).watched:
            key = patches.apply(Row(part.owner, part.name, functools.partial(_look, part.owner, part.name)))
            _waiting.extend(() if key is None else (key,))


def _look(owner: Any, name: str, wrapped: Any, _instance: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
    return (getattr(owner, name) if _adopt() else wrapped)(*args, **kwargs)


def _forget(*_: object) -> None:
    patches.undo(_waiting)
    _waiting.clear()


@guarded
def _adopt() -> Session | None:
    """Watch the functions of the main program, where no trainer is there."""
    main = sys.modules["__main__"]
    with adopt.lock:
        if handles or _looked_at.get("__main__") == len(vars(main)):
            return None
        _looked_at["__main__"] = len(vars(main))
        _forget()
        with contextlib.suppress(InstrumentError, VariableError):
            telemetry = adopt.watch(main, {})
            return None if telemetry is None else telemetry._session
        return None


@guarded
def _adopt_at_work() -> None:
    """Do so in the middle of an LLM call, and know whose it is."""
    session = _adopt()
    if session is not None:
        _catch_up(session, ModuleFunctions().find(sys.modules["__main__"], Config()).watched)


def _catch_up(session: Session, watched: Iterable[Watched]) -> None:
    """Know what functions have been entered before they were watched: the calls in them have their roles.

    What was executed waits for its reward; what is being rewarded will not tell it.
    """
    rows = {inspect.unwrap(row.part.function).__code__: row for row in watched}
    for frame in [frame for frame in _stack() if frame.f_code in rows]:
        kind, part = rows[frame.f_code]
        fields = {name: frame.f_locals[name] for name in parameters_of(part.function) if name in frame.f_locals}
        if kind.name == ROLLOUT.name:
            execution = spans.Execution(scope_in(session, innermost()), given_in(fields))
            execution.end(None, None)
            session.parts.entered[frame.f_code] = "executor", execution.rollouts[0]
        elif kind.clients is not None:
            session.parts.entered[frame.f_code] = kind.clients, None
            session.tell(UNSEEN, part.name)
            if kind.name != JUDGE.name:
                spans.Reward(scope_in(session, innermost()), given_in(fields)).end(None, InterruptedError())


def _stack() -> Iterator[FrameType]:
    frame: FrameType | None = sys._getframe(1)
    while frame is not None:
        yield frame
        frame = frame.f_back
