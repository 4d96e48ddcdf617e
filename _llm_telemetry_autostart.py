"""What `llm_telemetry.pth` starts when LLM_TELEMETRY is set: it waits for modules to watch, and does nothing else.

Standard library only, and little of it, because every Python process with the variable set imports this module.
Neither wrapt nor openai nor the rest of `llm_telemetry` is imported before there is something to watch. See
docs/activation.md.
"""

from __future__ import annotations

import os
import sys
from _thread import get_ident

TYPE_CHECKING = False  # type checkers know the name; importing `typing` would be most of what this module costs
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from importlib.machinery import ModuleSpec
    from types import CodeType, ModuleType
    from typing import Any

VARIABLE = "LLM_TELEMETRY"
TRAINER = "LLM_TELEMETRY_TRAINER"
SPOOL = "LLM_TELEMETRY_SPOOL"
"""Set by a watched process for the processes that it starts."""
ON = ("1", "true", "yes", "on")
OFF = ("0", "false", "no", "off")
WORDS = f"{', '.join(ON)} (on) or {', '.join(OFF)} (off)"
TARGETS = "module:Class, or module:Class.method when the step method has another name; several with commas between"
STEPS = ("train_step", "training_step")
SDKS = ("openai", "anthropic", "groq")
"""Packages by the same generator: whoever imports one is about to call an LLM."""
HTTP = ("httpx", "httpx2", "requests", "aiohttp")
"""Everybody imports these; they tell something only in a process that belongs to a watched one."""
MAINS = ("__main__", "__mp_main__")
_DEMO = "llm_telemetry.demo.trainer"  # it stands for a user's trainer, wherever the package is installed

_STDLIB = os.path.dirname(os.__file__) + os.sep  # noqa: PTH120 - pathlib is not worth its import here
_SITES = tuple(f"{os.sep}{folder}{os.sep}" for folder in ("site-packages", "dist-packages"))
_told: set[str] = set()


def start() -> None:
    """Put the finder in place if the variable says so; in a venv Python does this twice, so twice is a no-op."""
    try:
        on, targets = parse_switch(os.environ.get(VARIABLE, "")), parse_targets(os.environ.get(TRAINER, ""))
    except ValueError as error:
        refuse(error)
        return
    finder = _finder()
    if finder is not None:
        finder.name(targets)  # the launcher has more to say than the environment had
    elif on:
        finder = Finder()
        finder.name(targets)
        sys.meta_path.insert(0, finder)
        for client in [name for name in finder.clients if name in sys.modules]:
            attempt(finder.watch_clients, client)


def is_on() -> bool:
    """Tell whether the finder is in place: processes that this one starts have one, too."""
    return _finder() is not None


def parse_switch(text: str) -> bool | None:
    """Read LLM_TELEMETRY; `None` when it is empty.

    Raises:
        ValueError: It is no word for on or off.
    """
    word = text.strip().lower()
    if word and word not in ON + OFF:
        raise ValueError(f"{VARIABLE}={text.strip()!r} must be {WORDS}")
    return word in ON if word else None


def parse_targets(text: str) -> tuple[tuple[str, str], ...]:
    """Read LLM_TELEMETRY_TRAINER: pairs of a module and a dotted name in it.

    Raises:
        ValueError: A part is not of the form `module:Class`.
    """
    pairs = [tuple(part.strip().split(":")) for part in text.split(",") if part.strip()]
    for pair in pairs:
        if len(pair) != 2 or not all(name.isidentifier() for side in pair for name in side.split(".")):  # noqa: PLR2004
            raise ValueError(f"{TRAINER}={text.strip()!r} must be {TARGETS}")
    return tuple((module, name) for module, name in pairs)


def tell(message: str) -> None:
    """Write one line to stderr, once."""
    if message not in _told and sys.stderr is not None:
        _told.add(message)
        sys.stderr.write(f"llm_telemetry: {message}\n")


def refuse(error: ValueError) -> None:
    """Say which variable cannot work, and why."""
    tell(f"{error}. Your program goes on without telemetry.")


