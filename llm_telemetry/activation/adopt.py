"""What `LLM_TELEMETRY=1` does when a trainer's class is seen: watch its objects, if they are trainers at all.

An object is looked at when its `__init__` is done, when its training begins (`train`, `fit`, `run`, or any method that
takes its steps), and for the last time when it takes its first step, or validates: as soon as all of its parts are
there it is watched, and what it is made of by its first step is all that there is.
"""

from __future__ import annotations

import contextlib
import functools
import inspect
import operator
import sys
import threading
import weakref
from types import FunctionType
from typing import TYPE_CHECKING, Any

from llm_telemetry import api
from llm_telemetry.activation import ending
from llm_telemetry.guard import guarded, log, survive_fork
from llm_telemetry.handle import was_released
from llm_telemetry.hooks.patching import Hook, Row, patches
from llm_telemetry.hooks.scopes import innermost
from llm_telemetry.lifecycle import functions
from llm_telemetry.names import STEP_METHODS, TRAINING_METHODS
from llm_telemetry.settings.config import InstrumentError
from llm_telemetry.settings.variables import VariableError, configured
from llm_telemetry.trainers.kinds import STEP, VALIDATION
from llm_telemetry.trainers.registry import adapter_for, adapters
from llm_telemetry.words import refuse

if TYPE_CHECKING:
    from collections.abc import Mapping
    from types import ModuleType

    from llm_telemetry.handle import Telemetry
    from llm_telemetry.session.session import Session
    from llm_telemetry.trainers.kinds import Kind


lock = survive_fork(threading.RLock())
classes: weakref.WeakSet[type] = weakref.WeakSet()
"""Those whose instances may be trainers."""
_named: weakref.WeakSet[type] = weakref.WeakSet()
_told: weakref.WeakSet[type] = weakref.WeakSet()
_asked: dict[int, weakref.ref[Any]] = {}


@guarded
def watch_class(cls: type, *, named: bool = False, step: str | None = None, whole: bool = False) -> None:
    """Have each instance of `cls` looked at when it is made, when its training begins, and at its first step.

    Args:
        cls: A class with a step method.
        named: The user says that it is a trainer; it need not look like one.
        step: The step method, if its name is not one of the usual.
        whole: What a subclass's `__init__` adds to an object is no part of the trainer.
    """
    if named:
        _named.add(cls)
    doors = next((found for adapter in adapters() if (found := adapter.entrances(cls))), ())
    if step is not None:
        doors = [(step, STEP), *(door for door in doors if door[1] == VALIDATION)]
    if all(kind == VALIDATION for _, kind in doors):
        log.warning(
            "%s.%s has no method %s and is not watched; name its step, as in LLM_TELEMETRY_TRAINER=%s:%s.my_step",
            *(cls.__module__, cls.__qualname__, " or ".join(STEP_METHODS), cls.__module__, cls.__qualname__),
        )
        return
    settings = {} if step is None else {"step": step}
    classes.add(cls)
    for name, kind in doors:
        _hook(cls, name, kind, settings)
    _hook_early(cls, {name for name, _ in doors}, settings, whole=whole)


@guarded
def watch_target(module: ModuleType, path: str) -> None:
    """Watch the class (`"Trainer"`), or the class by its step method (`"Trainer.my_step"`), that the user has named."""
    try:
        found = operator.attrgetter(path)(module)
    except AttributeError:
        log.warning("LLM_TELEMETRY_TRAINER names %s:%s, but the module has no such name", module.__name__, path)
        return
    if isinstance(found, type):
        watch_class(found, named=True)
        return
    owner, _, step = path.rpartition(".")
    cls = operator.attrgetter(owner)(module) if owner else None
    if isinstance(cls, type):
        watch_class(cls, named=True, step=step)
    else:
        log.warning("LLM_TELEMETRY_TRAINER names %s:%s, which is no class and no method of one", module.__name__, path)


