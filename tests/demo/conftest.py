from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from llm_telemetry.demo.faults import Faults
from llm_telemetry.demo.server import DemoServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    Serve = Callable[..., DemoServer]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start servers with the faults named, and no others; close them at the end."""
    servers = []

    def start(seed: int = 0, hang: float = 60.0, **rates: Any) -> DemoServer:
        servers.append(DemoServer(seed=seed, hang=hang, faults=replace(Faults.none(), **rates)).start())
        return servers[-1]

    yield start
    for server in servers:
        server.close()
