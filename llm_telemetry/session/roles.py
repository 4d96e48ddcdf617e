"""Which objects belong to a watched trainer, none of them kept alive: its parts, and clients whose role is known."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llm_telemetry.objects import weakly

if TYPE_CHECKING:
    from collections.abc import Callable

    from llm_telemetry.events import Role


class KnownParts:
    """The trainer, its executor, its reward computer, …, and its clients."""

    def __init__(self) -> None:
        """Know none."""
        self.trainer: Callable[[], Any] = lambda: None
        """Gives the trainer itself, for as long as it lives."""
        self.notes: Any = None
        """What its adapter has noted for its own spans."""
        self._parts: dict[int, Callable[[], Any]] = {}
        self._clients: dict[tuple[int, str, int], tuple[Callable[[], Any], Role]] = {}

    def add(self, part: Any) -> None:
        """Take calls of this object's hooked methods for the trainer's own."""
        self._parts[id(part)] = weakly(part)

    def __contains__(self, part: Any) -> bool:
        """Tell whether `part` is one of the trainer's."""
        known = self._parts.get(id(part))
        return known is not None and known() is part

    def add_client(self, client: Any, role: Role) -> None:
        """Give calls of this client, and of the copies that `with_options` makes of it, a role."""
        self._clients[_identity(client)] = (weakly(getattr(client, "_client", client)), role)

    def forget_client(self, client: Any) -> None:
        """Know no role of this client any more."""
        self._clients.pop(_identity(client), None)

    def role_of(self, client: Any) -> Role | None:
        """Return the role of a known client."""
        if not self._clients:
            return None
        known, role = self._clients.get(_identity(client), (None, None))
        return role if known is not None and known() is getattr(client, "_client", client) else None


class EveryPart(KnownParts):
    """In a spawned child, which has only what its parent has sent: all objects of a hooked class are the trainer's."""

    def __contains__(self, part: Any) -> bool:
        """Take any object for one of the trainer's."""
        return part is not None


def _identity(client: Any) -> tuple[int, str, int]:
    """Return what a client shares with its copies: HTTP client, URL and key; one HTTP client may serve several."""
    transport = getattr(client, "_client", client)
    return id(transport), str(getattr(client, "base_url", "")), hash(getattr(client, "api_key", None))