def _hook(cls: type, name: str, kind: Kind, settings: Mapping[str, Any]) -> None:
    """Put one hook in place; what is inherited from a class that is hooked needs no hook of its own."""
    method = inspect.getattr_static(cls, name, None)
    if isinstance(method, Hook | staticmethod | classmethod) or not callable(method):
        return
    adopt = functools.partial(_adopt, settings=settings)
    patches.apply(Row(cls, name, kind.wrapper(method, adopt=adopt, in_class=True)))


def _hook_early(cls: type, doors: set[str], settings: Mapping[str, Any], *, whole: bool) -> None:
    """Look at an object when its own class's `__init__` is done, or this one's, and when its training begins."""

    def after_init(wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        result = wrapped(*args, **kwargs)
        if whole or _is_whole(instance, cls):
            _adopt_early(instance, settings)
        return result

    def before_training(wrapped: Any, instance: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        _adopt_early(instance, settings)
        return wrapped(*args, **kwargs)

    own = {name: value for name, value in vars(cls).items() if isinstance(value, FunctionType) and name not in doors}
    for name, method in own.items():
        if name == "__init__":
            patches.apply(Row(cls, name, after_init))
        elif name in TRAINING_METHODS or doors.intersection(method.__code__.co_names):
            patches.apply(Row(cls, name, before_training))


@guarded
def _is_whole(instance: Any, cls: type) -> bool:
    """Tell whether an object whose `cls.__init__` is done is no subclass's, which would be half built."""
    return next(base for base in type(instance).__mro__ if "__init__" in vars(base)) is cls


@guarded
def _adopt_early(instance: Any, settings: Mapping[str, Any]) -> None:
    """Watch `instance` from here on if all of its parts are there; if not, it is asked again."""
    with lock:
        if _is_known(instance) or was_released(instance) or functions.session_of(instance, innermost()) is not None:
            return
        try:
            found = adapter_for(instance).find(instance, configured(settings))
        except (InstrumentError, VariableError):
            return  # its first step tells
        if found.is_sure and not found.lacks:
            watch(instance, settings)


def _adopt(instance: Any, settings: Mapping[str, Any]) -> Session | None:
    """Watch `instance` from here on if it is a trainer; it is asked once."""
    with lock:
        if instance is None or _is_known(instance) or was_released(instance):
            return None
        _remember(instance)
        try:
            if _is_trainer(instance, settings):
                watch(instance, settings)
        except InstrumentError as error:
            log.warning("%s is not watched: %s", type(instance).__name__, error)
        except VariableError as error:
            refuse(error)
        return functions.session_of(instance, innermost())


def watch(instance: Any, settings: Mapping[str, Any]) -> Telemetry | None:
    """Watch it, and say in one line what is watched; `None` where a variable cannot work, which has been told."""
    _remember(instance)
    telemetry = api.instrument(instance, **settings)
    if telemetry._session.closed:
        return None
    telemetry._gives_way = True
    ending.watched()
    if telemetry._config.console:
        sys.stderr.write(f"llm_telemetry: {telemetry}\n")
    return telemetry


def _is_known(instance: Any) -> bool:
    """Tell whether it is known what to do with this object."""
    known = _asked.get(id(instance))
    return known is not None and known() is instance


def _remember(instance: Any) -> None:
    key = id(instance)
    with contextlib.suppress(TypeError):  # slots without `__weakref__`: it is looked at each time
        _asked[key] = weakref.ref(instance, lambda reference: _forget(key, reference))


def _forget(key: int, reference: weakref.ref[Any]) -> None:
    if _asked.get(key) is reference:
        del _asked[key]


def _is_trainer(instance: Any, settings: Mapping[str, Any]) -> bool:
    """Tell whether there is something to watch on it; a class that only looks like a trainer is told once."""
    cls = type(instance)
    found = adapter_for(instance).find(instance, configured(settings))
    if found.is_sure or any(base in _named for base in cls.__mro__):
        return True
    if cls not in _told:
        _told.add(cls)
        log.warning(
            "%s has a step method, but no executor and no reward computer, and is not watched. If it is your trainer, "
            "say so: LLM_TELEMETRY_TRAINER=%s:%s",
            *(cls.__qualname__, cls.__module__, cls.__qualname__),
        )
    return False
