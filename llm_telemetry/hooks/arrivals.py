"""Hooks on modules of others: in place at once where a module is imported, else by the time its import is done.

None of them is imported by us. The finder that waits for them is gone with the last who wants hooks.
"""

from __future__ import annotations

import sys
import threading
from typing import TYPE_CHECKING

from llm_telemetry.guard import attempt, guarded, survive_fork
from llm_telemetry.hooks.patching import Row, patches
from llm_telemetry.imports import ImportWatcher
from llm_telemetry.objects import is_asleep

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from importlib.machinery import ModuleSpec
    from types import ModuleType

    from llm_telemetry.hooks.patching import Key


class _Watch:
    """What one watched trainer, or one child process, has had hooked."""

    def __init__(self, keys: list[Key]) -> None:
        self.keys = keys
        self.hooked: set[str] = set()


class Arrivals(ImportWatcher):
    """Waits for modules.

    Args:
        names: Of all that there may be.
        rows: Returns the hooks of one that is imported.
    """

    def __init__(self, names: Iterable[str], rows: Callable[[str], Iterable[Row]]) -> None:
        super().__init__(attempt)
        self._names = frozenset(names)
        self._rows = rows
        self._watches: list[_Watch] = []
        self._lock = survive_fork(threading.RLock())

    def watch(self, keys: list[Key]) -> None:
        """Put hooks on what is imported, and on the rest as soon as it is; `keys` grows with them.

        Raises:
            TypeError: A class does not let itself be hooked.
        """
        watch = _Watch(keys)
        self._watches.append(watch)
        if self not in sys.meta_path:
            sys.meta_path.insert(0, self)
        for name in _present(self._names):
            self._hook(watch, name)

    def forget(self, keys: list[Key]) -> None:
        """Add nothing more to `keys`; with the last ones the finder goes."""
        self._watches[:] = [watch for watch in self._watches if watch.keys is not keys]
        if not self._watches and self in sys.meta_path:
            sys.meta_path.remove(self)

    @guarded
    def arrived(self, name: str) -> None:
        """Put hooks on a module that has been imported just now."""
        for watch in tuple(self._watches):
            self._hook(watch, name)

    @guarded
    def catch_up(self) -> None:
        """Put hooks on what has been imported in ways that no finder sees."""
        known = (watch.hooked for watch in self._watches)
        for name in _present(self._names - self._names.intersection(*known)):
            self.arrived(name)

    def _hook(self, watch: _Watch, name: str) -> None:
        """Put the hooks on a module, once."""
        if name in watch.hooked:
            return
        rows = list(self._rows(name))  # outside of the lock: it may import, which takes locks of its own
        with self._lock:
            if name not in watch.hooked:
                watch.hooked.add(name)
                for row in rows:
                    watch.keys += () if (key := patches.apply(row)) is None else (key,)

    def _may_concern_us(self, name: str, path: Sequence[str] | None) -> bool:  # noqa: ARG002 - a name is enough
        return name in self._names

    def _concerns_us(self, _spec: ModuleSpec) -> bool:
        return True

    def _executed(self, module: ModuleType) -> None:
        if not is_asleep(module):
            self.arrived(module.__name__)


def _present(names: frozenset[str]) -> list[str]:
    """Return those that are imported; one that is half imported, by whomever, arrives when it is done."""
    found = [(name, sys.modules.get(name)) for name in sys.modules.keys() & names]
    loaded = [(name, module) for name, module in found if module is not None and not is_asleep(module)]
    return [name for name, module in loaded if not getattr(module.__spec__, "_initializing", False)]
