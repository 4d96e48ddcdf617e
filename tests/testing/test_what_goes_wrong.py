"""The scripted server where something goes wrong: what clients meet is what the books say."""

from __future__ import annotations

import asyncio
import json
import threading
from collections import Counter
from dataclasses import fields

import openai
import pytest

from llm_telemetry.testing import Faults, LLMServer, Reply, Tokens
from tests.support.sdk import IS_OLD
from tests.testing.test_server import ASK, STREAM, connect, opened, post, raw, told, wait_for


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


@pytest.mark.skipif(IS_OLD, reason="this SDK does not tell its retries")
def test_an_exhausted_call_is_one_error_however_often_its_client_tries(serve):
    server = serve(exhausted=1.0)
    for retries in (4, 0, 3):
        with connect(server, max_retries=retries) as client, pytest.raises(openai.APIStatusError):
            client.chat.completions.create(**ASK)
    assert [entry.retry for entry in server.books] == [0, 1, 2, 3, 4, 0, 0, 1, 2, 3]
    assert (server.books.calls(), server.books.errors().total(), server.books.outcomes().total()) == (3, 3, 3)


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
