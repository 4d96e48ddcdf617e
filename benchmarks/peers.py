"""What telemetry adds to a call, ours and others' alike: blocks of calls with and without it, by turns in one process.

See `calls.py` for how. CPU time is that of the whole process: what a peer leaves to threads of its own counts, too, for
they take it from the training. A block ends when all that is left to them, or to the end of a step, is done.

A peer makes its record of each call and hands it over, and that is all: no network, nothing is exported, which costs
the peers more. Each record is counted, and a call that is missing, or whose tokens are, is an error. Each peer has an
environment of its own, see `results.py`.
"""

from __future__ import annotations

import gc
import importlib.metadata
import logging
import math
import os
import sys
import tempfile
import time
from itertools import chain
from typing import TYPE_CHECKING, Any, NamedTuple

from calls import Kind, Sdk, ratios
from figures import figure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from figures import Figure

    Recorded = Callable[[], int]
    """Waits until the calls so far are recorded, and returns how many are, with their tokens."""

OURS = "llm_telemetry"


class Silence:
    """Takes whatever it is given, and gives nothing back."""

    def __getattr__(self, _name: str) -> Any:
        return self

    def __call__(self, *args: object, **kwargs: object) -> Any:
        """Be what whatever is called returns, too."""
        return self


class Spans(Silence):
    """Stands where spans are processed, or exported: counts those that say how many tokens were used."""

    def __init__(self, tokens: str) -> None:
        self.tokens = tokens
        self.calls = 0

    def on_end(self, span: Any) -> None:
        """Count one."""
        self.calls += self.tokens in span.attributes

    def export(self, spans: Iterable[Any]) -> None:
        """Count several."""
        for span in spans:
            self.on_end(span)


def start_openinference() -> Recorded:
    """Instrument with OpenInference."""
    from openinference.instrumentation.openai import OpenAIInstrumentor  # noqa: PLC0415 - where it is installed

    return start_spans(OpenAIInstrumentor(), "llm.token_count.total")


def start_opentelemetry() -> Recorded:
    """Instrument with OpenTelemetry's own."""
    from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor  # noqa: PLC0415

    return start_spans(OpenAIInstrumentor(), "gen_ai.usage.output_tokens")


def start_spans(instrumentor: Any, tokens: str) -> Recorded:
    """Instrument with what makes spans, which have their tokens in this attribute."""
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415

    provider, spans = TracerProvider(), Spans(tokens)
    provider.add_span_processor(spans)
    instrumentor.instrument(tracer_provider=provider)
    return lambda: spans.calls


def start_langfuse() -> Recorded:
    """Instrument with Langfuse."""
    import langfuse  # noqa: PLC0415
    import langfuse.openai  # noqa: PLC0415 - patches

    spans = Spans("langfuse.observation.usage_details")
    client = langfuse.Langfuse(public_key="pk", secret_key="sk", span_exporter=spans)  # noqa: S106 - no secret

    def recorded() -> int:
        client.flush()
        return spans.calls

    return recorded


def start_weave() -> Recorded:
    """Instrument with Weave, without its reports to Sentry, and without a line on the console for each call."""
    os.environ.update(WANDB_ERROR_REPORTING="false", WEAVE_PRINT_CALL_LINK="false")
    import weave  # noqa: PLC0415
    from weave.trace import weave_client  # noqa: PLC0415
    from weave.trace.context import weave_client_context  # noqa: PLC0415
    from weave_server import Server  # noqa: PLC0415 - imports Weave

    server = Server()
    client = weave_client.WeaveClient("bench", "bench", server, ensure_project_exists=False)
    weave_client_context.set_weave_client_global(client)
    weave.integrations.patch_openai()

    def recorded() -> int:
        client.flush()
        return server.calls

    return recorded


class Peer(NamedTuple):
    """One of those that are compared."""

    package: str
    """What pip installs."""
    start: Callable[[], Recorded]

    @property
    def version(self) -> str:
        """What is installed of it."""
        return importlib.metadata.version(self.package.partition("[")[0])


PEERS = {
    "OpenInference": Peer("openinference-instrumentation-openai", start_openinference),
    "OpenTelemetry": Peer("opentelemetry-instrumentation-genai-openai", start_opentelemetry),
    "Langfuse": Peer("langfuse", start_langfuse),
    "Weave": Peer("weave[wandb]", start_weave),  # without W&B it takes a folder of runs for the package, and raises
}
SHARED_PACKAGES = ("openai", "opentelemetry-sdk")
"""What each peer's environment holds besides."""


