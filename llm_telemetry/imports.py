"""Waiting for modules: a finder that finds nothing itself, and looks at modules when they have been executed.

Standard library only, and little of it: every Python process with LLM_TELEMETRY=1 imports this at its start.
"""

import os
import sys
from _thread import get_ident

TYPE_CHECKING = False  # type checkers know the name; importing `typing` would be most of what this module costs
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from importlib.machinery import ModuleSpec
    from types import CodeType, ModuleType
    from typing import Any


STDLIB = os.path.dirname(os.__file__) + os.sep  # noqa: PTH120 - pathlib is not worth its import here
_SITES = tuple(f"{os.sep}{folder}{os.sep}" for folder in ("site-packages", "dist-packages"))


class ImportWatcher:
    """Looks at modules as soon as they have been executed; subclasses say which, and what to look for.

    Args:
        attempt: Calls a function with arguments; a failure of ours ends in it, and never reaches the user's import.
    """

    def __init__(self, attempt: "Callable[..., Any]") -> None:
        self._attempt = attempt

    def find_spec(
        self, name: str, path: "Sequence[str] | None" = None, target: "ModuleType | None" = None
    ) -> "ModuleSpec | None":
        """Return what the finders behind this one find; `None`, at once, for what is surely nothing to look at.

        Of several watchers the first asks for all of them, so that nobody's finder is asked again by the next.
        """
        asking = (get_ident(), name)
        if asking in _asking:
            return None
        concerned: list[ImportWatcher] | None = self._attempt(_watchers_of, name, path)
        if not concerned or concerned[0] is not self:
            return None
        _asking.add(asking)
        try:
            spec: ModuleSpec | None = self._ask_others(name, path, target)
        finally:
            _asking.discard(asking)
        if spec is not None:
            self._attempt(_attach, spec, concerned)
        return spec

    def _may_concern_us(self, name: str, path: "Sequence[str] | None") -> bool:
        """Decide by the name and the parent's path, before anybody is asked."""
        raise NotImplementedError

    def _concerns_us(self, spec: "ModuleSpec") -> bool:
        """Decide by what was found."""
        raise NotImplementedError

    def _executed(self, module: "ModuleType") -> None:
        """Look at a module."""
        raise NotImplementedError

    def _compile_main(self, loader: "Any", name: str) -> "CodeType | None":  # noqa: ARG002 - for those who override it
        """Return other code for a module that `python -m` is about to run; `None` for its own."""
        return None

    def _ask_others(self, name: str, path: "Sequence[str] | None", target: "ModuleType | None") -> "ModuleSpec | None":
        """Ask the finders behind this one: those before it have been asked already."""
        behind = list(sys.meta_path)
        while behind and behind.pop(0) is not self:
            pass
        others = [finder for finder in behind if not _is_watcher(finder)]
        if not all(hasattr(finder, "find_spec") for finder in others):
            return None  # an ancient one, which only the import system itself can ask
        specs = (finder.find_spec(name, path, target) for finder in others)
        return next((spec for spec in specs if spec is not None), None)


_asking: set[tuple[int, str]] = set()
"""What is being asked for, and in which thread: a finder may want to know what the others find."""


def _is_watcher(finder: "Any") -> bool:
    return ImportWatcher in type(finder).__mro__


def _watchers_of(name: str, path: "Sequence[str] | None") -> list[ImportWatcher]:
    watchers: list[Any] = [finder for finder in sys.meta_path if _is_watcher(finder)]
    return [one for one in watchers if one._attempt(one._may_concern_us, name, path)]


def _attach(spec: "ModuleSpec", asked: "Sequence[ImportWatcher]") -> None:
    """Have the watchers told when the loader has executed its module: same loader, and no trace of us afterwards."""
    loader: Any = spec.loader
    own = getattr(loader, "__dict__", None)
    watchers = [one for one in asked if one._attempt(one._concerns_us, spec)]
    if own is None or is_class(loader) or not watchers:
        return
    if type(known := own.get("exec_module")) is _StandIn:  # another of ours was here
        known.watchers += [one for one in watchers if one not in known.watchers]
        return
    before = {name: own[name] for name in ("exec_module", "get_code") if name in own}
    execute, read = loader.exec_module, getattr(loader, "get_code", None)

    def detach() -> None:
        for name in ("exec_module", "get_code"):
            own.pop(name, None)
        own.update(before)

    def _exec_and_look(module: "ModuleType") -> None:
        detach()
        execute(module)
        for watcher in watchers:
            watcher._attempt(watcher._executed, module)

    def get_code(name: str) -> "CodeType | None":
        detach()
        codes = (watcher._attempt(watcher._compile_main, loader, name) for watcher in watchers)
        code: CodeType | None = next(filter(None, codes), None) or read(name)  # type: ignore[misc]
        return code

    _exec_and_look.__code__ = _exec_and_look.__code__.replace(**_INVISIBLE)  # type: ignore[arg-type]
    loader.exec_module = _StandIn(execute, _exec_and_look, watchers)
    if read is not None and sys.argv[:1] == ["-m"]:  # runpy is about to run it as the main program
        loader.get_code = _StandIn(read, get_code, watchers)


class _StandIn:
    """Stands before a method in a loader's own dict; it pickles and copies as that method."""

    __slots__ = ("_call", "_method", "watchers")

    def __init__(self, method: "Any", call: "Callable[[Any], Any]", watchers: list[ImportWatcher]) -> None:
        self._method = method
        self._call = call
        self.watchers = watchers

    def __call__(self, argument: "Any") -> "Any":
        return self._call(argument)

    def __reduce_ex__(self, protocol: "Any") -> "Any":
        return self._method.__reduce_ex__(protocol)


# Import takes frames of this name and file out of tracebacks, and `warnings` skips them: the user sees his own lines.
_INVISIBLE = {"co_filename": "<frozen importlib._bootstrap>", "co_name": "_call_with_frames_removed"}
_StandIn.__call__.__code__ = _StandIn.__call__.__code__.replace(**_INVISIBLE)  # type: ignore[arg-type]


def is_library(place: str) -> bool:
    """Tell whether a file or folder is the standard library's or an installed package's, and not the user's own."""
    place += os.sep
    return place.startswith(STDLIB) or any(site in place for site in _SITES)


def is_class(thing: "Any") -> bool:
    """Tell a class; `isinstance` would ask a lazy proxy for its `__class__`, and wake it."""
    return type in type(thing).__mro__
