"""What telemetry adds to a call and to a stream's chunk: paired blocks, with and without, in one process.

The floor is a bare wrapt wrapper on the same method that does nothing. Blocks of the three alternate, so what the
machine does meanwhile meets all alike; the figures are medians over many short rounds, in CPU time. A run is hooked
once and then makes calls by the thousand, so each block first makes some that are not timed. No network: a mock
transport. What decides is counted in `tests/clients/test_work_of_a_call.py`, where no load of the machine disturbs.

The peer is OpenInference, which of nine tools measured breaks the least. Run: `make bench`.
"""

from __future__ import annotations

import asyncio
import gc
import itertools
import json
import logging
import statistics
import tempfile
import time
import tracemalloc
from contextlib import contextmanager
from types import SimpleNamespace
from typing import TYPE_CHECKING

import openai
import wrapt
from openai._base_client import AsyncAPIClient, SyncAPIClient
from openai._response import APIResponse

from llm_telemetry import instrument
from llm_telemetry.clients.calls import OpenCall
from llm_telemetry.clients.taps import Tap
from llm_telemetry.session.sessions import active

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

try:
    import httpx2 as httpx
except ImportError:
    import httpx

ROUNDS, CALLS, CHUNKS = 31, 100, 50
WARM_UP = {"plain": 100, "async": 128, "stream": 12}
"""Calls before a block that are not timed: Python learns again what it forgot of a class whose method was replaced."""
USAGE = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
BODY = {
    "id": "c",
    "object": "chat.completion",
    "created": 1,
    "model": "gpt-4o-mini",
    "choices": [{"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "4"}}],
    "usage": USAGE,
}
CHUNK = {"id": "c", "object": "chat.completion.chunk", "created": 1, "model": "gpt-4o-mini"}


def answer(request: httpx.Request) -> httpx.Response:
    """Serve a completion, or a stream of `CHUNKS` chunks."""
    if not json.loads(request.content).get("stream"):
        return httpx.Response(200, json=BODY)
    first, others, last = {"role": "assistant", "content": "x"}, [{"content": "x"}] * (CHUNKS - 2), {"content": "x"}
    choices = [{"index": 0, "delta": delta, "finish_reason": None} for delta in (first, *others, last)]
    choices[-1]["finish_reason"] = "stop"  # as in a real stream; without these two, Weave raises
    chunks = [{**CHUNK, "choices": [choice]} for choice in choices]
    lines = [f"data: {json.dumps(chunk)}\n\n" for chunk in [*chunks, {**CHUNK, "choices": [], "usage": USAGE}]]
    return httpx.Response(200, headers={"content-type": "text/event-stream"}, content="".join(lines).encode())


SETTINGS = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "2 + 2?"}]}
OPTIONS = {"base_url": "http://bench.test/v1", "api_key": "k"}
CLIENT = openai.OpenAI(**OPTIONS, http_client=httpx.Client(transport=httpx.MockTransport(answer)))


class Executor:
    """Makes the calls of one block."""

    def execute(self, kind: str, count: int) -> float:
        """Return the CPU seconds that `count` calls take, until they are booked; some before them are not timed."""
        if kind == "async":
            return asyncio.run(self.many(count))
        for _ in range(WARM_UP[kind]):
            self.one(kind)
        book()
        started = time.process_time()
        for _ in range(count):
            self.one(kind)
        book()
        return time.process_time() - started

    def one(self, kind: str) -> None:
        """Make one call."""
        if kind == "plain":
            CLIENT.chat.completions.create(**SETTINGS)
        else:
            for _ in CLIENT.chat.completions.create(**SETTINGS, stream=True, stream_options={"include_usage": True}):
                pass

    async def many(self, count: int) -> float:
        """Return the CPU seconds that calls take, 64 at a time."""
        transport = httpx.MockTransport(answer)
        async with openai.AsyncOpenAI(**OPTIONS, http_client=httpx.AsyncClient(transport=transport)) as client:
            for timed in (WARM_UP["async"], count):
                book()
                started = time.process_time()
                for _ in range(0, timed, 64):
                    await asyncio.gather(*(client.chat.completions.create(**SETTINGS) for _ in range(64)))
                book()
        return time.process_time() - started


