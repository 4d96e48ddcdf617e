"""Two copies of the openai SDK in one process, so that calls with and without hooks take turns every few milliseconds.

A hook that is put on a class, or taken off, makes Python forget what it has learnt about the class, and the next
hundred calls are slower, watched or not. So each copy has classes of its own, which are hooked for as long as they are
measured. There is no network: a mock transport answers.
"""

from __future__ import annotations

import asyncio
import gc
import importlib
import json
import sys
import time
from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import ModuleType

PACKAGES = ("openai", "httpx", "httpx2")
"""What a copy has for itself. Others, as pydantic, are shared."""
CHUNKS = 50
WARM_UP = 240
"""Calls before those that count: Python learns which classes and methods it meets."""
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
SETTINGS: dict[str, Any] = {"model": "gpt-4o-mini", "messages": [{"role": "user", "content": "2 + 2?"}]}
STREAMED = {**SETTINGS, "stream": True, "stream_options": {"include_usage": True}}
OPTIONS = {"base_url": "http://bench.test/v1", "api_key": "k"}


def answer(httpx: ModuleType, request: Any) -> Any:
    """Return a completion, or a stream of `CHUNKS` chunks, as a response of this httpx."""
    if not json.loads(request.content).get("stream"):
        return httpx.Response(200, json=BODY)
    first, others, last = {"role": "assistant", "content": "x"}, [{"content": "x"}] * (CHUNKS - 2), {"content": "x"}
    choices = [{"index": 0, "delta": delta, "finish_reason": None} for delta in (first, *others, last)]
    choices[-1]["finish_reason"] = "stop"  # as in a real stream; without these two, Weave raises
    chunks = [{**CHUNK, "choices": [choice]} for choice in choices]
    lines = [f"data: {json.dumps(chunk)}\n\n" for chunk in [*chunks, {**CHUNK, "choices": [], "usage": USAGE}]]
    return httpx.Response(200, headers={"content-type": "text/event-stream"}, content="".join(lines).encode())


class Kind(NamedTuple):
    """A kind of call, and how much of it is measured."""

    name: str
    calls: int
    """In a block, which takes some ten milliseconds, or as long as so many at once do."""
    blocks: int
    """In a step, at whose end there is something to be done for all of them."""
    steps: int

    @property
    def asked(self) -> int:
        """How many calls of a copy there are in all."""
        return self.calls * self.blocks * self.steps + WARM_UP // self.calls * self.calls


class Sdk:
    """One copy of the SDK, with a client of each kind."""

    def __init__(self) -> None:
        for name in loaded(*PACKAGES):
            del sys.modules[name]
        openai = importlib.import_module("openai")
        base = vars(importlib.import_module("openai._base_client"))
        httpx = base.get("httpx2") or base["httpx"]
        transport = httpx.MockTransport(partial(answer, httpx))
        self._client = openai.OpenAI(**OPTIONS, http_client=httpx.Client(transport=transport))
        self._loop = asyncio.new_event_loop()
        self._async = openai.AsyncOpenAI(**OPTIONS, http_client=httpx.AsyncClient(transport=transport))
        self._kinds: dict[str, Callable[[int], object]] = {
            "plain": self._plain,
            "async": self._at_once,
            "stream": self._streams,
        }
        for make in self._kinds.values():
            make(1)  # what the SDK imports as late as in a call is this copy's, too
        self._modules = loaded(*PACKAGES)

    def use(self) -> None:
        """Be what `import openai` gives."""
        for name in loaded(*PACKAGES):
            del sys.modules[name]
        sys.modules.update(self._modules)

    def call(self, kind: Kind) -> None:
        """Make the calls of a block."""
        self._kinds[kind.name](kind.calls)

    def block(self, kind: Kind) -> float:
        """Return the CPU seconds of a block: with its own garbage, but without what was there before."""
        self.use()
        gc.collect()
        return seconds(self.call, kind)

    def _plain(self, count: int) -> None:
        for _ in range(count):
            self._client.chat.completions.create(**SETTINGS)

    def _streams(self, count: int) -> None:
        for _ in range(count):
            for _chunk in self._client.chat.completions.create(**STREAMED):
                pass

    def _at_once(self, count: int) -> None:
        async def some() -> None:
            await asyncio.gather(*(self._async.chat.completions.create(**SETTINGS) for _ in range(count)))

        self._loop.run_until_complete(some())

    def close(self) -> None:
        """Close the clients and the loop."""
        self._client.close()
        self._loop.run_until_complete(self._async.close())
        self._loop.close()


def seconds(function: Callable[..., object], *arguments: object) -> float:
    """Return the CPU seconds of the process, all its threads, for a call of this function."""
    began = time.process_time()
    function(*arguments)
    return time.process_time() - began


def ratios(kind: Kind, watched: Sdk, plain: Sdk, after: Callable[[], object]) -> list[float]:
    """Return what each block takes with hooks, and its share of what ends the step, over the next one without."""
    for sdk in (watched, plain):
        sdk.use()
        for _ in range(WARM_UP // kind.calls):
            sdk.call(kind)
        after()
    told = []
    for step in range(kind.steps):
        pairs = []
        for number in range(kind.blocks):
            order = (watched, plain) if (step + number) % 2 else (plain, watched)
            took = {}
            for sdk in order:
                took[sdk] = sdk.block(kind)
                if sdk is watched and number == kind.blocks - 1:
                    last = seconds(after)
            pairs.append(took)
        told += [(took[watched] + last / kind.blocks) / took[plain] for took in pairs]
    return told


def loaded(*packages: str) -> dict[str, ModuleType]:
    """Return the modules of some packages that are imported now, by name."""
    within = tuple(f"{package}." for package in packages)
    return {name: module for name, module in sys.modules.items() if f"{name}.".startswith(within)}
