"""The finder of trainers: with LLM_TELEMETRY=1 it has a look at the user's own modules as they are imported.

Standard library only, and little of it: every Python process with LLM_TELEMETRY=1 imports this at its start. Neither
wrapt nor openai nor the rest of `llm_telemetry` is imported before there is something to watch.
"""

import atexit
import os
import sys

from llm_telemetry.imports import STDLIB, ImportWatcher, is_class, is_library
from llm_telemetry.names import ACTORS, FRAMEWORKS, HTTP, MAINS, RAY, REWARD_STEPS, SDKS, STEP_METHODS, TRAINER_MODULES
from llm_telemetry.words import (
    CHILDREN,
    TRAINER,
    VARIABLE,
    choose_folder,
    is_child,
    is_worker_of_ray,
    parse_switch,
    parse_targets,
    refuse,
)

TYPE_CHECKING = False  # type checkers know the name; importing `typing` would be most of what this module costs
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from importlib.machinery import ModuleSpec
    from types import CodeType, ModuleType
    from typing import Any

_OF_SITE = ("sitecustomize", "usercustomize")
"""Python looks for these at each start, and as a rule there are none; a trainer is in neither."""
_DEMO = "llm_telemetry.demo.trainer"  # it stands for a user's trainer, wherever the package is installed


def install(attempt: "Callable[..., Any]") -> None:
    """Put the finder in place if the variable says so; where there is one, it hears what the variables say by now.

    Args:
        attempt: Calls a function with arguments; a failure of ours ends in it.
    """
    try:
        on, targets = parse_switch(os.environ.get(VARIABLE, "")), parse_targets(os.environ.get(TRAINER, ""))
    except ValueError as error:
        refuse(error)
        return
    finder = _installed()
    if finder is not None:
        finder.name(targets)  # the launcher has more to say than the environment had
    elif on:
        choose_folder()
        atexit.register(attempt, _forget_folder)
        finder = Finder(attempt)
        finder.name(targets)
        sys.meta_path.insert(0, finder)
        for name in [name for name in SDKS + HTTP if name in sys.modules]:
            attempt(finder.watch_clients if name in finder.clients else finder.await_call, name)


def _forget_folder() -> None:
    if os.path.isdir(os.environ.get(CHILDREN, "")):  # noqa: PTH112 - nothing is imported where no child has written
        from llm_telemetry.session.folders import forget_folder  # noqa: PLC0415 - the same

        forget_folder()


def note(cls: "Any") -> "Any":
    """Look at a class of the main program as soon as it is made, and give it back as it is."""
    finder = _installed()
    if finder is not None:
        finder.note(cls)
    return cls


def defined() -> None:
    """Look at the main program when all that it defines is there, if it has imported an LLM client by then."""
    finder = _installed()
    if finder is not None and not sys.modules.keys().isdisjoint(finder.clients):
        finder._attempt(finder.look_at_main)


