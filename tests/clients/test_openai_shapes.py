"""Every endpoint and every client of the SDK: one request is one call with the right tokens."""

import contextlib

import httpx
import openai
import pydantic
import pytest
import wrapt

from tests.support import bodies
from tests.support.mocking import BASE_URL, chat
from tests.support.sdk import (
    ASK,
    CHAT,
    STREAMED,
    Verdict,
    all_of,
    assert_one_call,
    chat_completion,
    completions,
    entered,
    given,
    need,
    parsed,
    payload_of,
    streamed_chat,
)

# --- the endpoints


async def chat_by_options(client):
    await given(client.with_options(timeout=5).chat.completions.create(**ASK))


async def helper_stream(client):
    async with entered(completions(client, "stream")(**ASK, stream_options={"include_usage": True})) as events:
        await all_of(events)
        assert (await given(events.get_final_completion())).choices[0].message.content == "42"


async def legacy_completion(client):
    await given(client.completions.create(model="m", prompt="2 + 2?"))


async def response(client):
    assert (await given(need(client, "responses").create(model="gpt-4o-mini", input="2 + 2?"))).output_text == "4"


async def streamed_response(client):
    events = await given(need(client, "responses").create(model="gpt-4o-mini", input="2 + 2?", stream=True))
    assert "".join(e.delta for e in await all_of(events) if e.type == "response.output_text.delta") == "42"


async def parsed_that_does_not_fit(client):
    with pytest.raises(pydantic.ValidationError):
        await given(completions(client, "parse")(**ASK, response_format=Verdict))


async def parsed_that_is_cut_off(client):
    with pytest.raises(openai.LengthFinishReasonError):
        await given(completions(client, "parse")(**ASK, response_format=Verdict))


# `None`: openai 1.40 parses when the call is over, so that it is no error of the call.
JSON = '{"correct": true}'


@pytest.mark.parametrize(
    ("way", "path", "answer", "errors"),
    [
        (chat_completion, CHAT, chat(), 0),
        (chat_by_options, CHAT, chat(), 0),
        (streamed_chat, CHAT, STREAMED, 0),
        (helper_stream, CHAT, STREAMED, 0),
        (legacy_completion, "/completions", bodies.completion(), 0),
        (response, "/responses", bodies.response(), 0),
        (streamed_response, "/responses", bodies.response_stream("4", "2"), 0),
        (streamed_response, "/responses", bodies.response_stream("4", "2", last="response.incomplete"), 0),
        (parsed, CHAT, chat(JSON), 0),
        (
            parsed_that_does_not_fit,
            CHAT,
            chat('{"right": 1}'),
            None,
        ),  # old SDKs parse when the call is over: no error of the call
        (parsed_that_is_cut_off, CHAT, chat('{"corr', finish="length"), None),
    ],
)
def test_every_endpoint_is_one_call_with_its_tokens(api, tmp_path, make_client, way, path, answer, errors):
    api.post(path).mock(answer)
    assert_one_call(payload_of(way, make_client(), tmp_path), errors=errors)


def test_the_tokens_of_what_does_not_fit_count_where_another_tool_has_wrapped_the_parsing(
    api, tmp_path, make_client, monkeypatch
):
    for name in ("APIResponse", "AsyncAPIResponse"):
        cls = getattr(openai._response, name)
        monkeypatch.setattr(
            cls, "parse", wrapt.FunctionWrapper(cls.parse, lambda parse, _, args, kw: parse(*args, **kw))
        )
    api.post(CHAT).mock(chat('{"right": 1}'))
    assert_one_call(payload_of(parsed_that_does_not_fit, make_client(), tmp_path), errors=None)


def test_the_responses_api_tells_cached_and_reasoning_tokens(api, tmp_path, make_client):
    api.post("/responses").mock(bodies.response())
    payload = payload_of(response, make_client(), tmp_path)
    assert (payload["tokens/executor/cached"], payload["tokens/executor/reasoning"]) == (4, 2)


async def embedding(client):
    await given(client.embeddings.create(model="text-embedding-3-small", input="2 + 2?", encoding_format="float"))


def test_an_embedding_has_prompt_tokens_and_no_completion(api, tmp_path, make_client):
    api.post("/embeddings").mock(bodies.embedding())
    payload = payload_of(embedding, make_client(), tmp_path)
    assert_one_call(payload, prompt=10, completion=0)
    assert payload["cost/executor_cost"] == pytest.approx(10 * 0.02 / 1e6)


def test_an_embedding_without_usage_is_unknown(api, tmp_path, make_client):
    api.post("/embeddings").mock(bodies.embedding(usage=None))
    assert_one_call(payload_of(embedding, make_client(), tmp_path), prompt=None, completion=None)


# --- other clients


def azure(kind):
    return kind(azure_endpoint=BASE_URL, api_version="2024-06-01", api_key="k")


@pytest.mark.parametrize("kind", [openai.AzureOpenAI, openai.AsyncAzureOpenAI])
def test_azure_is_one_call(api, tmp_path, kind):
    api.post("/openai/deployments/gpt-4o-mini/chat/completions").mock(chat())
    assert_one_call(payload_of(chat_completion, azure(kind), tmp_path))


def test_the_module_s_own_client_is_one_call(api, tmp_path, monkeypatch):
    monkeypatch.setattr(openai, "api_key", "k")
    monkeypatch.setattr(openai, "base_url", BASE_URL)
    api.post(CHAT).mock(chat())

    async def way(_):
        openai.chat.completions.create(**ASK)

    try:
        assert_one_call(payload_of(way, contextlib.nullcontext(), tmp_path))
    finally:
        openai._reset_client()


def test_what_is_no_call_of_a_model_is_not_counted(api, tmp_path, make_client):
    api.get("/models").mock(httpx.Response(200, json={"object": "list", "data": []}))

    async def way(client):
        await all_of((await given(client.models.list())).data)

    assert not [key for key in payload_of(way, make_client(), tmp_path) if key.startswith("llm/executor")]