waits: list[Callable[[], object]] = []
"""What waits until others have recorded their calls."""


def book() -> None:
    """Have the calls booked that wait, as the end of a step would."""
    for wait in (*waits, *(session.counted for session in active)):
        wait()


class Trainer:
    """Has the parts that `instrument` looks for."""

    def __init__(self) -> None:
        self.executor = Executor()

    def train_step(self, step: int, kind: str, count: int) -> float:
        """Run one block as a training step."""
        return self.executor.execute(kind, count)


def watched(kind: str, count: int) -> float:
    """Run a block with telemetry."""
    trainer = Trainer()
    with tempfile.TemporaryDirectory() as folder, instrument(trainer, run=False, console=0, folder=folder):
        return trainer.train_step(1, kind, count)


def floor(kind: str, count: int) -> float:
    """Run a block with bare wrappers on the methods that telemetry hooks."""
    originals = [(cls, cls.request) for cls in (SyncAPIClient, AsyncAPIClient)]
    for cls, _ in originals:
        wrapt.wrap_function_wrapper(cls, "request", lambda wrapped, _, args, kwargs: wrapped(*args, **kwargs))
    try:
        return Trainer().train_step(1, kind, count)
    finally:
        for cls, request in originals:
            cls.request = request


def peer(kind: str, count: int) -> float:
    """Run a block with OpenInference's instrumentation, which hooks the same method and makes a span of each call."""
    from openinference.instrumentation.openai import OpenAIInstrumentor  # noqa: PLC0415 - where it is installed
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415

    OpenAIInstrumentor().instrument(tracer_provider=TracerProvider())
    try:
        return Trainer().train_step(1, kind, count)
    finally:
        OpenAIInstrumentor().uninstrument()


def plain(kind: str, count: int) -> float:
    """Run a block as it is."""
    return Trainer().train_step(1, kind, count)


