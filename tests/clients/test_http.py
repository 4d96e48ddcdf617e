"""Plain HTTP to an endpoint of LLM calls, with the real libraries: a call, its tokens, its errors, nothing changed."""

import asyncio
import gc
import gzip
import json

import aiohttp
import httpx
import pytest
import requests

import llm_telemetry
from llm_telemetry.testing.exchange import pieces
from tests.clients.conftest import saying
from tests.support.sdk import JudgeOnly, given
from tests.support.trainers import Trainer, payload_of_work, watch
from tests.support.watching import CHAT, CLAUDE, STREAM, TEXT, counted, served
from tests.support.wires import READERS, WIRES


@pytest.fixture(params=list(WIRES))
def ask(request):
    return WIRES[request.param]


def patience(fault):
    """Seconds that a client waits: few only where nothing will come, for on a busy machine everything is late."""
    return 0.3 if fault == "stuck" else 60


@pytest.fixture
def chat(server):
    return f"{server.base_url}/chat/completions"


def test_a_plain_call_is_a_call_with_its_tokens(server, tmp_path, ask, chat):
    payload = payload_of_work(lambda: ask(chat, CHAT), tmp_path)
    assert counted(payload) == served(server.books)
    assert payload["cost/unpriced_calls"] == 0
    assert payload["cost/executor_cost"] > 0


@pytest.mark.parametrize("role", ["judge", "policy"])
def test_a_call_has_the_role_that_a_block_says(server, tmp_path, ask, chat, role):
    async def way():
        with llm_telemetry.scope(role=role, source="gsm8k", evaluation=False):
            await given(ask(chat, CHAT))

    assert counted(payload_of_work(way, tmp_path), role) == served(server.books)


@pytest.mark.parametrize(("path", "body"), [("/messages?beta=true", CLAUDE), ("/embeddings", {"input": "x"})])
def test_other_endpoints_are_calls_too(server, tmp_path, ask, path, body):
    assert counted(payload_of_work(lambda: ask(server.base_url + path, body), tmp_path)) == served(server.books)


@pytest.mark.parametrize(
    ("path", "body"), [("/chat/completions", STREAM), ("/messages", {**CLAUDE, "stream": True})], ids=["chat", "claude"]
)
def test_a_stream_is_a_call_with_the_tokens_that_its_events_tell(server, tmp_path, ask, path, body):
    async def way():
        _, text = await given(ask(server.base_url + path, body, stream=True))
        assert all(json.dumps(piece, ensure_ascii=False)[1:-1] in text for piece in pieces(TEXT))

    assert counted(payload_of_work(way, tmp_path)) == served(server.books)


def test_a_stream_that_was_not_asked_for_its_usage_is_a_call_without(server, tmp_path, ask, chat):
    payload = payload_of_work(lambda: ask(chat, {**CHAT, "stream": True}, stream=True), tmp_path)
    assert counted(payload) == served(server.books, no_usage=1)


@pytest.mark.parametrize("read", READERS)
def test_however_a_response_is_read_it_is_heard(server, tmp_path, chat, read):
    async def way():
        assert json.loads(await given(read(chat, CHAT)))["usage"]["prompt_tokens"] == server.books.tokens().prompt

    assert counted(payload_of_work(way, tmp_path)) == served(server.books)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(
    ("status", "kind"), [(429, "rate_limit"), (400, "bad_request"), (403, "auth"), (408, "timeout"), (503, "server")]
)
def test_an_error_status_is_an_error_of_the_call_and_is_given_back(server, tmp_path, ask, chat, status, kind, stream):
    async def way():
        assert (await given(ask(chat, STREAM if stream else CHAT, stream=stream)))[0] == status

    server.fail_next(status)
    assert counted(payload_of_work(way, tmp_path)) == served(server.books, errors={kind: 1})


def test_no_connection_is_an_error_of_the_call(tmp_path, ask):
    async def way():
        with pytest.raises(Exception, match=r"(?i)connect"):
            await given(ask("http://127.0.0.1:9/v1/chat/completions", CHAT))

    got = counted(payload_of_work(way, tmp_path))
    assert (got["calls"], got["errors"]) == (1, {"connection": 1})