def attempt(function: Callable[..., Any], *arguments: Any) -> Any:
    """Call `function`; a failure of ours is told in one line, and never reaches the user's import."""
    try:
        return function(*arguments)
    except Exception as error:  # noqa: BLE001 - stands in for llm_telemetry.guard, which is not imported yet
        reason = " ".join(f"{type(error).__name__}: {error}".split())
        tell(f"looking for trainers failed ({reason}). Your program goes on, with less telemetry.")
        return None


def note(cls: Any) -> Any:
    """Look at a class of the main program as soon as it is made, and give it back as it is."""
    finder = _finder()
    if finder is not None:
        attempt(finder.look_at, cls, "__main__")
    return cls


class Onlooker:
    """A finder that finds nothing: it has `executed` called with modules when they have been executed."""

    def __init__(self) -> None:
        self._asking: set[tuple[int, str]] = set()

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return what the other finders find; `None`, at once, for what is surely nothing to look at."""
        asking = (get_ident(), name)
        if asking in self._asking or not attempt(self._may_concern_us, name, path):
            return None
        self._asking.add(asking)
        try:
            spec = self._ask_others(name, path, target)
        finally:
            self._asking.discard(asking)
        if spec is not None and attempt(self._concerns_us, spec):
            attempt(_attach, spec.loader, self._executed)
        return spec

    def _may_concern_us(self, name: str, path: Sequence[str] | None) -> bool:  # noqa: ARG002 - for those who override it
        return True

    def _concerns_us(self, spec: ModuleSpec) -> bool:  # noqa: ARG002 - the same
        return True

    def _executed(self, module: ModuleType) -> None:
        """Look at a module."""

    def _ask_others(self, name: str, path: Sequence[str] | None, target: ModuleType | None) -> ModuleSpec | None:
        others = [finder for finder in sys.meta_path if finder is not self]
        if not all(hasattr(finder, "find_spec") for finder in others):
            return None  # an ancient one, which only the import system itself can ask
        specs = (finder.find_spec(name, path, target) for finder in others)
        return next((spec for spec in specs if spec is not None), None)


class Finder(Onlooker):
    """Looks for trainers."""

    def __init__(self) -> None:
        super().__init__()
        self.clients = SDKS + HTTP if os.environ.get(SPOOL) else SDKS
        self.name(())
        self._sizes: dict[str, int] = {}

    def name(self, targets: Iterable[tuple[str, str]]) -> None:
        """Know the trainers that the user has named, as pairs of a module and a dotted name in it."""
        self._targets = tuple(targets)
        self._always = {*self.clients, _DEMO, *(module for module, _ in self._targets)}

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Look at the main module on the way, once there is an LLM client."""
        if path is None and not sys.modules.keys().isdisjoint(SDKS + HTTP):
            attempt(self.scan)
        return super().find_spec(name, path, target)

    def _may_concern_us(self, name: str, path: Sequence[str] | None) -> bool:
        """Decide by name and place; most modules of a training program are settled here."""
        root = name.partition(".")[0]
        if name in self._always or root == "llm_telemetry":
            return name in self._always
        return root not in sys.stdlib_module_names if path is None else not _is_library(next(iter(path), _STDLIB))

    def _concerns_us(self, spec: ModuleSpec) -> bool:
        origin = spec.origin if spec.has_location and spec.origin else _STDLIB
        return spec.name in self._always or (origin.endswith((".py", ".pyc")) and not _is_library(origin))

    def _executed(self, module: ModuleType) -> None:
        names = object.__getattribute__(module, "__dict__")  # a lazy module stays asleep
        if names["__name__"] in self.clients:
            self.watch_clients(names["__name__"])
        else:
            self.look(names)

    def watch_clients(self, library: str) -> None:
        """Look at the main program whenever a client of this library is made: by then its classes exist."""
        from llm_telemetry.activation import adopt as auto  # noqa: PLC0415 - this is what waiting was for

        auto.watch_clients(library, lambda: attempt(self.scan))

    def scan(self) -> None:
        """Look at the main module, if it has new names; it is not imported, so nothing else tells."""
        for main in MAINS:
            names = vars(sys.modules[main]) if main in sys.modules else {}
            if len(names) != self._sizes.get(main, 0):
                self._sizes[main] = len(names)
                self.look(names)

    def look(self, names: dict[str, Any]) -> None:
        """Look at all classes that a module has defined, and at those that the user has named."""
        module = names["__name__"]
        for cls in [thing for thing in names.values() if _is_class(thing) and thing.__module__ == module]:
            self.look_at(cls, "__main__" if module in MAINS else module)
        if module not in MAINS:
            self._resolve_targets(module)
        if os.environ.get(SPOOL):
            from llm_telemetry.activation import adopt as auto  # noqa: PLC0415 - this process is a child of a watched one

            auto.hook_parts(names)

    def look_at(self, cls: Any, module: str) -> None:
        """Have a class watched that has a step method of its own, or was named."""
        if not _is_class(cls):
            return
        step = {f"{cls.__qualname__}.{name}": name for name in vars(cls)}
        named = [name for home, name in self._targets if home == module and (name == cls.__qualname__ or name in step)]
        if named or not vars(cls).keys().isdisjoint(STEPS):
            from llm_telemetry.activation import adopt as auto  # noqa: PLC0415 - this is what waiting was for

            auto.watch_class(cls, named=bool(named), step=next((step[n] for n in named if n in step), None))

    def _resolve_targets(self, module: str) -> None:
        """Watch what the user has named in this module; it may come from elsewhere, or not exist."""
        for name in [name for home, name in self._targets if home == module]:
            from llm_telemetry.activation import adopt as auto  # noqa: PLC0415 - this is what waiting was for

            auto.watch_target(sys.modules[module], name)


