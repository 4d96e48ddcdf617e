from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
import urllib.error
import urllib.request
from collections import Counter
from dataclasses import replace

import openai
import pytest

from llm_telemetry.demo import desk, prompts
from llm_telemetry.demo.books import Books, Tokens
from llm_telemetry.demo.config import http_options
from llm_telemetry.demo.desk import Desk
from llm_telemetry.demo.faults import Faults
from llm_telemetry.demo.items import load_items
from llm_telemetry.demo.server import DemoServer

ITEM = load_items("math", "val")[0]


def request(strategy="direct", item=ITEM, **extra):
    messages = [
        {"role": "system", "content": prompts.solver_system(strategy)},
        {"role": "user", "content": prompts.tagged("problem", item["problem"])},
    ]
    return {"model": "gpt-4o-mini", "messages": messages, **extra}


def verdict_request(candidate="Answer: 1", item=ITEM):
    parts = {"problem": item["problem"], "candidate": candidate, "reference": item["ground_truth"]}
    messages = [
        {"role": "system", "content": prompts.JUDGE},
        {"role": "user", "content": "\n".join(prompts.tagged(k, v) for k, v in parts.items())},
    ]
    return {"model": "gpt-4.1-mini", "messages": messages, "temperature": 0}


def connect(server):
    http_client = openai.DefaultHttpxClient(**http_options(server.base_url))
    return openai.OpenAI(base_url=server.base_url, api_key="demo", http_client=http_client)


def connect_async(server):
    http_client = openai.DefaultAsyncHttpxClient(**http_options(server.base_url))
    return openai.AsyncOpenAI(base_url=server.base_url, api_key="demo", http_client=http_client)


def told(usage):
    fields = usage.model_dump()  # the details are bare dicts in old SDKs
    cached = fields["prompt_tokens_details"]["cached_tokens"]
    reasoning = fields["completion_tokens_details"]["reasoning_tokens"]
    return Tokens(fields["prompt_tokens"], fields["completion_tokens"], cached, reasoning)


def add(tokens):
    return Tokens(*map(sum, zip(Tokens(), *tokens, strict=True)))


def test_a_plain_answer_is_in_the_books_as_it_was_served(serve):
    server = serve()
    with connect(server) as client:
        completion = client.chat.completions.create(**request(seed=1))
    (entry,) = server.books
    assert entry.content == completion.choices[0].message.content
    assert entry.tokens == told(completion.usage)
    assert completion.usage.total_tokens == entry.tokens.prompt + entry.tokens.completion
    assert (entry.role, entry.kind, entry.source, entry.split) == ("executor", "workflow", "math", "val")
    assert (entry.status, entry.retry, entry.model, entry.finished) == (200, 0, "gpt-4o-mini", True)


@pytest.mark.parametrize("asked", [True, False])
def test_a_stream_carries_usage_only_if_it_was_asked_for(serve, asked):
    server = serve()
    options = {"stream_options": {"include_usage": True}} if asked else {}
    with connect(server) as client:
        chunks = list(client.chat.completions.create(**request("revise", seed=1), stream=True, **options))
    (entry,) = server.books
    text = "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)
    assert text == entry.content
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert [told(chunk.usage) for chunk in chunks if chunk.usage] == ([entry.tokens] if asked else [])
    assert (entry.usage_sent, entry.streamed, entry.tokens == Tokens()) == (asked, True, not asked)


def test_the_same_request_is_answered_alike_with_a_seed_and_variously_without(serve):
    server = serve()
    with connect(server) as client:
        seeded, free = (
            {client.chat.completions.create(**request("vote", **e)).choices[0].message.content for _ in range(8)}
            for e in ({"seed": 3}, {})
        )
    assert len(seeded) == 1
    assert len(free) > 4


def test_judge_and_extractor_are_told_by_their_prompts(serve):
    server = serve()
    extraction = verdict_request()
    extraction["messages"][0]["content"] = prompts.EXTRACTOR
    extraction["messages"][1]["content"] += prompts.tagged("solution", "which makes it 12.")
    with connect(server) as client:
        right = client.chat.completions.create(**verdict_request(f"Answer: {ITEM['ground_truth']}"))
        extracted = client.chat.completions.create(**extraction)
    assert [(e.role, e.kind, e.verdict) for e in server.books] == [
        ("judge", "verdict", True),
        ("judge", "extraction", None),
    ]
    assert "True" in right.choices[0].message.content
    assert extracted.choices[0].message.content == "12"


def test_retries_are_the_sdks_own_and_quick(serve):
    server = serve(rate_limited=0.5, server_error=0.5)
    started = time.monotonic()
    with connect(server) as client:
        client.chat.completions.create(**request(seed=1))
    assert time.monotonic() - started < 0.5
    assert [(e.retry, e.form) for e in server.books] == [(0, "refused"), (1, "refused"), (2, "reply")]
    assert (server.books.calls(), server.books.retries(), server.books.errors()) == (1, 2, {})


def test_an_exhausted_call_reaches_the_client_as_an_error(serve):
    server = serve(exhausted=1.0)
    with connect(server) as client, pytest.raises((openai.RateLimitError, openai.InternalServerError)):
        client.chat.completions.create(**request(seed=1))
    assert (server.books.calls(), server.books.retries(), server.books.errors().total()) == (1, 2, 1)
    assert server.books.tokens() == Tokens()


