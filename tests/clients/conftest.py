"""A server for each test, and the payload of a step that calls it."""

import pytest

from tests.clients.server import serving


@pytest.fixture
def server():
    with serving() as served:
        yield served