def _finder() -> Finder | None:
    return next((finder for finder in sys.meta_path if isinstance(finder, Finder)), None)


def _is_library(place: str) -> bool:
    place += os.sep
    return place.startswith(_STDLIB) or any(site in place for site in _SITES)


def _is_class(thing: Any) -> bool:
    return type in type(thing).__mro__  # `isinstance` would ask a lazy proxy for its `__class__`, and wake it


def _attach(loader: Any, after: Callable[[ModuleType], None]) -> None:
    """Have `after` called when the loader has executed its module: same loader, and no trace of us afterwards."""
    own = getattr(loader, "__dict__", None)
    if own is None or _is_class(loader):
        return
    known = getattr(own.get("exec_module"), "afters", None)
    if known is not None:  # another finder of ours was here
        known.extend(() if after in known else (after,))
        return
    afters = [after]
    before = {name: own[name] for name in ("exec_module", "get_code") if name in own}
    execute, read = loader.exec_module, getattr(loader, "get_code", None)

    def detach() -> None:
        for name in ("exec_module", "get_code"):
            own.pop(name, None)
        own.update(before)

    def _exec_and_look(module: ModuleType) -> None:
        detach()
        execute(module)
        for look in afters:
            attempt(look, module)

    def get_code(name: str) -> CodeType | None:
        detach()
        code: CodeType | None = attempt(_noting_code, loader, name) or read(name)  # type: ignore[misc]
        return code

    _exec_and_look.__code__ = _exec_and_look.__code__.replace(**_INVISIBLE)  # type: ignore[arg-type]
    _exec_and_look.afters = afters  # type: ignore[attr-defined]
    loader.exec_module = _exec_and_look
    if read is not None and sys.argv[:1] == ["-m"]:  # runpy is about to run it as the main program
        loader.get_code = get_code


# Import takes frames of this name and file out of tracebacks, and `warnings` skips them: the user sees his own lines.
_INVISIBLE = {"co_filename": "<frozen importlib._bootstrap>", "co_name": "_call_with_frames_removed"}


def _noting_code(loader: Any, name: str) -> CodeType | None:
    from llm_telemetry.activation import launcher  # noqa: PLC0415 - only for `python -m`

    return launcher.compile_module(loader, name)
