"""The openai SDK over real HTTP: what stands below it is hooked, too, and counts nothing of its own."""

import openai
import pytest
from openai._base_client import AsyncAPIClient

from tests.support.sdk import all_of, completions, entered, first_of, given
from tests.support.trainers import payload_of_work
from tests.support.watching import CHAT, STREAM, TEXT, counted, served


async def chat(client):
    assert (await given(client.chat.completions.create(**CHAT))).choices[0].message.content == TEXT


async def raw(client):
    assert (await given(client.chat.completions.with_raw_response.create(**CHAT))).parse().choices


async def embedding(client):
    assert (await given(client.embeddings.create(model="text-embedding-3-small", input="x"))).data


async def streamed(client):
    assert await all_of(await given(client.chat.completions.create(**STREAM)))


async def helped_stream(client):
    async with entered(completions(client, "stream")(**CHAT, stream_options={"include_usage": True})) as events:
        assert await all_of(events)


async def streaming_response(client):
    async with entered(client.chat.completions.with_streaming_response.create(**CHAT)) as response:
        assert await given(response.parse())


@pytest.mark.parametrize("kind", [openai.OpenAI, openai.AsyncOpenAI])
@pytest.mark.parametrize("way", [chat, raw, embedding, streamed, helped_stream, streaming_response])
def test_a_request_of_the_sdk_is_one_call(server, tmp_path, kind, way):
    async def work():
        async with entered(kind(base_url=server.base_url, api_key="k")) as client:
            await way(client)

    server.fail_next(500)
    assert counted(payload_of_work(work, tmp_path)) == served(server.books, retries=1)


@pytest.mark.parametrize("way", [chat, raw, streamed, helped_stream])
def test_a_request_is_one_call_where_another_tool_has_put_a_plain_function_around_it(
    server, tmp_path, monkeypatch, way
):
    request = AsyncAPIClient.request

    def around(self, *args, **kwargs):
        return request(self, *args, **kwargs)

    monkeypatch.setattr(AsyncAPIClient, "request", around)

    async def work():
        async with openai.AsyncOpenAI(base_url=server.base_url, api_key="k") as client:
            await way(client)

    server.fail_next(500)
    assert counted(payload_of_work(work, tmp_path)) == served(server.books, retries=1)


@pytest.mark.parametrize("kind", [openai.OpenAI, openai.AsyncOpenAI])
def test_a_stream_that_is_broken_off_is_one_call(server, tmp_path, kind):
    async def work():
        async with (
            entered(kind(base_url=server.base_url, api_key="k")) as client,
            entered(await given(client.chat.completions.create(**STREAM))) as stream,
        ):
            await first_of(stream)

    got = counted(payload_of_work(work, tmp_path))
    assert (got["calls"], got["no_usage"], got["tokens"]) == (1, 1, {})
