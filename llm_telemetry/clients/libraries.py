"""The libraries that LLM calls go through, and when each is hooked: if it is there at once, else when it is imported.

None of them is imported by us. A library that the program imports later, even in the middle of a step, is hooked by
the time its `import` statement is done; the finder that sees to this is gone with the last watched trainer.
"""

from __future__ import annotations

import sys
import threading
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from llm_telemetry.clients import aiohttp, bedrock, http, openai
from llm_telemetry.guard import attempt, guarded, survive_fork
from llm_telemetry.hooks.imports import ImportWatcher
from llm_telemetry.hooks.patching import Row, patches
from llm_telemetry.names import HTTP, SDKS
from llm_telemetry.objects import is_asleep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

    from llm_telemetry.hooks.patching import Key


class Library(NamedTuple):
    """One library that LLM calls go through."""

    rows: Callable[[], Iterable[Row]]
    """Its hooks; the library is imported when this is called."""
    makers: tuple[str, ...]
    """The module and the classes that its clients are instances of."""


LIBRARIES: dict[str, Library] = {
    **{sdk: Library(partial(openai.rows, sdk), (f"{sdk}._base_client", "BaseClient")) for sdk in SDKS},
    "httpx": Library(partial(http.httpx_rows, "httpx"), ("httpx", "Client", "AsyncClient")),
    "httpx2": Library(partial(http.httpx_rows, "httpx2"), ("httpx2", "Client", "AsyncClient")),
    "requests": Library(http.requests_rows, ("requests", "Session")),
    "aiohttp": Library(aiohttp.rows, ("aiohttp", "ClientSession")),
    "boto3": Library(bedrock.rows, ("botocore.client", "BaseClient")),
}
assert LIBRARIES.keys() == {*SDKS, *HTTP}


class _Watch:
    """What one watched trainer, or one child process, has had hooked."""

    def __init__(self, keys: list[Key]) -> None:
        self.keys = keys
        self.hooked: set[str] = set()

    def hook(self, library: str) -> None:
        """Put the hooks of a library in place, once."""
        if library in self.hooked:
            return
        rows = list(LIBRARIES[library].rows())  # outside of the lock: it may import, which takes locks of its own
        with _lock:
            if library not in self.hooked:
                self.hooked.add(library)
                for row in rows:
                    self.keys += () if (key := patches.apply(row)) is None else (key,)


_watches: list[_Watch] = []
_lock = survive_fork(threading.RLock())


class _Arrivals(ImportWatcher):
    """Waits for the libraries that are not there yet."""

    def _may_concern_us(self, name: str, path: Sequence[str] | None) -> bool:
        return path is None and name in LIBRARIES

    def _concerns_us(self, _spec: ModuleSpec) -> bool:
        return True

    def _executed(self, module: ModuleType) -> None:
        if not is_asleep(module):
            arrived(module.__name__)


_arrivals = _Arrivals(attempt)


@guarded
def arrived(library: str) -> None:
    """Put hooks on a library that has been imported just now."""
    for watch in tuple(_watches):
        watch.hook(library)


def watch(keys: list[Key]) -> None:
    """Put hooks on the libraries that are imported, and on others as soon as they are; `keys` grows with them.

    Raises:
        TypeError: A class does not let itself be hooked.
    """
    watch = _Watch(keys)
    _watches.append(watch)
    if _arrivals not in sys.meta_path:
        sys.meta_path.insert(0, _arrivals)
    for library in _present():
        watch.hook(library)


def forget(keys: list[Key]) -> None:
    """Add nothing more to `keys`; with the last ones the finder goes."""
    _watches[:] = [watch for watch in _watches if watch.keys is not keys]
    if not _watches and _arrivals in sys.meta_path:
        sys.meta_path.remove(_arrivals)


@guarded
def catch_up() -> None:
    """Put hooks on what has been imported in ways that no finder sees."""
    for library in _present():
        arrived(library)


def _present() -> list[str]:
    """Return the libraries that are imported; one that is half imported, by whomever, arrives when it is done."""
    found = [(library, sys.modules.get(library)) for library in LIBRARIES]
    loaded = [(library, module) for library, module in found if module is not None and not is_asleep(module)]
    return [library for library, module in loaded if not getattr(module.__spec__, "_initializing", False)]


def made_by(library: str) -> list[type]:
    """Return the classes that the clients of a library are instances of; none where it is not imported."""
    module, *names = LIBRARIES[library].makers
    found = (getattr(sys.modules.get(module), name, None) for name in names)
    return [cls for cls in found if isinstance(cls, type)]


def sdk_clients() -> tuple[type, ...]:
    """Return the classes of the clients that may be registered for a role."""
    return tuple(cls for sdk in SDKS for cls in made_by(sdk))
