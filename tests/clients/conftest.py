"""A server for each test."""

import pytest

from tests.support.llm_server import serving


@pytest.fixture
def server():
    with serving() as served:
        yield served
