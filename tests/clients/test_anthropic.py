"""The SDKs of openai's generator, over real HTTP: each request is one call, with the tokens that the server told."""

import asyncio

import anthropic
import groq
import pytest
from genai_prices import Usage, calc_price

from llm_telemetry.testing.exchange import pieces
from tests.clients.conftest import saying, told
from tests.support.sdk import JudgeOnly, all_of, entered, first_and_dropped, first_of, given, need
from tests.support.trainers import payload_of_work, watch
from tests.support.watching import CHAT, CLAUDE, TEXT, counted, counts_of, served


@pytest.fixture(params=["sync", "async"])
def make_client(request, server):
    kind = {"sync": anthropic.Anthropic, "async": anthropic.AsyncAnthropic}[request.param]
    return lambda **settings: kind(base_url=server.url, api_key="k", **settings)


def goes(way, make_client, **settings):
    """Give what an executor does that goes `way` with a client of its own."""

    async def work():
        async with entered(make_client(**settings)) as client:
            await way(client)

    return work


def text_of(message):
    return "".join(part.text for part in message.content if part.type == "text")


async def message(client):
    assert text_of(await given(client.messages.create(**CLAUDE))) == TEXT


async def beta_message(client):
    assert text_of(await given(client.beta.messages.create(**CLAUDE))) == TEXT


async def raw(client):
    response = await given(client.messages.with_raw_response.create(**CLAUDE))
    assert text_of(await given(response.parse())) == TEXT


async def raw_and_never_parsed(client):
    assert (await given(client.messages.with_raw_response.create(**CLAUDE))).status_code == 200


async def streaming(client):
    async with entered(client.messages.with_streaming_response.create(**CLAUDE)) as response:
        assert text_of(await given(response.parse())) == TEXT


async def streamed(client):
    stream = await given(client.messages.create(**CLAUDE, stream=True))
    assert isinstance(stream, anthropic.Stream | anthropic.AsyncStream)
    deltas = [event.delta for event in await all_of(stream) if event.type == "content_block_delta"]
    assert [delta.text for delta in deltas if delta.type == "text_delta"] == pieces(TEXT)


async def helped_stream(client):
    async with entered(client.messages.stream(**CLAUDE)) as stream:
        assert await all_of(stream.text_stream) == pieces(TEXT)
        assert text_of(await given(stream.get_final_message())) == TEXT


async def helped_beta_stream(client):
    async with entered(need(client, "beta.messages.stream")(**CLAUDE)) as stream:
        assert await given(stream.get_final_text()) == TEXT


WAYS = [
    message,
    beta_message,
    raw,
    raw_and_never_parsed,
    streaming,
    streamed,
    helped_stream,
    helped_beta_stream,
]


@pytest.mark.parametrize("way", WAYS)
def test_it_is_one_call_too_where_the_sdk_stands_on_aiohttp(server, tmp_path, way):
    need(anthropic, "DefaultAioHttpClient")

    async def work():
        settings = {"base_url": server.url, "api_key": "k", "http_client": anthropic.DefaultAioHttpClient()}
        async with anthropic.AsyncAnthropic(**settings) as client:
            await way(client)

    assert counted(payload_of_work(work, tmp_path)) == served(server.books, calls=1)


@pytest.mark.parametrize("way", WAYS)
def test_a_message_is_one_call_with_the_tokens_that_were_told(server, tmp_path, make_client, way):
    payload = payload_of_work(goes(way, make_client), tmp_path)
    assert counted(payload) == served(server.books, calls=1)
    assert server.books.tokens().cache_write == 16


def test_its_cost_is_that_of_what_was_fresh_was_cached_and_was_written(server, tmp_path, make_client):
    payload = payload_of_work(goes(message, make_client), tmp_path)
    told = server.books.tokens()
    usage = Usage(
        input_tokens=told.prompt,
        output_tokens=told.completion,
        cache_read_tokens=told.cached,
        cache_write_tokens=told.cache_write,
    )
    expected = calc_price(usage, CLAUDE["model"]).total_price
    assert payload["cost/total_cost"] == pytest.approx(float(expected), rel=1e-12)
    assert payload["tokens/total"] == told.prompt + told.completion


async def broken_off(client):
    async with entered(await given(client.messages.create(**CLAUDE, stream=True))) as stream:
        await first_of(stream)


async def helper_broken_off(client):
    async with entered(client.messages.stream(**CLAUDE)) as stream:
        await first_of(stream)


async def broken_off_and_dropped(client):
    await first_and_dropped(await given(client.messages.create(**CLAUDE, stream=True)))


@pytest.mark.parametrize("way", [broken_off, helper_broken_off, broken_off_and_dropped])
def test_of_a_stream_that_is_broken_off_the_prompt_is_known_and_the_answer_is_not(server, tmp_path, make_client, way):
    payload = payload_of_work(goes(way, make_client), tmp_path)
    (entry,) = server.books
    asked = told(entry.request)._replace(completion=0)
    assert counted(payload) == {**served(server.books, no_usage=1), "tokens": counts_of(asked)}
    assert "cost/total_cost" not in payload