@pytest.mark.parametrize(("plan", "kind"), [("lost", "connection"), ("stuck", "timeout")])
@pytest.mark.parametrize("stream", [False, True])
def test_a_stream_that_breaks_is_an_error_of_the_call(server, tmp_path, ask, chat, plan, kind, stream):
    async def way():
        with pytest.raises(Exception) as caught:
            await given(ask(chat, STREAM, stream=stream, timeout=patience(plan)))
        assert not isinstance(caught.value, AssertionError)

    server.fail_next(plan)
    got = counted(payload_of_work(way, tmp_path))
    assert (got["calls"], got["errors"]) == (1, {kind: 1})


def test_an_error_that_a_stream_tells_of_is_an_error_of_the_call(server, tmp_path, ask, chat):
    server.fail_next("overloaded")
    got = counted(payload_of_work(lambda: ask(chat, STREAM, stream=True), tmp_path))
    assert (got["calls"], got["errors"]) == (1, {"server": 1})


def test_a_stream_that_is_broken_off_is_one_call_of_its_step(server, tmp_path, ask, chat):
    async def way():
        assert (await given(ask(chat, STREAM, stream=True, stop=True)))[1].startswith("data:")

    got = counted(payload_of_work(way, tmp_path))
    assert (got["calls"], got["errors"], got["no_usage"]) == (1, {}, 1)


@pytest.mark.parametrize("wire", ["httpx-async", "aiohttp"])
@pytest.mark.parametrize("stream", [False, True])
def test_a_cancelled_call_is_a_cancelled_call(server, tmp_path, chat, wire, stream):
    async def way():
        with pytest.raises(asyncio.TimeoutError):
            await asyncio.wait_for(WIRES[wire](chat, STREAM, stream=stream), 0.3)

    server.fail_next("stuck")
    got = counted(payload_of_work(way, tmp_path))
    assert (got["calls"], got["errors"]) == (1, {"cancelled": 1})


def dropped_httpx(url):
    with httpx.Client() as client:
        client.send(client.build_request("POST", url, json=STREAM), stream=True)
        gc.collect()


def dropped_requests(url):
    requests.post(url, json=STREAM, stream=True, timeout=5)
    gc.collect()


@pytest.mark.parametrize("drop", [dropped_httpx, dropped_requests])
@pytest.mark.filterwarnings("ignore::ResourceWarning")
def test_a_response_that_is_dropped_unread_is_one_call_of_its_step(server, tmp_path, chat, drop):
    assert counted(payload_of_work(lambda: drop(chat), tmp_path))["no_usage"] == 1


def test_aiohttp_may_raise_for_the_status_itself(server, tmp_path, chat):
    async def way():
        async with aiohttp.ClientSession(raise_for_status=True) as session:
            with pytest.raises(aiohttp.ClientResponseError, match="429"):
                await session.post(chat, json=CHAT)

    server.fail_next(429)
    assert counted(payload_of_work(way, tmp_path)) == served(server.books, errors={"rate_limit": 1})


def test_a_stream_that_is_compressed_is_understood(tmp_path):
    event = {"model": "gpt-4o-mini", "choices": [], "usage": {"prompt_tokens": 7, "completion_tokens": 3}}
    body = gzip.compress(f"data: {json.dumps(event)}\n\ndata: [DONE]\n\n".encode())
    headers = {"content-encoding": "gzip", "content-type": "text/event-stream"}
    pieces = [body[at : at + 9] for at in range(0, len(body), 9)]

    def way():
        transport = httpx.MockTransport(lambda _: httpx.Response(200, headers=headers, content=iter(pieces)))
        with httpx.Client(transport=transport) as client, client.stream("POST", "http://llm.test/v1/responses") as one:
            one.read()
        with (
            httpx.Client(transport=transport) as client,
            client.stream("POST", "http://llm.test/v1/responses", json={"model": "m"}) as two,
        ):
            assert "[DONE]" in "".join(two.iter_text())

    got = counted(payload_of_work(way, tmp_path))
    assert (got["calls"], got["tokens"]) == (1, {"prompt": 7, "completion": 3})