class Finder(ImportWatcher):
    """Looks for trainers."""

    def __init__(self, attempt: "Callable[..., Any]") -> None:
        super().__init__(attempt)
        self.clients = SDKS if is_worker_of_ray() or not is_child(os.environ) else SDKS + HTTP
        self.name(())
        self._sizes: dict[str, int] = {}
        self._hears = False

    def name(self, targets: "Iterable[tuple[str, str]]") -> None:
        """Know the trainers that the user has named, as pairs of a module and a dotted name in it."""
        self._targets = tuple(targets)
        self._found: set[tuple[str, str]] = set()
        named = (module for module, _ in self._targets)
        self._always = {ACTORS, RAY, *SDKS, *HTTP, *TRAINER_MODULES, *FRAMEWORKS, _DEMO, *named}

    def find_spec(
        self, name: str, path: "Sequence[str] | None" = None, target: "ModuleType | None" = None
    ) -> "ModuleSpec | None":
        """Look at the main module on the way, once there is an LLM client.

        Not on the way to what looking itself may import: within its own import it would be loaded twice.
        """
        may_be_ours = path is not None or name in sys.stdlib_module_names or name == "wrapt"
        if not may_be_ours and not sys.modules.keys().isdisjoint(SDKS + HTTP):
            self._attempt(self._scan)
        return super().find_spec(name, path, target)

    def note(self, cls: "Any") -> None:
        """Look at a class of the main program."""
        self._attempt(self._look_at, cls, "__main__")

    def watch_clients(self, library: str) -> None:
        """Look at the main program whenever a client of this library is made: by then its classes exist."""
        from llm_telemetry.activation import tripwire  # noqa: PLC0415 - this is what waiting was for

        self._hears = True
        tripwire.clear()
        if is_child(os.environ):
            from llm_telemetry.processes import children  # noqa: PLC0415 - the same

            children.watch_clients(library, lambda: self._attempt(self.look_at_main))
        else:
            from llm_telemetry.activation import script  # noqa: PLC0415 - the same

            script.watch_clients(library, lambda: self._attempt(self.look_at_main), self._unfound)

    def await_call(self, library: str) -> None:
        """Watch the clients of this library, and look at the main program, when it is about to call an LLM."""
        from llm_telemetry.activation import tripwire  # noqa: PLC0415 - there may never be such a library

        def spring(library: str) -> None:
            self._attempt(self.watch_clients, library)
            self._attempt(self.look_at_main)

        if not self._hears:
            tripwire.lay(library, spring)

    def look_at_main(self) -> None:
        """Look at the main program's classes, and at its functions."""
        self._scan()
        if not is_child(os.environ):
            from llm_telemetry.activation import script  # noqa: PLC0415 - a client is there

            script.watch_functions()

    def _may_concern_us(self, name: str, path: "Sequence[str] | None") -> bool:
        """Decide by name and place; most modules of a training program are settled here."""
        root = name.partition(".")[0]
        if name in self._always or root == "llm_telemetry":
            return name in self._always
        if path is None:
            return root not in sys.stdlib_module_names and root not in _OF_SITE
        return not is_library(next(iter(path), STDLIB))

    def _concerns_us(self, spec: "ModuleSpec") -> bool:
        origin = spec.origin if spec.has_location and spec.origin else STDLIB
        return spec.name in self._always or (origin.endswith((".py", ".pyc")) and not is_library(origin))

    def _executed(self, module: "ModuleType") -> None:
        names = object.__getattribute__(module, "__dict__")  # a lazy module stays asleep
        if names["__name__"] == ACTORS and is_child(os.environ):
            from llm_telemetry.processes.actors import watch_actors  # noqa: PLC0415 - this is a worker of Ray

            watch_actors(names["FunctionActorManager"])
        elif names["__name__"] == RAY:
            from llm_telemetry.ray import watch_init  # noqa: PLC0415 - this program is about to start its workers

            watch_init(module)
        elif names["__name__"] in FRAMEWORKS:
            from llm_telemetry.activation import frameworks  # noqa: PLC0415 - this is what waiting was for

            frameworks.watch_module(module)
        elif names["__name__"] in self.clients:
            self.watch_clients(names["__name__"])
        elif names["__name__"] in HTTP:
            self.await_call(names["__name__"])
        else:
            self._look(names)

    def _compile_main(self, loader: "Any", name: str) -> "CodeType | None":
        from llm_telemetry.activation import main_file  # noqa: PLC0415 - only for `python -m`

        return main_file.compile_module(loader, name)

    def _scan(self) -> None:
        """Look at the main module, if it has new names; it is not imported, so nothing else tells."""
        for main in MAINS:
            names = vars(sys.modules[main]) if main in sys.modules else {}
            if len(names) != self._sizes.get(main, 0):
                self._sizes[main] = len(names)
                self._look(names)

    def _look(self, names: "dict[str, Any]") -> None:
        """Look at all classes that a module has defined, and at those that the user has named."""
        module = names["__name__"]
        for cls in [thing for thing in names.values() if is_class(thing) and thing.__module__ == module]:
            self._look_at(cls, "__main__" if module in MAINS else module)
        if module not in MAINS:
            self._resolve_targets(module)
        if is_child(os.environ):
            from llm_telemetry.processes import children  # noqa: PLC0415 - this process is a child of a watched one

            if hasattr(children, "hook_parts"):  # not while something that it imports itself has brought us here
                children.hook_parts(names)

    def _look_at(self, cls: "Any", module: str) -> None:
        """Have a class watched that has a step method of its own, or was named."""
        if not is_class(cls):
            return
        step = {f"{cls.__qualname__}.{name}": name for name in vars(cls)}
        named = [name for home, name in self._targets if home == module and (name == cls.__qualname__ or name in step)]
        self._found.update((module, name) for name in named)
        tells = REWARD_STEPS + STEP_METHODS + (("log",) if module in TRAINER_MODULES else ())
        if named or not vars(cls).keys().isdisjoint(tells):
            from llm_telemetry.activation import adopt  # noqa: PLC0415 - this is what waiting was for

            adopt.watch_class(cls, named=bool(named), step=next((step[n] for n in named if n in step), None))

    def _resolve_targets(self, module: str) -> None:
        """Watch what the user has named in this module; it may come from elsewhere, or not exist."""
        for name in [name for home, name in self._targets if home == module]:
            from llm_telemetry.activation import adopt  # noqa: PLC0415 - this is what waiting was for

            self._found.add((module, name))
            adopt.watch_target(sys.modules[module], name)

    def _unfound(self) -> list[tuple[str, str]]:
        return [target for target in self._targets if target not in self._found]


def _installed() -> "Finder | None":
    return next((finder for finder in sys.meta_path if isinstance(finder, Finder)), None)
