from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from llm_telemetry.demo.models import CALM, demo_server

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from llm_telemetry.testing import LLMServer

    Serve = Callable[..., LLMServer]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Start the demo's endpoint on a calm day but for what is named; close it at the end."""
    servers = []

    def start(seed: int = 0, **parts: object) -> LLMServer:
        servers.append(demo_server(seed, CALM._replace(**parts)).start())
        return servers[-1]

    yield start
    for server in servers:
        server.close()
