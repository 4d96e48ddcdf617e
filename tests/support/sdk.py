"""Ways through the openai SDK, each written once for sync and async clients, and the payload of a step that goes it."""

import asyncio
import contextlib
import gc
import inspect

import openai
import pydantic
import pytest

from tests.support import bodies
from tests.support.mocking import chat_stream
from tests.support.trainers import RewardComputer, payload_of_work

CHAT = "/chat/completions"
ASK = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "2 + 2?"}]}
STREAM = {**ASK, "stream": True, "stream_options": {"include_usage": True}}
STREAMED = chat_stream("4", "2", tokens=bodies.TOKENS)


class Verdict(pydantic.BaseModel):
    correct: bool


async def given(result):
    """What a sync or an async method gives."""
    return await result if inspect.isawaitable(result) else result


@contextlib.asynccontextmanager
async def entered(manager):
    """Enter a sync or an async context manager."""
    if hasattr(manager, "__aenter__"):
        async with manager as inner:
            yield inner
    else:
        with manager as inner:
            yield inner


async def all_of(stream):
    return [one async for one in stream] if hasattr(stream, "__aiter__") else list(stream)


async def first_of(stream):
    return await (stream.__anext__() if hasattr(stream, "__anext__") else asyncio.to_thread(next, stream))


async def first_and_dropped(stream):
    """Read one event, and leave the rest of the stream to the garbage collector."""
    await first_of(stream)
    if hasattr(stream, "__anext__"):
        await stream.response.aclose()
    del stream
    gc.collect()
    await asyncio.sleep(0)
    gc.collect()


def need(thing, path):
    """Follow a dotted path, or skip the test where this SDK is too old for it."""
    for name in path.split("."):
        if not hasattr(thing, name):
            pytest.skip(f"openai {openai.__version__} has no {path}")
        thing = getattr(thing, name)
    return thing


def completions(client, method):
    """Find `parse` and `stream` where this SDK has them: they began in beta."""
    chat = client.chat.completions
    return getattr(chat, method) if hasattr(chat, method) else need(client, f"beta.chat.completions.{method}")


async def chat_completion(client):
    await given(client.chat.completions.create(**ASK))


async def streamed_chat(client):
    stream = await given(client.chat.completions.create(**STREAM))
    assert isinstance(stream, openai.Stream | openai.AsyncStream)
    assert [c.choices[0].delta.content for c in await all_of(stream) if c.choices] == ["4", "2"]


async def parsed(client):
    completion = await given(completions(client, "parse")(**ASK, response_format=Verdict))
    assert completion.choices[0].message.parsed == Verdict(correct=True)


async def raw_and_parsed(client):
    raw = await given(client.chat.completions.with_raw_response.create(**ASK))
    assert raw.parse() is raw.parse()
    assert raw.parse().choices[0].message.content == "4"


def payload_of(way, client, tmp_path):
    """Go `way` as the work of an executor; give the payload of that step, in which everything must be."""

    async def work():
        async with entered(client):
            await way(client)

    return payload_of_work(work, tmp_path)


class JudgeOnly:
    """A trainer that does nothing but `ask` in its judge, which says yes; the text is read besides."""

    def __init__(self, ask):
        def judge(*_):
            self.seen = ask()
            return True

        self.reward_computer = RewardComputer(judge=judge)

    def train_step(self):
        self.reward_computer.compute_reward(problem="2 + 2?", prediction="4", ground_truth="4")
        return self.seen


def assert_one_call(payload, prompt=10, completion=5, errors=0):
    assert payload["llm/executor/calls"] == 1
    assert payload["llm/executor/errors"] in ((0, 1) if errors is None else (errors,))
    tokens = payload.get("tokens/executor/prompt"), payload.get("tokens/executor/completion")
    assert tokens == (prompt, completion)
    assert payload["llm/executor/no_usage"] == (prompt is None and not errors)


IS_OLD = int(openai.__version__.partition(".")[0]) < 2
"""The SDK of the oldest generation: it tells no retries, and checks what `parse` got after its request is done."""