def compare(kind: str, count: int, per: int) -> SimpleNamespace:
    """Alternate blocks; return medians in µs per call (or chunk), and the ratio to the plain block."""
    variants = {"plain": plain, "floor": floor, "watched": watched, "peer": peer}
    for run in variants.values():
        run(kind, count // 4)
    rounds = [{name: run(kind, count) for name, run in variants.items()} for _ in range(ROUNDS)]
    added = statistics.median((r["watched"] - r["floor"]) / per for r in rounds)
    return SimpleNamespace(
        plain=statistics.median(r["plain"] for r in rounds) / per * 1e6,
        ratio=statistics.median(r["watched"] / r["plain"] for r in rounds),
        peer=statistics.median(r["peer"] / r["plain"] for r in rounds),
        added=added * 1e6,
    )


def _request(self: SyncAPIClient, cast_to: None, options: SimpleNamespace) -> object:
    return self._process_response(response=self._client.send(None, stream=False))


@contextmanager
def _nothing_behind() -> Iterator[None]:
    """Let the hooked methods call one another as they do in a plain call, do nothing else, and give a ready answer."""
    message, parsed = openai.types.chat.ChatCompletion.model_validate(BODY), object.__new__(APIResponse)
    bodies = (
        (SyncAPIClient, "request", _request),
        (httpx.Client, "send", lambda self, request, *, stream: message),
        (SyncAPIClient, "_process_response", lambda self, *, response: parsed.parse()),
        (APIResponse, "parse", lambda self: message),
    )
    originals = [(cls, name, vars(cls)[name]) for cls, name, _ in bodies]
    for cls, name, body in bodies:
        setattr(cls, name, body)
    try:
        yield
    finally:
        for cls, name, original in originals:
            setattr(cls, name, original)


def _quickest(rounds: int = 2000) -> float:
    """Return the µs of a request in the quickest of twenty blocks: what disturbs a block only adds."""
    options = SimpleNamespace(method="post", url="/chat/completions", json_data={"model": "gpt-4o-mini"})
    blocks = []
    for _ in range(20):
        started = time.process_time()
        for _ in range(rounds):
            CLIENT.request(None, options)
        blocks.append(time.process_time() - started)
    return min(blocks) / rounds * 1e6


def in_isolation() -> tuple[float, float]:
    """Return the µs that hooks add to one call that does nothing else: a bare wrapt wrapper, and all of ours."""

    class Inner:
        def train_step(self, step: int) -> float:
            return _quickest()

    with _nothing_behind():
        bare = _quickest()
        wrapt.wrap_function_wrapper(SyncAPIClient, "request", lambda w, _, args, kwargs: w(*args, **kwargs))
        wrapped = _quickest()
        SyncAPIClient.request = _request
        trainer = Inner()
        with tempfile.TemporaryDirectory() as folder, instrument(trainer, run=False, console=0, folder=folder):
            ours = trainer.train_step(1)
    return wrapped - bare, ours - bare


def chunk_in_isolation(rounds: int = 20_000) -> float:
    """Return the µs that following a stream adds to one of its chunks, the quickest of ten streams."""
    chunk = openai.types.chat.ChatCompletionChunk.model_validate(
        {**CHUNK, "choices": [{"index": 0, "delta": {"content": "x"}}]}
    )
    options = SimpleNamespace(url="/chat/completions", json_data={})

    def timed(chunks: Iterable[object]) -> float:
        started = time.process_time()
        for _ in chunks:
            pass
        return (time.process_time() - started) / rounds * 1e6

    def tapped() -> Tap:
        call = OpenCall(active[-1], None, "other", options)
        call.begin()
        return Tap(itertools.repeat(chunk, rounds), call)

    class Inner:
        def train_step(self, step: int) -> float:
            return min(timed(tapped()) for _ in range(10)) - min(timed([chunk] * rounds) for _ in range(10))

    trainer = Inner()
    with tempfile.TemporaryDirectory() as folder, instrument(trainer, run=False, console=0, folder=folder):
        return trainer.train_step(1)


def memory() -> float:
    """Return the bytes that stay per call, over 2,000 calls after a warm-up."""
    trainer = Trainer()
    with tempfile.TemporaryDirectory() as folder, instrument(trainer, run=False, console=0, folder=folder):
        trainer.train_step(1, "plain", 200)
        tracemalloc.start()
        gc.collect()
        before = tracemalloc.get_traced_memory()[0]
        trainer.train_step(2, "plain", 2000)
        gc.collect()
        after = tracemalloc.get_traced_memory()[0]
        tracemalloc.stop()
    return (after - before) / 2000


def main() -> None:
    """Print the table."""
    logging.disable()  # the trainers here have no reward computer, which is worth a word elsewhere
    wrapped, ours = in_isolation()
    print(f"hook alone  bare wrapt wrapper {wrapped:5.2f} µs  telemetry {ours:5.2f} µs  added {ours - wrapped:5.2f} µs")
    print(f"chunk alone {chunk_in_isolation():5.2f} µs")
    for kind, count, per, unit in (
        ("plain", CALLS, CALLS, "call"),
        ("async", 128, 128, "call"),
        ("stream", 12, 12 * CHUNKS, "chunk"),
    ):
        r = compare(kind, count, per)
        told = f"with telemetry × {r.ratio:5.3f}  over the floor {r.added:+6.2f} µs  OpenInference × {r.peer:5.3f}"
        print(f"{kind:8} {r.plain:8.1f} µs a {unit:5}  {told}")
    print(f"memory that stays     {memory():.1f} bytes a call")


if __name__ == "__main__":
    main()
