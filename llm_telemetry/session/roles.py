"""Which objects belong to a watched trainer, none of them kept alive: its parts, and clients whose role is known."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, Any

from llm_telemetry.objects import weakly

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType

    from llm_telemetry.events import Role


class KnownParts:
    """The trainer, its executor, its reward computer, …, and its clients."""

    def __init__(self) -> None:
        """Know none."""
        self.trainer: Callable[[], Any] = lambda: None
        """Gives the trainer itself, for as long as it lives."""
        self.entered: dict[CodeType, tuple[Role, Any]] = {}
        """Functions that were at work before they were watched: whose the calls in them are, and of which rollout."""
        self._parts: dict[int, Callable[[], Any]] = {}
        self.clients: dict[tuple[int, str, int], tuple[Callable[[], Any], Role, bool]] = {}
        """Those whose role is known."""
        self._roles: dict[int, set[Role]] = {}
        """Those that clients have had by their transport's id, dropped guesses included."""

    def add(self, part: Any) -> None:
        """Take calls of this object's hooked methods for the trainer's own."""
        self._parts[id(part)] = weakly(part)

    def __contains__(self, part: Any) -> bool:
        """Tell whether `part` is one of the trainer's."""
        known = self._parts.get(id(part))
        return known is not None and known() is part

    def add_client(self, client: Any, role: Role, *, told: bool = False) -> None:
        """Give calls of this client, and of the copies that `with_options` makes of it, a role outside of all scopes.

        Args:
            client: An SDK's client.
            role: The role.
            told: The user has said so; else it is a guess.
        """
        transport = getattr(client, "_client", client)
        self.clients[_identity(client)] = (weakly(transport), role, told)
        self._roles.setdefault(id(transport), set()).add(role)

    def agree(self, client: Any, role: Role) -> bool:
        """Tell whether nothing speaks against a client's role: no other is known of any that has its transport."""
        roles = self._roles.get(id(getattr(client, "_client", client)))
        return roles is None or roles == {role}

    def role_of(self, client: Any) -> Role | None:
        """Return the role of a known client."""
        known, role, _ = self.clients.get(_identity(client), (None, None, False))
        return role if known is not None and known() is getattr(client, "_client", client) else None

    def at_work(self) -> tuple[Role, Any] | None:
        """Return whose a call is that is made inside of such a function, and of which rollout."""
        frame = sys._getframe(1) if self.entered else None
        while frame is not None and frame.f_code not in self.entered:
            frame = frame.f_back
        return None if frame is None else self.entered[frame.f_code]

    def drop_guess(self, client: Any) -> bool:
        """Know no role of this client any more; `False` where the user has said it, and it stays."""
        key = _identity(client)
        if self.clients[key][2]:
            return False
        del self.clients[key]
        return True


class EveryPart(KnownParts):
    """In a spawned child, which has only what its parent has sent: all objects of a hooked class are the trainer's."""

    def __contains__(self, part: Any) -> bool:
        """Take any object for one of the trainer's."""
        return part is not None


def _identity(client: Any) -> tuple[int, str, int]:
    """Return what a client shares with its copies: HTTP client, URL and key; one HTTP client may serve several."""
    transport = getattr(client, "_client", client)
    return id(transport), str(getattr(client, "base_url", "")), hash(getattr(client, "api_key", None))
