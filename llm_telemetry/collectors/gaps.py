"""What telemetry did not see, told once with its share: rollouts without a call, calls without their tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llm_telemetry.collectors import keys
from llm_telemetry.notices import Notices
from llm_telemetry.sources import UNKNOWN

if TYPE_CHECKING:
    from llm_telemetry.events import Payload

_ENOUGH = 8
"""Rollouts, or calls, from which on a share says something."""
NO_CALLS = (
    "not one LLM call%s was seen in %d of %d rollouts (%.0f %%): what answers them is no client that is known "
    "(an engine in this process, a stack of its own), so its calls, tokens and USD are missing; see "
    "docs/how-it-works.md#clients"
)
NO_USAGE = (
    "%d of %d LLM calls (%.0f %%) did not tell their tokens: tokens and USD are too low by what they took; of streams "
    'ask for it: stream_options={"include_usage": True}'
)
NO_SOURCE = (
    "%d of %d rollouts (%.0f %%) have no field that is called as source= says: they count in dataset/unknown/…; a "
    "constant is written source='=name'"
)


class Gaps:
    """Adds up, from payload to payload, what is missing, and says so once it is most of all.

    Args:
        named: The settings say where a rollout's source is told.
    """

    def __init__(self, *, named: bool = False) -> None:
        self._named = named
        self._unknown = 0.0
        self.expects_calls = True
        """Whether rollouts are answered by calls, as far as is known."""
        self.has_executor = True
        """Whether rollouts are executed where it is seen; else who rewards them may have had their answers before."""
        self._tell = Notices()
        self._rollouts = 0.0
        self._silent = 0.0
        self._judged = 0.0
        self._calls = 0.0
        self._unmetered = 0.0

    def look(self, payload: Payload) -> None:
        """Count what a payload lacks."""
        rollouts = payload.values.get(keys.COUNT.of(payload.split), 0)
        calls = keys.sum_over_roles(payload, keys.CALLS)
        judged = payload.values.get(keys.CALLS.of(payload.split, role="judge"), 0)
        self._rollouts += rollouts
        answering = calls - judged if self.has_executor else calls
        self._silent += 0 if answering or not self.expects_calls else rollouts
        self._judged += judged
        self._calls += calls
        self._unmetered += keys.sum_over_roles(payload, keys.NO_USAGE)
        self._unknown += payload.values.get(keys.COUNT.of(payload.split, UNKNOWN), 0) if self._named else 0
        self._tell_share(NO_SOURCE, self._unknown, self._rollouts)
        self._tell_share(NO_CALLS, self._silent, self._rollouts, " but the judge's" if self._judged else "")
        self._tell_share(NO_USAGE, self._unmetered, self._calls)

    def _tell_share(self, sentence: str, part: float, whole: float, *what: str) -> None:
        if whole >= _ENOUGH and part > whole / 2:
            self._tell(sentence, *what, part, whole, 100 * part / whole)
