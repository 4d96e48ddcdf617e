"""The scripted server, asked by the SDKs that its users have."""

from __future__ import annotations

import json
import socket
import threading
import urllib.error
import urllib.request

import openai
import pytest

from llm_telemetry.testing import Faults, LLMServer, Reply, Tokens, ToolCall

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
