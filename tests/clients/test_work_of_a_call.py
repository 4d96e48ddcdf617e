"""What a call takes of ours, counted and not timed: bytecodes, which no load of the machine changes."""

import asyncio

import openai

from llm_telemetry.session.sessions import active
from tests.support.bytecodes import COUNTED, bytecodes
from tests.support.loops import Loop
from tests.support.trainers import watch
from tests.support.watching import CHAT, STREAM

pytestmark = COUNTED

CALLS = 16
PLAIN, TOGETHER, CHUNK, BOOKED = 855, 965, 71, 272
"""Bytecodes a call, or a chunk of a stream, at most; some 2 or 3 in 100 more than there are in Python 3.11.

To book a call takes 255 there, and 267 in Python 3.10.
"""


def in_a_step(tmp_path, work):
    """Do `work` as a watched trainer's step; return what it returns."""
    loop = Loop(lambda _: work())
    telemetry, _ = watch(loop, tmp_path)
    with telemetry:
        return loop.train_step(1)


def test_a_plain_call_takes_few_bytecodes_of_ours(server, tmp_path):
    def work():
        client = openai.OpenAI(base_url=f"{server.url}/v1", api_key="k")
        calls = [lambda: client.chat.completions.create(**CHAT)] * CALLS
        calls[0]()
        return bytecodes(lambda: [call() for call in calls]) / CALLS

    assert 0 < in_a_step(tmp_path, work) <= PLAIN


def test_a_call_among_others_takes_few_bytecodes_of_ours(server, tmp_path):
    async def together():
        async with openai.AsyncOpenAI(base_url=f"{server.url}/v1", api_key="k") as client:
            await asyncio.gather(*(client.chat.completions.create(**CHAT) for _ in range(CALLS)))

    def work():
        asyncio.run(together())
        return bytecodes(lambda: asyncio.run(together())) / CALLS

    assert 0 < in_a_step(tmp_path, work) <= TOGETHER


def test_a_chunk_of_a_stream_takes_few_bytecodes_of_ours(server, tmp_path):
    def work():
        client = openai.OpenAI(base_url=f"{server.url}/v1", api_key="k")
        stream = client.chat.completions.create(**STREAM)
        next(stream)  # the first one is looked at more closely
        return bytecodes(lambda: next(stream))

    assert 0 < in_a_step(tmp_path, work) <= CHUNK


def test_to_book_a_call_takes_few_bytecodes(server, tmp_path):
    def work():
        client = openai.OpenAI(base_url=f"{server.url}/v1", api_key="k")
        for _ in range(CALLS):
            client.chat.completions.create(**CHAT)
        return bytecodes(active[-1].counted) / CALLS

    assert 0 < in_a_step(tmp_path, work) <= BOOKED
