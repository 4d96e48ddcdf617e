from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from llm_telemetry.testing import Faults, LLMServer
from llm_telemetry.testing.fixtures import llm_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Serve = Callable[..., LLMServer]

__all__ = ["llm_server", "serve"]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start servers with the faults named, and no others; close them at the end."""
    servers = []

    def start(answer="4", *, seed=0, hang=60.0, mark=None, prices=None, split_every=0, **rates):
        server = LLMServer(
            answer, faults=Faults(**rates), mark=mark, prices=prices, seed=seed, hang=hang, split_every=split_every
        )
        servers.append(server.start())
        return server

    yield start
    for server in servers:
        server.close()
