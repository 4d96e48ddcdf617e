"""The scripted server, asked by the SDKs that its users have."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import urllib.error
import urllib.request
from collections import Counter
from dataclasses import fields

import openai
import pytest

from llm_telemetry.testing import Faults, LLMServer, Reply, Tokens, ToolCall
from tests.support.sdk import IS_OLD

pytest_plugins = ["llm_telemetry.testing.fixtures"]
MESSAGES = [{"role": "system", "content": "You are a poet."}, {"role": "user", "content": "2 + 2?"}]
ASK = {"model": "gpt-4o-mini", "messages": MESSAGES}
STREAM = {**ASK, "stream": True, "stream_options": {"include_usage": True}}


def connect(server, kind=openai.OpenAI, **settings):
    return kind(base_url=server.base_url, api_key="k", **settings)


def told(usage):
    sums = usage.model_dump()  # the details are bare dicts in old SDKs
    cached = sums["prompt_tokens_details"]["cached_tokens"]
    reasoning = sums["completion_tokens_details"]["reasoning_tokens"]
    return Tokens(sums["prompt_tokens"], sums["completion_tokens"], cached, reasoning)


def text_of(chunks):
    return "".join(choice.delta.content or "" for chunk in chunks for choice in chunk.choices)


# --- what is answered


def test_an_answer_is_in_the_books_as_it_was_served(llm_server):
    with connect(llm_server) as client:
        completion = client.chat.completions.create(**ASK)
    (entry,) = llm_server.books
    assert entry.content == completion.choices[0].message.content == "4"
    assert entry.tokens == told(completion.usage)
    assert completion.usage.total_tokens == entry.tokens.prompt + entry.tokens.completion
    assert (entry.model, entry.endpoint, entry.streamed) == ("gpt-4o-mini", "chat", False)
    assert (entry.status, entry.retry, entry.finished, entry.form) == (200, 0, True, "reply")
    assert (entry.request.system, entry.request.user) == ("You are a poet.", "2 + 2?")


@pytest.mark.parametrize("asked", [True, False])
@pytest.mark.parametrize("split_every", [0, 5])
def test_a_stream_carries_usage_only_if_it_was_asked_for(serve, asked, split_every):
    text = "Señor, it is 4, as everybody knows ✓"
    server = serve(text, split_every=split_every)
    options = {"stream_options": {"include_usage": True}} if asked else {}
    with connect(server) as client:
        chunks = list(client.chat.completions.create(**ASK, stream=True, **options))
    (entry,) = server.books
    assert text_of(chunks) == entry.content == text
    assert [chunk.choices[0].finish_reason for chunk in chunks if chunk.choices][-1] == "stop"
    assert [told(chunk.usage) for chunk in chunks if chunk.usage] == ([entry.tokens] if asked else [])
    assert (entry.usage_sent, entry.streamed, entry.tokens == Tokens()) == (asked, True, not asked)


def test_an_answer_may_depend_on_the_request_and_be_marked(serve):
    server = serve(lambda request: Reply(request.user[::-1], verdict=True), mark=lambda r: {"role": r.model})
    with connect(server) as client:
        for model in ("judge", "solver", "judge"):
            assert client.chat.completions.create(**{**ASK, "model": model}).choices[0].message.content == "?2 + 2"
    assert (server.books.calls(role="judge"), server.books.calls(role="solver")) == (2, 1)
    assert server.books.outcomes(role="judge") == {"correct": 2}


def test_what_is_answered_can_be_changed_while_the_server_runs(llm_server):
    llm_server.answer = "5"
    llm_server.mark = lambda _: {"role": "judge"}
    llm_server.faults = Faults(truncated=1.0)
    llm_server.answer = "1234"
    with connect(llm_server) as client:
        choice = client.chat.completions.create(**ASK).choices[0]
    assert (choice.message.content, choice.finish_reason) == ("12", "length")
    assert llm_server.books.calls(role="judge") == 1


def test_the_same_question_is_answered_alike_with_a_seed_and_by_turns_without(serve):
    server = serve(lambda request: str(request.turn))
    with connect(server) as client:
        seeded, free = (
            [client.chat.completions.create(**ASK, **extra).choices[0].message.content for _ in range(3)]
            for extra in ({"seed": 3}, {})
        )
    assert seeded == ["0", "0", "0"]
    assert free == ["0", "1", "2"]


def test_tools_are_called_in_whole_answers_and_in_streams(serve):
    server = serve(Reply(None, tool_calls=(ToolCall("add", {"a": 1}), ToolCall("sub", {}))))
    with connect(server) as client:
        whole = client.chat.completions.create(**ASK).choices[0]
        chunks = [chunk.choices[0] for chunk in client.chat.completions.create(**ASK, stream=True)]
    assert [(c.function.name, c.function.arguments) for c in whole.message.tool_calls] == [
        ("add", '{"a": 1}'),
        ("sub", "{}"),
    ]
    streamed = [call.function.name for choice in chunks for call in choice.delta.tool_calls or []]
    assert (streamed, whole.finish_reason, chunks[-1].finish_reason) == (["add", "sub"], "tool_calls", "tool_calls")


def test_completions_embeddings_and_responses_are_served_too(serve):
    text = "It is 4, as everybody knows."
    server = serve(text)
    with connect(server) as client:
        assert client.completions.create(model="c", prompt="2 + 2?").choices[0].text == text
        streamed = client.completions.create(model="c", prompt="2 + 2?", stream=True)
        assert "".join(chunk.choices[0].text for chunk in streamed) == text
        assert len(client.embeddings.create(model="e", input=["a", "b"]).data) == 2
        if hasattr(client, "responses"):
            response = client.responses.create(model="r", instructions="Be brief.", input="2 + 2?")
            assert (response.output_text, response.usage.input_tokens) == (text, server.books.tokens(model="r").prompt)
            events = list(client.responses.create(model="r", input="2 + 2?", stream=True))
            assert "".join(e.delta for e in events if e.type == "response.output_text.delta") == text
            assert events[-1].response.usage.output_tokens == server.books.entries(model="r")[1].tokens.completion
            assert server.books.entries(model="r")[0].request.messages == (("system", "Be brief."), ("user", "2 + 2?"))


def test_messages_are_served_with_thoughts_tools_and_the_cache_told_apart(serve):
    anthropic = pytest.importorskip("anthropic")
    tokens = Tokens(prompt=100, completion=7, cached=60, cache_write=30)
    reply = Reply("It is 4, as everybody knows.", thinking="Hm.", tool_calls=(ToolCall("f", {"a": 1}),), tokens=tokens)
    server = serve(reply)
    ask = {"model": "claude", "max_tokens": 9, "system": "Be brief.", "messages": [MESSAGES[1]]}
    with anthropic.Anthropic(base_url=server.url, api_key="k") as client:
        whole = client.messages.create(**ask)
        with client.messages.stream(**ask) as stream:
            streamed = stream.get_final_message()
    for message in (whole, streamed):
        assert [block.type for block in message.content] == ["thinking", "text", "tool_use"]
        assert (message.content[1].text, message.content[2].input) == (reply.content, {"a": 1})
        assert (message.usage.input_tokens, message.usage.output_tokens, message.stop_reason) == (10, 7, "tool_use")
    assert server.books.tokens() == Tokens(*(2 * n for n in tokens))
    assert server.books.entries()[0].request.system == "Be brief."


@pytest.mark.parametrize(("path", "body", "status"), [("/v1/models/x", b"{}", 404), ("", b"[]", 400), ("", b"x", 400)])
def test_what_cannot_be_answered_is_refused_and_not_booked(llm_server, path, body, status):
    url = llm_server.url + (path or "/v1/chat/completions")
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with pytest.raises(urllib.error.HTTPError) as error:
        opener.open(urllib.request.Request(url, data=body, method="POST"))
    with error.value:
        assert error.value.code == status
        assert "message" in json.load(error.value)["error"]
    assert len(llm_server.books) == 0


def test_a_list_of_models_is_empty(llm_server):
    with connect(llm_server) as client:
        assert list(client.models.list()) == []


def test_a_script_that_raises_fails_the_test_that_closes_the_server():
    def answer(_):
        raise LookupError("my own mistake")

    server = LLMServer(answer).start()
    assert fails(server)
    with pytest.raises(LookupError, match="my own mistake"):
        server.close()


def test_a_script_that_raises_does_not_hide_another_failure_of_the_test():
    with pytest.raises(ZeroDivisionError), LLMServer(lambda _: {}["no answer"]) as server:
        assert fails(server) / 0


def fails(server):
    """Tell whether a client gets no answer at all."""
    with connect(server, max_retries=0) as client, pytest.raises(openai.APIConnectionError):
        client.chat.completions.create(**ASK)
    return True


# --- what goes wrong


def test_retries_are_the_sdks_own_and_belong_to_their_call(serve):
    server = serve()
    server.fail_next(429, "lost")
    with connect(server) as client:
        client.chat.completions.create(**ASK)
    assert [(e.retry, e.form) for e in server.books] == [(0, "refused"), (1, "lost"), (2, "reply")]
    assert (server.books.calls(), server.books.retries(), server.books.errors()) == (1, 2, {})


def test_an_exhausted_call_reaches_the_client_as_an_error(serve):
    server = serve(exhausted=1.0)
    with connect(server) as client, pytest.raises((openai.RateLimitError, openai.InternalServerError)):
        client.chat.completions.create(**ASK)
    assert (server.books.calls(), server.books.retries(), server.books.errors().total()) == (1, 2, 1)
    assert server.books.tokens() == Tokens()


PLANNED = [
    (401, openai.AuthenticationError, "auth"),
    (429, openai.RateLimitError, "rate_limit"),
    ("lost", openai.APIConnectionError, "connection"),
    ("garbled", json.JSONDecodeError, "other"),
    ("overloaded", openai.APIError, "server"),
]


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("fault", "error", "kind"), PLANNED, ids=[str(fault) for fault, *_ in PLANNED])
def test_a_planned_fault_is_met_once(llm_server, stream, fault, error, kind):
    if IS_OLD and not stream and fault != "garbled":
        pytest.skip("this SDK does not tell its retries: what follows a fault is booked as one")
    if (fault, stream) == ("lost", True):
        error = Exception  # an error of the HTTP library's
    llm_server.fail_next(fault)
    with connect(llm_server, max_retries=0) as client:
        with pytest.raises(error):
            list(client.chat.completions.create(**(STREAM if stream else ASK)))
        assert client.chat.completions.create(**ASK).choices[0].message.content == "4"
    assert llm_server.books.errors() == {kind: 1}
    assert llm_server.books.calls() == 2


def test_an_answer_without_content_and_the_question_after_it_are_one_evaluation(serve):
    server = serve(Reply("True", verdict=True))
    server.fail_next("empty", 429, "reply", "refusal")
    with connect(server) as client:
        contents = [client.chat.completions.create(**ASK).choices[0].message.content for _ in range(4)]
    assert [bool(content) for content in contents] == [False, True, False, True]
    assert server.books.outcomes() == {"correct": 2}
    assert [evaluation.calls for evaluation in server.books.evaluations()] == [2, 2]


@pytest.mark.skipif(IS_OLD, reason="this SDK does not tell its retries: what follows a fault is booked as one")
def test_two_questions_of_the_same_words_are_two_evaluations_where_the_first_has_failed(serve):
    server = serve(Reply("True", verdict=True))
    server.fail_next(500)
    with connect(server, max_retries=0) as client:
        with pytest.raises(openai.InternalServerError):
            client.chat.completions.create(**ASK)
        client.chat.completions.create(**ASK)
    assert server.books.outcomes() == {"api_failure": 1, "correct": 1}


def test_an_sdk_that_does_not_tell_its_retries_is_booked_by_the_script(serve):
    server = serve(exhausted=1.0)
    for _ in range(6):
        post(server, ASK)
    assert [entry.retry for entry in server.books] == [0, 1, 2, 0, 1, 2]


@pytest.mark.parametrize(("head", "retries"), [("X-Stainless-Lang: python\r\n", [0, 1, 2, 0]), ("", [0, 0, 0, 0])])
def test_what_follows_a_planned_fault_is_a_retry_of_an_sdk_and_a_call_of_anybody_else(serve, head, retries):
    server = serve()
    server.fail_next(429, 503)
    for _ in range(4):
        post(server, ASK, head)
    assert [entry.retry for entry in server.books] == retries


def test_a_cancelled_hung_request_is_served_nothing(serve):
    server = serve(hung=1.0)

    async def ask():
        async with connect(server, openai.AsyncOpenAI) as client:
            asked = asyncio.create_task(client.chat.completions.create(**ASK))
            await asyncio.to_thread(wait_for, lambda: len(server.books) == 1)
            asked.cancel()
            with pytest.raises(asyncio.CancelledError):
                await asked

    asyncio.run(ask())
    (entry,) = server.books
    assert (entry.form, entry.status, entry.finished, entry.tokens) == ("hung", None, False, Tokens())
    assert server.books.errors() == {"cancelled": 1}


def test_a_hung_call_whose_client_times_out_is_one_call_with_its_retries(serve):
    server = serve(hung=1.0)
    with connect(server, timeout=0.3) as client, pytest.raises(openai.APITimeoutError):
        client.chat.completions.create(**ASK)
    wait_for(lambda: len(server.books) == 3)
    assert (server.books.calls(), server.books.retries(), server.books.errors()) == (1, 2, {"cancelled": 1})


@pytest.mark.parametrize("fault", ["hung", "stuck"])
def test_a_request_that_is_not_answered_has_its_connection_closed_in_the_end(serve, fault):
    server = serve(hang=0.05)
    server.fail_next(fault)
    with connect(server, max_retries=0) as client, pytest.raises(openai.APIConnectionError):
        client.chat.completions.create(**ASK)
    assert server.books.errors() == {"cancelled": 1}


def test_closing_does_not_wait_for_hung_requests_and_leaves_no_thread(serve):
    server = serve(hung=1.0, hang=600.0)
    running = threading.enumerate()
    with opened(server) as connection:
        connection.sendall(raw(ASK))
        wait_for(lambda: len(server.books) == 1)
        server.close()
        server.close()
        assert connection.recv(1) == b""
    wait_for(lambda: set(threading.enumerate()) < set(running))
    with pytest.raises(RuntimeError, match="not running"):
        _ = server.base_url


def test_an_answer_to_a_client_that_has_gone_is_not_booked_as_served(serve):
    gone = threading.Event()

    def answer(_):
        gone.wait(10)
        return "4"

    server = serve(answer)
    with opened(server) as connection:
        connection.sendall(raw(ASK))
    gone.set()
    wait_for(lambda: len(server.books) == 1 and not next(iter(server.books)).finished)
    assert server.books.tokens() == Tokens()


EVERYTHING = Faults(**{field.name: 0.05 for field in fields(Faults) if field.name not in ("hung", "lost")})


def test_64_clients_at_once_with_every_fault_on_see_what_the_books_say():
    with LLMServer("It is 4, as everybody knows.", faults=EVERYTHING, seed=4) as server:
        seen = asyncio.run(crowd(server, 64 * 4))
        books = server.books
    assert add(tokens for tokens, _ in seen if tokens) == books.tokens()
    assert books.calls() == len(seen)
    assert Counter(kind for _, kind in seen if kind) == books.errors()
    assert books.no_usage() == sum(tokens is None and kind is None for tokens, kind in seen)
    assert books.errors().keys() == {"rate_limit", "server", "other"}
    assert books.retries() > 10


def add(tokens):
    return Tokens(*map(sum, zip(Tokens(), *tokens, strict=True)))


ERRORS = {
    openai.RateLimitError: "rate_limit",
    openai.InternalServerError: "server",
    json.JSONDecodeError: "other",
}


async def crowd(server, size):
    """Ask `size` different questions, 64 at once, each other one as a stream."""
    slots = asyncio.Semaphore(64)

    async def ask(client, number):
        async with slots:
            try:
                usage = await question(client, number)
            except tuple(ERRORS) as error:
                return None, ERRORS[type(error)]
            return (told(usage) if usage else None), None

    async with connect(server, openai.AsyncOpenAI) as client:
        return await asyncio.gather(*(ask(client, number) for number in range(size)))


async def question(client, number):
    if number % 2:
        return (await client.chat.completions.create(**ASK, seed=number)).usage
    usage = None
    async with await client.chat.completions.create(**STREAM, seed=number) as stream:
        async for chunk in stream:
            usage = chunk.usage or usage
    return usage


# --- HTTP by hand


def opened(server):
    host, port = server.url.removeprefix("http://").split(":")
    return socket.create_connection((host, int(port)))


def raw(body, more=""):
    data = json.dumps(body).encode()
    head = f"POST /v1/chat/completions HTTP/1.1\r\nHost: x\r\n{more}Connection: close\r\n"
    return f"{head}Content-Length: {len(data)}\r\n\r\n".encode() + data


def post(server, body, more=""):
    """Ask without an SDK, and read to the end."""
    with opened(server) as connection:
        connection.sendall(raw(body, more))
        while connection.recv(4096):
            pass


def wait_for(condition):
    """Wait for what another thread does; that it never comes is noticed, that it is slow is not."""
    for _ in range(6000):
        if condition():
            return
        threading.Event().wait(0.01)
    raise AssertionError("it did not come")


def test_the_server_is_quiet(serve, capfd):
    with connect(serve(rate_limited=0.5)) as client:
        client.chat.completions.create(**ASK)
    assert capfd.readouterr() == ("", "")
