"""Waits for the first LLM call by plain HTTP: until then nothing of ours but this is in the way of a request.

Everybody imports httpx, requests, aiohttp or boto3, and few call an LLM through them. So what makes a request there
looks at where it goes; the first one to an LLM brings in the rest. It imports little, as the finder.
"""

from __future__ import annotations

import functools
import sys

from llm_telemetry.clients.endpoints import endpoint_of

TYPE_CHECKING = False  # type checkers know the name; importing `typing` would be most of what this module costs
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

_MAKERS: dict[str, tuple[tuple[str, str, str, int], ...]] = {
    **{library: ((library, "Request", "__init__", 2),) for library in ("httpx", "httpx2")},
    "requests": (("requests", "PreparedRequest", "prepare", 2),),
    "aiohttp": (("aiohttp", "ClientSession", "post", 1), ("aiohttp", "ClientSession", "request", 2)),
    "boto3": (("botocore.client", "ClientCreator", "create_client", 1),),
}
"""By library: module, class and method that a request goes through, and which argument says where it goes."""
_BEDROCK = "bedrock-runtime"
_wires: list[tuple[Any, str, Any, Any]] = []


def lay(library: str, spring: Callable[[str], object]) -> None:
    """Have `spring` called, with the library's name, before the first LLM request that is made through a library."""
    for module, owner, name, place in _MAKERS[library]:
        cls = getattr(sys.modules.get(module), owner, None)
        method = vars(cls).get(name) if cls is not None else None
        if method is not None:
            wire = _wire(method, place, functools.partial(spring, library))
            setattr(cls, name, wire)
            _wires.append((cls, name, method, wire))


def clear() -> None:
    """Take everything back; what somebody else has put there since stays."""
    while _wires:
        cls, name, method, wire = _wires.pop()
        if vars(cls).get(name) is wire:
            setattr(cls, name, method)


def _wire(method: Any, place: int, spring: Callable[[], object]) -> Any:
    @functools.wraps(method)
    def made(*args: Any, **kwargs: Any) -> Any:
        where = args[place] if len(args) > place else kwargs.get("url", kwargs.get("service_name"))
        if where == _BEDROCK or endpoint_of(str(where)) is not None:
            spring()
        return method(*args, **kwargs)

    return made
