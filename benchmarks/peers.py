"""What telemetry adds to a call, ours and others' alike: paired blocks in one process, hooks taken off and put back.

What a peer has replaced in the SDK is found by looking before and after; then blocks with and without it alternate, in
CPU time, so what the machine does meanwhile meets both alike. No network, and nothing is exported: a real export costs
the peers more. Each peer has an environment of its own, see `results.py`.
"""

from __future__ import annotations

import importlib.metadata
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from figures import figure

if TYPE_CHECKING:
    from collections.abc import Callable

    from figures import Figure

OURS = "llm_telemetry"
ROUNDS, PEERS_ROUNDS = 81, 15
"""Short blocks, and many: a neighbour on the machine disturbs some, which the median leaves out.

Others add so much that fewer tell it.
"""
_ABSENT: Any = object()


def start_openinference() -> None:
    """Instrument with OpenInference."""
    from openinference.instrumentation.openai import OpenAIInstrumentor  # noqa: PLC0415 - where it is installed
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415

    OpenAIInstrumentor().instrument(tracer_provider=TracerProvider())


def start_opentelemetry() -> None:
    """Instrument with OpenTelemetry's own."""
    from opentelemetry.instrumentation.genai.openai import OpenAIInstrumentor  # noqa: PLC0415
    from opentelemetry.sdk.trace import TracerProvider  # noqa: PLC0415

    OpenAIInstrumentor().instrument(tracer_provider=TracerProvider())


class Silence:
    """Takes whatever is exported, or asked of a server, and gives nothing back."""

    digest = "0" * 43
    """What a server calls an object by."""

    def __getattr__(self, _name: str) -> Any:
        return self

    def __call__(self, *args: object, **kwargs: object) -> Any:
        """Be what whatever is called returns, too."""
        return self


def start_langfuse() -> None:
    """Instrument with Langfuse."""
    import langfuse  # noqa: PLC0415
    import langfuse.openai  # noqa: PLC0415 - patches

    langfuse.Langfuse(public_key="pk", secret_key="sk", span_exporter=Silence())  # noqa: S106 - no secret


def start_weave() -> None:
    """Instrument with Weave, its server taken away."""
    import weave  # noqa: PLC0415
    from weave.trace import weave_client  # noqa: PLC0415
    from weave.trace.context import weave_client_context  # noqa: PLC0415

    client = weave_client.WeaveClient("bench", "bench", Silence(), ensure_project_exists=False)
    weave_client_context.set_weave_client_global(client)
    weave.integrations.patch_openai()


class Peer(NamedTuple):
    """One of those that are compared."""

    package: str
    start: Callable[[], None]


PEERS = {
    "OpenInference": Peer("openinference-instrumentation-openai", start_openinference),
    "OpenTelemetry": Peer("opentelemetry-instrumentation-genai-openai", start_opentelemetry),
    "Langfuse": Peer("langfuse", start_langfuse),
    "Weave": Peer("weave", start_weave),
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
    PEERS[who].start()
    after = methods()
    known = {cls for cls, _ in before}  # the others were only imported meanwhile
    on = {place: value for place, value in after.items() if place[0] in known and before.get(place) is not value}
    off = {place: before.get(place, _ABSENT) for place in on}
    if not on:
        raise RuntimeError(f"{who} has replaced nothing in the SDK")
    switch(off)

    def watched(kind: str, count: int) -> float:
        switch(on)
        try:
            return calls.plain(kind, count)
        finally:
            switch(off)

    return {"plain": calls.plain, "watched": watched}


KINDS = (
    ("a plain call", "plain", 30, "how much longer a call keeps the CPU; its wait for the model is as before"),
    ("calls made 64 at once (async)", "async", 64, "the same where one thread makes many calls at once"),
    ("a stream", "stream", 3, "the same for an answer that comes in pieces, all of them read"),
)  # fmt: skip


def figures(who: str) -> list[Figure]:
    """Return what one adds to a call, to calls at once, and to a stream."""
    runs = variants(who)
    version = "" if who == OURS else f" {importlib.metadata.version(PEERS[who].package)}"
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