@pytest.mark.parametrize(
    ("status", "kind"), [(429, "rate_limit"), (400, "bad_request"), (401, "auth"), (529, "server"), (500, "server")]
)
def test_an_error_of_the_server_is_an_error_of_the_call(server, tmp_path, make_client, status, kind):
    async def way(client):
        with pytest.raises(anthropic.APIStatusError):
            await message(client)

    server.fail_next(status)
    payload = payload_of_work(goes(way, make_client, max_retries=0), tmp_path)
    assert counted(payload) == served(server.books, errors={kind: 1})


def test_retries_of_the_sdk_are_counted_within_their_call(server, tmp_path, make_client):
    server.fail_next(429, 500)
    payload = payload_of_work(goes(message, make_client, max_retries=2), tmp_path)
    assert len(server.books) == 3
    assert counted(payload) == served(server.books, retries=2)


@pytest.mark.parametrize(("plan", "kind"), [("lost", "connection"), ("overloaded", "server")])
def test_an_error_in_mid_stream_is_an_error_of_the_call(server, tmp_path, make_client, plan, kind):
    async def way(client):
        with pytest.raises(Exception, match=r"incomplete|overloaded"):
            await streamed(client)

    server.fail_next(plan)
    got = counted(payload_of_work(goes(way, make_client, max_retries=0), tmp_path))
    assert (got["calls"], got["errors"]) == (1, {kind: 1})


def test_a_stream_that_stands_still_is_a_timeout(server, tmp_path, make_client):
    async def way(client):
        with pytest.raises(Exception, match=r"(?i)timed? ?out|^$"):
            await streamed(client)

    server.fail_next("stuck")
    got = counted(payload_of_work(goes(way, make_client, max_retries=0, timeout=0.3), tmp_path))
    assert (got["calls"], got["errors"]) == (1, {"timeout": 1})


def test_a_cancelled_call_is_a_cancelled_call(server, tmp_path):
    async def way():
        async with anthropic.AsyncAnthropic(base_url=server.url, api_key="k", max_retries=0) as client:
            with pytest.raises(asyncio.TimeoutError):
                await asyncio.wait_for(streamed(client), 0.3)

    server.fail_next("stuck")
    got = counted(payload_of_work(way, tmp_path))
    assert (got["calls"], got["errors"]) == (1, {"cancelled": 1})


OTHERS = {
    "/v1/messages/count_tokens": CLAUDE,
    "/v1/messages/batches": {"requests": []},
    "/v1/threads/x/messages": CLAUDE,
}


async def other_endpoints(client):
    await given(client.models.list())
    for path, body in OTHERS.items():
        with pytest.raises(anthropic.NotFoundError):
            await given(client.post(path, body=body, cast_to=object))


def test_other_endpoints_are_no_calls(server, tmp_path, make_client):
    assert counted(payload_of_work(goes(other_endpoints, make_client), tmp_path))["calls"] == 0


# --- as a judge


def test_a_client_that_the_reward_computer_holds_is_the_judge_s(server, tmp_path):
    trainer = JudgeOnly(lambda: None)
    trainer.reward_computer.client = anthropic.Anthropic(base_url=server.url, api_key="k")
    _, memory = watch(trainer, tmp_path)
    trainer.reward_computer.client.messages.create(**CLAUDE)
    trainer.train_step()
    trainer.reward_computer.client.close()
    assert counted(memory.last, "judge") == served(server.books)


@pytest.mark.parametrize("stream", [False, True])
def test_the_verdict_is_read_from_the_text_and_not_from_the_thoughts(server, tmp_path, stream):
    server.answer = saying("<true_false>True</true_false>")

    def ask():
        with anthropic.Anthropic(base_url=server.url, api_key="k") as client:
            answer = client.messages.create(**CLAUDE, stream=stream)
            return list(answer) if stream else answer

    trainer = JudgeOnly(ask)
    _, memory = watch(trainer, tmp_path)
    trainer.train_step()
    assert (memory.last["judge/correct_count"], memory.last["judge/disagreements"]) == (1, 0)


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize(("reason", "cause"), [("content_filter", "refusal"), ("length", "truncated")])
def test_why_there_is_no_verdict_is_told_by_the_stop_reason(server, tmp_path, stream, reason, cause):
    server.answer = saying("Let me see, I think that", finish_reason=reason)

    def ask():
        with anthropic.Anthropic(base_url=server.url, api_key="k") as client:
            answer = client.messages.create(**CLAUDE, stream=stream)
            return list(answer) if stream else answer

    def judge(*_):
        ask()

    trainer = JudgeOnly(lambda: None)
    trainer.reward_computer.judge, trainer.seen = judge, None
    _, memory = watch(trainer, tmp_path)
    trainer.train_step()
    assert memory.last[f"judge/failures/{cause}"] == 1


# --- another one of the family


@pytest.mark.parametrize("kind", [groq.Groq, groq.AsyncGroq])
def test_groq_s_sdk_is_seen_by_the_same_hooks(server, tmp_path, kind):
    async def way():
        async with entered(kind(base_url=server.url, api_key="k")) as client:
            completion = await given(client.chat.completions.create(**CHAT))
            assert completion.choices[0].message.content == TEXT
            stream = await given(client.chat.completions.create(**CHAT, stream=True))
            assert await all_of(stream)

    server.fail_next(500)
    payload = payload_of_work(way, tmp_path)
    assert counted(payload) == served(server.books, retries=1, no_usage=1)
