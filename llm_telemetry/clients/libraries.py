"""The libraries that LLM calls go through, each hooked as soon as it is imported, even in the middle of a step."""

from __future__ import annotations

import importlib
import sys
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

from llm_telemetry.hooks.arrivals import Arrivals
from llm_telemetry.hooks.patching import Row, patches
from llm_telemetry.names import HTTP, SDKS

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping


class Library(NamedTuple):
    """One library that LLM calls go through."""

    rows: Callable[[], Iterable[Row]]
    """Its hooks; the library is imported when this is called."""
    makers: tuple[str, ...]
    """The module and the classes that its clients are instances of."""


def _rows(module: str, function: str, *library: str) -> Iterable[Row]:
    """Return a library's hooks from the module of ours that knows it, which is imported only where the library is."""
    rows: Iterable[Row] = getattr(importlib.import_module(f"llm_telemetry.clients.{module}"), function)(*library)
    return rows


LIBRARIES: dict[str, Library] = {
    **{sdk: Library(partial(_rows, "openai", "rows", sdk), (f"{sdk}._base_client", "BaseClient")) for sdk in SDKS},
    "httpx": Library(partial(_rows, "http", "httpx_rows", "httpx"), ("httpx", "Client", "AsyncClient")),
    "httpx2": Library(partial(_rows, "http", "httpx_rows", "httpx2"), ("httpx2", "Client", "AsyncClient")),
    "requests": Library(partial(_rows, "http", "requests_rows"), ("requests", "Session")),
    "aiohttp": Library(partial(_rows, "aiohttp", "rows"), ("aiohttp", "ClientSession")),
    "boto3": Library(partial(_rows, "bedrock", "rows"), ("botocore.client", "BaseClient")),
}
assert LIBRARIES.keys() == {*SDKS, *HTTP}


arrivals = Arrivals(LIBRARIES, lambda library: LIBRARIES[library].rows())
"""Puts the hooks in place."""
watch, forget, arrived, catch_up = arrivals.watch, arrivals.forget, arrivals.arrived, arrivals.catch_up


def made_by(library: str) -> list[type]:
    """Return the classes that the clients of a library are instances of; none where it is not imported."""
    module, *names = LIBRARIES[library].makers
    found = (getattr(sys.modules.get(module), name, None) for name in names)
    return [cls for cls in found if isinstance(cls, type)]


def when_made(library: str, look: Callable[[], object]) -> None:
    """Call `look` whenever a client of this library is made, just before it is."""

    def init(wrapped: Any, _instance: Any, args: tuple[Any, ...], kwargs: Mapping[str, Any]) -> Any:
        look()
        return wrapped(*args, **kwargs)

    for client in made_by(library):
        patches.apply(Row(client, "__init__", init))


def sdk_clients() -> tuple[type, ...]:
    """Return the classes of the clients that may be registered for a role."""
    return tuple(cls for sdk in SDKS for cls in made_by(sdk))