# --- whose call it is


def test_a_call_outside_of_all_scopes_has_the_role_other(server, tmp_path, ask, chat):
    _, memory = watch(trainer := Trainer(), tmp_path)
    asyncio.run(as_coroutine(ask(chat, CHAT)))
    trainer.executor.work = lambda _: as_coroutine(("4", 0.0, {"success": True}))
    trainer.reward_computer.judge = lambda *_: True
    asyncio.run(trainer.train_step(1))
    assert counted(memory.last, "other") == served(server.books)


async def as_coroutine(result):
    return await given(result)


@pytest.mark.parametrize("stream", [False, True])
def test_a_verdict_by_plain_http_is_heard(server, tmp_path, ask, chat, stream):
    server.answer = saying("<true_false>True</true_false>")
    trainer = JudgeOnly(lambda: asyncio.run(as_coroutine(ask(chat, STREAM if stream else CHAT, stream=stream))))
    _, memory = watch(trainer, tmp_path)
    trainer.train_step()
    assert counted(memory.last, "judge") == served(server.books)
    assert (memory.last["judge/correct_count"], memory.last["judge/disagreements"]) == (1, 0)


def test_a_judge_that_is_refused_by_the_server_is_an_api_failure(server, tmp_path, ask, chat):
    server.fail_next(429)
    trainer = JudgeOnly(lambda: asyncio.run(as_coroutine(ask(chat, CHAT))))
    _, memory = watch(trainer, tmp_path)
    trainer.train_step()
    assert memory.last["judge/api_failure_rate"] == 1


# --- what is none of our business


NOT_CALLS = [
    ("/models", CHAT),
    ("/messages/count_tokens", CLAUDE),
    ("/messages/batches", {"requests": []}),
    ("/threads/x/messages", CLAUDE),
    ("/survey/responses", {"name": "n", "answers": [1, 2]}),
    ("/chat/completions", ["no", "object"]),
]


@pytest.mark.parametrize(("path", "body"), NOT_CALLS, ids=[path for path, _ in NOT_CALLS])
def test_other_requests_are_no_calls(server, tmp_path, ask, path, body):
    seen = []

    async def way():
        seen.append(await given(ask(server.base_url + path, body)))

    payload = payload_of_work(way, tmp_path)
    assert [status for status, _ in seen] in ([400], [404])
    assert "llm/executor/calls" not in payload


async def outcome_of(ask, *args, **settings):
    try:
        return await given(ask(*args, **settings))
    except Exception as error:  # noqa: BLE001 - whatever it is, it is to be the same
        return type(error)


@pytest.mark.parametrize("plan", [200, 500, "lost", "stuck"])
@pytest.mark.parametrize("stream", [False, True])
def test_request_result_and_exception_are_those_without_us(server, tmp_path, ask, chat, plan, stream):
    server.answer = TEXT  # with the same tokens each time

    async def once():
        server.fail_next(plan)
        begun = len(server.books)
        result = await outcome_of(ask, chat, STREAM if stream else CHAT, stream=stream, timeout=patience(plan))
        return result, [(entry.request.path, entry.request.raw) for entry in server.books.entries()[begun:]]

    plain = asyncio.run(once())
    trainer = JudgeOnly(lambda: asyncio.run(once()))
    watch(trainer, tmp_path)
    assert trainer.train_step() == plain


class NothingParsed:
    """A body that nobody may look at."""

    def __iter__(self):
        yield b'{"model": "m"}'


def test_a_request_whose_body_is_still_to_come_is_not_read_by_us(tmp_path, server):
    def way():
        httpx.post(f"{server.base_url}/other", content=b"{}")
        requests.get(f"{server.base_url}/chat/completions", timeout=5)
        transport = httpx.MockTransport(lambda request: httpx.Response(200, content=request.read()))
        with httpx.Client(transport=transport) as client:
            assert client.post("http://llm.test/v1/completions", content=NothingParsed()).json() == {"model": "m"}

    assert counted(payload_of_work(way, tmp_path))["calls"] == 0