KINDS = {
    Kind("plain", 8, 31, 10): (
        "a plain call",
        "how much longer a call keeps the CPU; its wait for the model is as before",
    ),
    Kind("async", 64, 3, 32): (
        "calls made 64 at once (async)",
        "the same where one thread makes many calls at once",
    ),
    Kind("stream", 1, 31, 10): (
        "a stream",
        "the same for an answer that comes in pieces, all of them read",
    ),
}
"""What is measured in a sitting of ours, and what to call it and what it means.

A step has as many calls as we let wait at most before we book them. Others add so much that a tenth tells it; what they
leave to their threads is waited for after each block.
"""
LATE = 40
"""Looks, twenty a second, at what a peer has recorded, before what is missing counts as lost."""
TIMES = 2
"""That we are started anew on the one copy of the SDK, and then on the other."""


class Trainer:
    """Has the parts that `instrument` looks for, and does in a step what it is told to."""

    def __init__(self) -> None:
        self.executor = self

    def execute(self, work: Callable[[], object]) -> None:
        """Run within what is watched."""
        work()

    def train_step(self, step: int, work: Callable[[], object]) -> None:
        """Make one step."""
        self.executor.execute(work)


def with_ours(watched: Sdk, plain: Sdk) -> list[list[float]]:
    """Return the ratios of a sitting with us, by kind: all is on that is on by itself."""
    from llm_telemetry import instrument  # noqa: PLC0415 - a peer's environment has not what it needs
    from llm_telemetry.session.sessions import active  # noqa: PLC0415

    trainer, told = Trainer(), []
    watched.use()
    with tempfile.TemporaryDirectory() as folder, instrument(trainer, folder=folder):
        (session,) = active
        trainer.train_step(1, lambda: told.extend(ratios(kind, watched, plain, session.counted) for kind in KINDS))
        counted = session.latest["train"].values["cost/executor_calls"]
    check(OURS, counted - sum(kind.asked for kind in KINDS))
    return told


def both_ways(one: Sdk, other: Sdk) -> list[list[float]]:
    """Return the ratios with us on the one copy and on the other, by kind: of both the geometric mean.

    A copy may be faster than the other by 2 in 100, by where it lies in memory. In the mean that falls out.
    """
    ways = zip(with_ours(one, other), with_ours(other, one), strict=True)
    return [[math.sqrt(a * b) for a, b in zip(*both, strict=True)] for both in ways]


def with_peer(who: str, watched: Sdk, plain: Sdk) -> list[list[float]]:
    """Return the ratios with a peer, by kind."""
    watched.use()
    recorded = PEERS[who].start()
    told = []
    for kind in (kind._replace(blocks=1, steps=kind.blocks * kind.steps // 10) for kind in KINDS):
        before = recorded()
        told.append(ratios(kind, watched, plain, recorded))
        for _ in range(LATE):  # Weave says at times that all is sent while a thread of its own still has a batch
            if recorded() - before >= kind.asked:
                break
            time.sleep(0.05)
        check(who, recorded() - before - kind.asked)
    return told


def check(who: str, more: float) -> None:
    """Make sure that each call was recorded, with its tokens.

    Raises:
        RuntimeError: There are more, or less.
    """
    if more:
        raise RuntimeError(f"{who} has not recorded each call with its tokens: {more:+}")


def figures(who: str) -> list[Figure]:
    """Return what one adds to a call, to calls at once, and to a stream."""
    logging.disable()  # a trainer without rewards is worth a word elsewhere
    one, other = Sdk(), Sdk()
    gc.freeze()  # so that a collection before each block looks at what calls have made, and at nothing else
    times = [both_ways(one, other) for _ in range(TIMES)] if who == OURS else [with_peer(who, one, other)]
    whose = who if who == OURS else f"{who} {PEERS[who].version}"
    by_kind = [[*chain.from_iterable(some)] for some in zip(*times, strict=True)]
    return [
        figure(what, told, "×", meaning, whose) for (what, meaning), told in zip(KINDS.values(), by_kind, strict=True)
    ]


if __name__ == "__main__":
    for one in figures(sys.argv[1] if len(sys.argv) > 1 else OURS):
        print(f"{one.what:30} {one.who:24} {one}")
