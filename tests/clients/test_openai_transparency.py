"""The request and the answer stay what they are: byte by byte, and for bodies that no API should send."""

import asyncio
import json
import re

import httpx
import pytest

from tests.support import bodies
from tests.support.mocking import chat, chat_body
from tests.support.sdk import (
    ASK,
    CHAT,
    STREAM,
    STREAMED,
    JudgeOnly,
    Verdict,
    all_of,
    chat_completion,
    completions,
    given,
    parsed,
    raw_and_parsed,
    streamed_chat,
)
from tests.support.trainers import Trainer, watch

# --- the request and its answer stay what they are


async def generator_of_messages(client):
    await given(client.chat.completions.create(**{**ASK, "messages": (dict(m) for m in ASK["messages"])}))


async def extra_headers(client):
    headers = {"x-mine": "1"}
    await given(client.chat.completions.create(**ASK, extra_headers=headers, extra_body={"top_k": 3}))
    assert headers == {"x-mine": "1"}


async def unasked_usage(client):
    await all_of(await given(client.chat.completions.create(**ASK, stream=True)))


def request_of(api, way, client):
    api.calls.reset()
    asyncio.run(way(client))
    request = api.calls.last.request
    return request.method, str(request.url), request.headers.raw, request.content


@pytest.mark.parametrize(
    ("way", "answer"),
    [
        (chat_completion, chat()),
        (generator_of_messages, chat()),
        (extra_headers, chat()),
        (parsed, chat('{"correct": true}')),
        (streamed_chat, STREAMED),
        (unasked_usage, STREAMED),
        (raw_and_parsed, chat()),
    ],
)
def test_the_request_is_the_same_byte_by_byte(api, tmp_path, make_client, way, answer):
    api.post(CHAT).mock(answer)
    plain = request_of(api, way, make_client())
    trainer = Trainer()  # telemetry goes with its trainer
    watch(trainer, tmp_path)
    assert request_of(api, way, make_client()) == plain


ODD = {
    "html": httpx.Response(200, html="<html>gateway</html>"),
    "broken-json": httpx.Response(200, headers={"content-type": "application/json"}, content=b'{"choices": ['),
    "a-list": httpx.Response(200, json=[1, 2]),
    "null": httpx.Response(200, json=None),
    "no-content": httpx.Response(200, content=b""),
    "message-null": chat(choices=[{"index": 0, "finish_reason": "stop", "message": None}]),
    "choice-null": chat(choices=[None]),
    "choices-empty": chat(choices=[]),
    "choices-missing": httpx.Response(200, json={"id": "c", "usage": bodies.TOKENS}),
    "content-a-number": chat(5),
    "content-parts": chat(message={"role": "assistant", "content": [{"type": "text", "text": "4"}, "5", None]}),
    "usage-a-string": chat(usage="15 tokens"),
    "usage-of-strings": chat(usage={"prompt_tokens": "10", "completion_tokens": [5]}),
    "details-a-number": chat(usage={**bodies.TOKENS, "prompt_tokens_details": 7}),
    "model-a-number": chat(model=7),
    "output-a-number": httpx.Response(200, json={"id": "r", "output": 7, "usage": 3}),
    "too-deep": httpx.Response(
        200,
        content=json.dumps(chat_body())[:-1] + ', "extra": ' + "[" * 10_000 + "]" * 10_000 + "}",
        headers={"content-type": "application/json"},
    ),
    "deep": httpx.Response(200, json={**chat_body(), "extra": json.loads("[" * 200 + "]" * 200)}),
}


async def chunks(client):
    """Read a stream to its end."""
    return await all_of(await given(client.chat.completions.create(**STREAM)))


async def outcome_of(way, client):
    try:
        result = await given(way(client))
    except Exception as error:  # noqa: BLE001 - whatever it is, it is to be the same
        return type(error), str(error)
    return type(result), str(result)


@pytest.mark.parametrize(
    "way",
    [
        pytest.param(lambda c: c.chat.completions.create(**ASK), id="create"),
        pytest.param(chunks, id="stream"),
        pytest.param(lambda c: completions(c, "parse")(**ASK, response_format=Verdict), id="parse"),
    ],
)
@pytest.mark.parametrize("odd", ODD)
def test_an_odd_body_does_what_it_does_without_us(api, tmp_path, make_client, odd, way):
    api.post(CHAT).mock(ODD[odd])
    plain = asyncio.run(outcome_of(way, make_client(max_retries=0)))
    trainer = JudgeOnly(lambda: asyncio.run(outcome_of(way, make_client(max_retries=0))))
    _, memory = watch(trainer, tmp_path)
    watched = trainer.train_step()
    assert [without_address(part) for part in watched] == [without_address(part) for part in plain]
    assert memory.last["llm/judge/calls"] == memory.last["judge/calls"] == 1


def without_address(part):
    return re.sub(r"0x[0-9a-f]+", "", str(part))