def test_an_sdk_that_does_not_tell_its_retries_is_booked_by_the_script():
    books = Books()
    old = Desk(0, replace(Faults.none(), exhausted=1.0), books)
    for _ in range(6):
        old.answer(request(seed=1), retry=None)
    assert [entry.retry for entry in books] == [0, 1, 2, 0, 1, 2]


def test_an_empty_verdict_and_the_question_after_it_are_one_evaluation(serve):
    server = serve(empty=1.0)
    with connect(server) as client:
        contents = [client.chat.completions.create(**verdict_request()).choices[0].message.content for _ in range(4)]
    assert [bool(content) for content in contents] == [False, True, False, True]
    assert server.books.outcomes() == {"incorrect": 2}


def test_a_cancelled_hung_request_is_served_nothing(serve):
    server = serve(hung=1.0)

    async def ask():
        async with connect_async(server) as client:
            await asyncio.wait_for(client.chat.completions.create(**request(seed=1)), 0.3)

    with pytest.raises(asyncio.TimeoutError):
        asyncio.run(ask())
    (entry,) = server.books
    assert (entry.form, entry.status, entry.finished, entry.tokens) == ("hung", None, False, Tokens())
    assert server.books.errors() == {"cancelled": 1}


def test_a_hung_request_has_its_connection_closed_in_the_end(serve):
    server = serve(hung=1.0, hang=0.05)
    with connect(server) as client, pytest.raises(openai.APIConnectionError):
        client.with_options(max_retries=0).chat.completions.create(**request(seed=1))


def test_closing_does_not_wait_for_hung_requests_and_leaves_no_thread(serve):
    server = serve(hung=1.0)
    before = threading.active_count()
    address = server.base_url.removeprefix("http://").removesuffix("/v1").split(":")
    with socket.create_connection((address[0], int(address[1]))) as connection:
        connection.sendall(raw(request(seed=1)))
        wait_for(lambda: len(server.books) == 1)
        started = time.monotonic()
        server.close()
        server.close()
        assert time.monotonic() - started < 2
        assert connection.recv(1) == b""
    wait_for(lambda: threading.active_count() < before)
    with pytest.raises(RuntimeError, match="not running"):
        _ = server.base_url


def test_an_answer_to_a_client_that_has_gone_is_not_booked_as_served(serve, monkeypatch):
    monkeypatch.setattr(desk, "_LATENCY", (0.3, 0.0))
    server = serve()
    address = server.base_url.removeprefix("http://").removesuffix("/v1").split(":")
    with socket.create_connection((address[0], int(address[1]))) as connection:
        connection.sendall(raw(request(seed=1)))
    wait_for(lambda: len(server.books) == 1 and not next(iter(server.books)).finished)
    assert server.books.tokens() == Tokens()


@pytest.mark.parametrize(("path", "body", "status"), [("/v1/models", b"{}", 404), ("", b"{}", 400), ("", b"x", 400)])
def test_what_is_no_chat_completion_is_refused_and_not_booked(serve, path, body, status):
    server = serve()
    url = server.base_url.removesuffix("/v1") + (path or "/v1/chat/completions")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with pytest.raises(urllib.error.HTTPError) as error:
        opener.open(urllib.request.Request(url, data=body, method="POST"))
    with error.value:
        assert error.value.code == status
        assert "message" in json.load(error.value)["error"]
    assert len(server.books) == 0


def test_64_clients_at_once_with_every_fault_on_see_what_the_books_say():
    with DemoServer(seed=4, faults=Faults.everything()) as server:
        seen = asyncio.run(crowd(server, 64 * 4))
        books = server.books
    assert add(tokens for tokens, _ in seen if tokens) == books.tokens()
    assert books.calls() == len(seen)
    assert Counter(kind for _, kind in seen if kind) == books.errors()
    assert books.no_usage() == sum(tokens is None and kind is None for tokens, kind in seen)
    assert all(entry.finished for entry in books if entry.form != "hung")
    assert books.errors().keys() == {"rate_limit", "server", "cancelled"}
    assert books.retries() > 20


async def crowd(server, size):
    """Ask `size` different questions, 64 at once, each third one as a stream."""
    slots = asyncio.Semaphore(64)

    async def ask(client, i):
        async with slots:
            try:
                usage = await asyncio.wait_for(question(client, i), 4)
            except asyncio.TimeoutError:
                return None, "cancelled"
            except openai.RateLimitError:
                return None, "rate_limit"
            except openai.InternalServerError:
                return None, "server"
            return (told(usage) if usage else None), None

    async with connect_async(server) as client:
        return await asyncio.gather(*(ask(client, i) for i in range(size)))


async def question(client, i):
    if i % 3 == 0:
        candidate = f"In {i} steps.\nAnswer: {ITEM['ground_truth']}"
        return (await client.chat.completions.create(**verdict_request(candidate))).usage
    if i % 3 == 1:
        return (await client.chat.completions.create(**request("vote", seed=i))).usage
    usage = None
    options = {"stream": True, "stream_options": {"include_usage": True}}
    async with await client.chat.completions.create(**request("revise", seed=i), **options) as stream:
        async for chunk in stream:
            usage = chunk.usage or usage
    return usage


def raw(body):
    data = json.dumps(body).encode()
    return b"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n%s" % (len(data), data)


def wait_for(condition):
    until = time.monotonic() + 5
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.01)


def test_the_server_is_quiet(serve, capfd):
    with connect(serve(rate_limited=0.5)) as client:
        client.chat.completions.create(**request(seed=1))
    assert capfd.readouterr() == ("", "")
