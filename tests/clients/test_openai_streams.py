"""Raw responses and streams: parsed or not, read to the end or not, they are one call, of the step that made it."""

import asyncio
import gc

import httpx
import openai
import pytest

from tests.support import bodies
from tests.support.mocking import chat, chat_stream
from tests.support.sdk import (
    ASK,
    CHAT,
    STREAM,
    STREAMED,
    JudgeOnly,
    all_of,
    assert_one_call,
    completions,
    entered,
    first_and_dropped,
    first_of,
    given,
    need,
    payload_of,
    raw_and_parsed,
)
from tests.support.trainers import async_client, sync_client, watch

# --- raw and streaming responses


async def raw_and_never_parsed(client):
    assert (await given(client.chat.completions.with_raw_response.create(**ASK))).status_code == 200


async def raw_stream(client):
    raw = await given(client.chat.completions.with_raw_response.create(**STREAM))
    assert len(await all_of(raw.parse())) == 3


async def raw_stream_whose_raw_response_is_dropped(client):
    raw = await given(client.chat.completions.with_raw_response.create(**STREAM))
    stream = raw.parse()
    del raw
    gc.collect()
    assert len(await all_of(stream)) == 3


async def streaming_and_parsed(client):
    async with entered(client.chat.completions.with_streaming_response.create(**ASK)) as response:
        assert (await given(response.parse())).choices[0].message.content == "4"


async def streaming_and_read_as_text(client):
    async with entered(client.chat.completions.with_streaming_response.create(**ASK)) as response:
        assert "chat.completion" in await given(response.text())


async def streaming_and_parsed_as_a_stream(client):
    async with entered(client.chat.completions.with_streaming_response.create(**STREAM)) as response:
        assert len(await all_of(await given(response.parse()))) == 3


@pytest.mark.parametrize(
    ("way", "answer"),
    [
        (raw_and_parsed, chat()),
        (raw_and_never_parsed, chat()),
        (raw_stream, STREAMED),
        (raw_stream_whose_raw_response_is_dropped, STREAMED),
        (streaming_and_parsed, chat()),
        (streaming_and_read_as_text, chat()),
        (streaming_and_parsed_as_a_stream, STREAMED),
    ],
)
def test_a_raw_response_is_one_call_with_its_tokens(api, tmp_path, make_client, way, answer):
    api.post(CHAT).mock(answer)
    assert_one_call(payload_of(way, make_client(), tmp_path))


async def streaming_and_read_by_lines(client):
    async with entered(client.chat.completions.with_streaming_response.create(**ASK)) as response:
        assert await all_of(response.iter_lines())


async def streaming_and_closed_unread(client):
    async with entered(client.chat.completions.with_streaming_response.create(**ASK)) as response:
        assert response.status_code == 200


@pytest.mark.parametrize("way", [streaming_and_read_by_lines, streaming_and_closed_unread])
def test_a_response_that_the_sdk_never_parses_is_a_call_with_unknown_tokens(api, tmp_path, make_client, way):
    api.post(CHAT).mock(chat())
    assert_one_call(payload_of(way, make_client(), tmp_path), prompt=None, completion=None)


# --- streams and their ends


async def broken_off_with(client):
    async with entered(await given(client.chat.completions.create(**STREAM))) as stream:
        await first_of(stream)


async def broken_off_and_dropped(client):
    await first_and_dropped(await given(client.chat.completions.create(**STREAM)))


async def closed_without_iterating(client):
    await given((await given(client.chat.completions.create(**STREAM))).close())


async def helper_broken_off(client):
    async with entered(completions(client, "stream")(**ASK)) as events:
        await first_of(events)


@pytest.mark.parametrize("way", [broken_off_with, broken_off_and_dropped, closed_without_iterating, helper_broken_off])
def test_a_stream_that_is_not_read_to_its_end_is_one_call_of_its_step(api, tmp_path, make_client, way):
    api.post(CHAT).mock(STREAMED)
    assert_one_call(payload_of(way, make_client(), tmp_path), prompt=None, completion=None)


async def stream_with_an_error(client):
    stream = await given(client.chat.completions.create(**STREAM))
    with pytest.raises(openai.APIError):
        await all_of(stream)


def test_an_error_event_in_mid_stream_is_an_error_of_the_call(api, tmp_path, make_client):
    error = 'data: {"error": {"message": "overloaded", "type": "server_error"}}\n\n'
    api.post(CHAT).mock(bodies.events_of(bodies.chunk("4") + error))
    payload = payload_of(stream_with_an_error, make_client(), tmp_path)
    assert_one_call(payload, prompt=None, completion=None, errors=1)
    assert payload["llm/executor/errors/server"] == 1


def test_a_connection_lost_in_mid_stream_is_an_error_of_the_call(api, tmp_path):
    def body():
        yield bodies.chunk("4").encode()
        raise bodies.connection_lost()

    async def way(client):
        with pytest.raises(Exception) as caught:
            list(client.chat.completions.create(**STREAM))
        assert not isinstance(caught.value, StopIteration)

    api.post(CHAT).side_effect = lambda _: httpx.Response(200, content=body())
    payload = payload_of(way, sync_client(), tmp_path)
    assert_one_call(payload, prompt=None, completion=None, errors=1)
    assert payload["llm/executor/errors/connection"] == 1


def test_a_stream_that_is_cancelled_is_a_cancelled_call(api, tmp_path):
    async def body():
        yield bodies.chunk("4").encode()
        await asyncio.sleep(10)

    async def way(client):
        stream = await client.chat.completions.create(**STREAM)
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(all_of(stream), 0.05)

    api.post(CHAT).side_effect = lambda _: httpx.Response(200, content=body())
    payload = payload_of(way, async_client(), tmp_path)
    assert_one_call(payload, prompt=None, completion=None, errors=1)
    assert payload["llm/executor/errors/cancelled"] == 1


# --- what a judge says in a stream


def judged(tmp_path, ask):
    trainer = JudgeOnly(ask)
    _, memory = watch(trainer, tmp_path)
    trainer.train_step()
    return memory.last


def test_a_streamed_verdict_is_read_from_the_answer_and_not_from_the_thoughts_before_it(api, tmp_path):
    thoughts = ("response.reasoning_summary_text.delta", "<true_false>False</true_false>? No:")
    stream = bodies.response_stream(thoughts, "<true_false>", "True</true_false>")

    def ask():
        list(need(sync_client(), "responses").create(model="gpt-4.1-mini", input="?", stream=True))

    api.post("/responses").mock(stream)
    payload = judged(tmp_path, ask)
    assert (payload["judge/correct_count"], payload["judge/disagreements"]) == (1, 0)


def test_a_streamed_verdict_is_heard_once_although_the_raw_response_is_parsed_twice(api, tmp_path):
    def ask():
        raw = sync_client().chat.completions.with_raw_response.create(**STREAM)
        assert raw.parse() is raw.parse()
        list(raw.parse())

    api.post(CHAT).mock(chat_stream("tr", "ue", tokens=bodies.TOKENS))
    payload = judged(tmp_path, ask)
    assert (payload["judge/correct_count"], payload["judge/parse_failure_rate"]) == (1, 0)
