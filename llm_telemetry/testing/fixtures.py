"""The server as a pytest fixture: `pytest_plugins = ["llm_telemetry.testing.fixtures"]` in your `conftest.py`.

It is no plugin that pytest finds by itself: that would be imported in every run of pytest in every environment that has
this package, whether or not a test there asks for the server.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from llm_telemetry.testing.server import LLMServer

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def llm_server() -> Iterator[LLMServer]:
    """Give a server of this test's own; set its `answer`, `faults` and `mark` as the test needs them."""
    with LLMServer() as server:
        yield server
