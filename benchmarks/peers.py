"""What telemetry adds to a call, ours and others' alike: paired blocks in one process, hooks taken off and put back.

What a peer has replaced in the SDK is found by looking before and after; then blocks with and without it alternate, in
CPU time of the whole process, so what the machine does meanwhile meets both alike, and what a peer leaves to threads of
its own counts, too: they take it from the training. A block ends when all that is left to them is done.

A peer makes its record of each call and hands it over, and that is all: no network, nothing is exported, which costs
the peers more. Each record is counted, and a call that is missing, or whose tokens are, is an error. Each peer has an
environment of its own, see `results.py`.
"""

from __future__ import annotations

import importlib.metadata
import os
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from figures import figure

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from figures import Figure

    Recorded = Callable[[], int]
    """Waits until the calls so far are recorded, and returns how many are, with their tokens."""

OURS = "llm_telemetry"
ROUNDS, PEERS_ROUNDS = 81, 15
"""Short blocks, and many: a neighbour on the machine disturbs some, which the median leaves out.

Others add so much that fewer tell it.
"""
_ABSENT: Any = object()


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
SHARED_PACKAGES = ("openai", "opentelemetry-sdk", "wrapt", "typing_extensions")
"""What each peer's environment holds besides; the last two for the module with the calls, which watches too."""


def methods() -> dict[tuple[type, str], Any]:
    """Return what the SDK's classes hold."""
    modules = [module for name, module in list(sys.modules.items()) if name.partition(".")[0] == "openai"]
    held = {one for module in modules for one in list(vars(module).values()) if isinstance(one, type)}
    classes = [cls for cls in held if cls.__module__.partition(".")[0] == "openai"]
    return {(cls, name): value for cls in classes for name, value in list(vars(cls).items()) if callable(value)}


def switch(places: dict[tuple[type, str], Any]) -> None:
    """Put these into their places."""
    for (cls, name), value in places.items():
        if value is _ABSENT:
            delattr(cls, name)
        else:
            setattr(cls, name, value)


def variants(who: str) -> dict[str, Callable[[str, int], float]]:
    """Return what runs a block as it is, and what runs it with this one's telemetry: in CPU seconds."""
    import calls  # noqa: PLC0415 - imports the SDK

    if who == OURS:
        return {"plain": calls.plain, "watched": calls.watched}
    for kind in ("plain", "async", "stream"):  # the SDK imports its classes when they are first used
        calls.plain(kind, 1)
    before = methods()
    recorded = PEERS[who].start()
    after = methods()
    known = {cls for cls, _ in before}  # the others were only imported meanwhile
    on = {place: value for place, value in after.items() if place[0] in known and before.get(place) is not value}
    off = {place: before.get(place, _ABSENT) for place in on}
    if not on:
        raise RuntimeError(f"{who} has replaced nothing in the SDK")
    switch(off)

    def watched(kind: str, count: int) -> float:
        asked = recorded() + calls.WARM_UP[kind] + count
        switch(on)
        calls.waits.append(recorded)
        try:
            took = calls.plain(kind, count)
        finally:
            calls.waits.remove(recorded)
            switch(off)
        if recorded() != asked:
            raise RuntimeError(f"{who} has not recorded each call with its tokens: {recorded() - asked:+}")
        return took

    return {"plain": calls.plain, "watched": watched}


KINDS = (
    ("a plain call", "plain", 30, "how much longer a call keeps the CPU; its wait for the model is as before"),
    ("calls made 64 at once (async)", "async", 64, "the same where one thread makes many calls at once"),
    ("a stream", "stream", 3, "the same for an answer that comes in pieces, all of them read"),
)  # fmt: skip


def figures(who: str) -> list[Figure]:
    """Return what one adds to a call, to calls at once, and to a stream."""
    runs = variants(who)
    version = "" if who == OURS else f" {PEERS[who].version}"
    told = []
    for what, kind, count, meaning in KINDS:
        for run in runs.values():
            run(kind, count)
        ratios = []
        for number in range(ROUNDS if who == OURS else PEERS_ROUNDS):
            order = list(runs) if number % 2 else list(reversed(runs))
            took = {name: runs[name](kind, count) for name in order}
            ratios.append(took["watched"] / took["plain"])
        told.append(figure(what, ratios, "×", meaning, who + version))
    return told


if __name__ == "__main__":
    for one in figures(sys.argv[1] if len(sys.argv) > 1 else OURS):
        print(f"{one.what:30} {one.who:24} {one}")
