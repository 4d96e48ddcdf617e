"""A server for each test, which tells other tokens for each call."""

import pytest

from llm_telemetry.testing import LLMServer, Reply, Tokens
from tests.support.watching import TEXT


def told(request):
    """Anthropic's calls have tokens that were written to the cache, too; embeddings have no completion."""
    number = request.number
    if request.endpoint == "messages":
        return Tokens(90 + number, 20 + number, cached=64, cache_write=16)
    return Tokens(100 + number) if request.endpoint == "embeddings" else Tokens(100 + number, 10 + number, cached=32)


def saying(text, **reply):
    """An answer to all requests."""
    return lambda request: Reply(text, thinking="Is it false? No.", tokens=told(request), **reply)


@pytest.fixture
def server():
    with LLMServer(saying(TEXT), split_every=37) as running:
        yield running
