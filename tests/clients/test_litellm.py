"""LiteLLM, which has no hook of its own: what it calls through is hooked.

It wants another openai than the newest, so this runs in an environment of tests/matrix.
"""

import asyncio
import os

import pytest

os.environ["LITELLM_LOCAL_MODEL_COST_MAP"] = "true"  # its import asks the network for one otherwise
import litellm

from tests.support.trainers import payload_of_work
from tests.support.watching import MESSAGES, TEXT, counted, served

pytestmark = pytest.mark.filterwarnings("ignore")  # it has many of its own

FAMILIES = {
    "openai/gpt-4o-mini": "base_url",
    "hosted_vllm/gpt-4o-mini": "base_url",
    "anthropic/claude-haiku-4-5": "url",
}


@pytest.fixture(params=list(FAMILIES))
def settings(request, server):
    base = getattr(server, FAMILIES[request.param])
    return {"model": request.param, "messages": MESSAGES, "api_base": base, "api_key": "k", "max_tokens": 100}


@pytest.fixture(params=["sync", "async"])
def complete(request):
    async def work(**settings):
        answer = litellm.completion(**settings) if request.param == "sync" else await litellm.acompletion(**settings)
        if not settings.get("stream"):
            return answer.choices[0].message.content
        chunks = list(answer) if request.param == "sync" else [chunk async for chunk in answer]
        return "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices)

    return work


def test_a_completion_is_one_call_with_the_tokens_that_were_told(server, tmp_path, settings, complete):
    async def way():
        assert await complete(**settings) == TEXT

    payload = payload_of_work(way, tmp_path)
    assert counted(payload) == served(server.books)
    assert payload["cost/unpriced_calls"] == 0


def test_a_streamed_completion_is_one_call_with_its_tokens(server, tmp_path, settings, complete):
    async def way():
        assert await complete(**settings, stream=True, stream_options={"include_usage": True}) == TEXT

    assert counted(payload_of_work(way, tmp_path)) == served(server.books)


def test_a_retry_of_its_own_is_a_call_that_failed_and_one_that_did_not(server, tmp_path, settings, complete):
    server.fail_next(500)
    got = counted(payload_of_work(lambda: complete(**settings, num_retries=1), tmp_path))
    assert len(server.books) == 2
    assert got["tokens"] == served(server.books)["tokens"]
    assert got["calls"] + got["retries"] == 2
    assert sum(got["errors"].values()) == got["calls"] - 1


def test_an_error_is_an_error_of_the_call(server, tmp_path, settings, complete):
    async def way():
        with pytest.raises(litellm.exceptions.RateLimitError):
            await complete(**settings, num_retries=0, max_retries=0)

    server.fail_next(*[429] * 5)
    got = counted(payload_of_work(way, tmp_path))
    assert got["errors"] == {"rate_limit": got["calls"]}
    assert got["calls"] + got["retries"] == len(server.books)


def test_an_embedding_is_one_call(server, tmp_path):
    def way():
        return litellm.embedding("openai/text-embedding-3-small", input=["x"], api_base=server.base_url, api_key="k")

    assert counted(payload_of_work(way, tmp_path)) == served(server.books)


def test_calls_at_once_are_all_seen(server, tmp_path, settings):
    async def way():
        await asyncio.gather(*(litellm.acompletion(**settings) for _ in range(20)))

    assert counted(payload_of_work(way, tmp_path)) == served(server.books)
