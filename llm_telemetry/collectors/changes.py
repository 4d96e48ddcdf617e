"""Whether the judge is the one that it was: the model, build and service tier that answer, as responses tell it."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, NamedTuple

from llm_telemetry.collectors import keys
from llm_telemetry.collectors.naming import name_all
from llm_telemetry.events import Alert
from llm_telemetry.notices import Notices

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llm_telemetry.events import Call, Split

MOST = 16
"""Values of each kind that are known of a model: behind one name there may be several servers, not any number."""
MOST_MODELS = 256
KINDS = ("model", "fingerprint", "service tier")
MANY = (
    "calls of %s have been answered under more than %d values of its %s: a new one says nothing, and is no longer told"
)
TITLE = "LLM judge changed"
CONDITION = "judge_changed"
ADVICE = "Verdicts before and after are of two judges: name a dated model, or a build of your own, to keep one."


class Change(NamedTuple):
    """A value that no answer had before."""

    requested: str
    kind: str
    before: str
    now: str

    def __str__(self) -> str:
        """Say it in a sentence."""
        return f"Calls of {self.requested} are answered with the {self.kind} {self.now}; before it was {self.before}."


class ChangesCollector:
    """Knows what has answered the judge's calls; what is new after the first payload, is a change.

    Several servers behind one name answer in turn: a value that was there before is no change when it comes again.
    """

    def __init__(self) -> None:
        self._known: dict[str, dict[str, list[str]]] = {}
        """By the model in the request, by kind."""
        self._settled: set[str] = set()
        """Models that a payload has told of: what is new of them has changed."""
        self._seen: set[tuple[str | None, ...]] = set()
        self._windows: defaultdict[Split, int] = defaultdict(int)
        self._untold: list[Change] = []
        self._tell = Notices()

    def add_call(self, call: Call) -> None:
        """Take a judge's call; what failed, or told nothing of its tokens, may have told nothing else."""
        if call.usage is not None and call.error is None:
            told = call.requested_model, call.model, call.fingerprint, call.service_tier
            if told not in self._seen:
                self._windows[call.split] += self._learn(*told)
            elif call.split not in self._windows:
                self._windows[call.split] = 0

    def _learn(self, requested: str | None, *values: str | None) -> int:
        """Take what has not answered before in this combination, and return how many changes there are in it."""
        if len(self._seen) >= MOST * MOST_MODELS:
            self._seen.clear()
        self._seen.add((requested, *values))
        if requested is None or (requested not in self._known and len(self._known) >= MOST_MODELS):
            return 0
        known = self._known.setdefault(requested, {})
        pairs = [(kind, value) for kind, value in zip(KINDS, values, strict=True) if value is not None]
        fresh = [pair for pair in pairs if pair[1] not in known.get(pair[0], ())]
        return sum(self._take(requested, known.setdefault(kind, []), kind, value) for kind, value in fresh)

    def _take(self, requested: str, known: list[str], kind: str, value: str) -> bool:
        if len(known) >= MOST:
            self._tell(MANY, requested, MOST, kind)
            return False
        known.append(value)
        is_change = len(known) > 1 and requested in self._settled
        if is_change:
            self._untold.append(Change(requested, kind, known[-2], value))
        return is_change

    def get_wandb_logs(self, split: Split = "train") -> dict[str, float]:
        """Return the key of a window, where the judge's answers told anything."""
        return name_all({keys.JUDGE_CHANGES: self._windows.get(split)}, split)

    def alert(self, step: int) -> Alert | None:
        """Return what is to be told of the changes since the last time."""
        if not self._untold:
            return None
        text = "\n".join([f"Step {step}.", *map(str, self._untold), ADVICE])
        self._untold = []
        return Alert(step, TITLE, text, {}, (CONDITION,), CONDITION.replace("_", " "))

    def begin(self, split: Split) -> None:
        """Begin a new window; what is known stays."""
        self._settled.update(self._known)
        self._windows.pop(split, None)

    def state(self) -> dict[str, Any]:
        """Return what is known, for `restore` in another process of the run."""
        return self._known

    def restore(self, state: Mapping[str, Any]) -> None:
        """Go on with what a former process knew."""
        for requested, kinds in state.items():
            known = self._known.setdefault(requested, {})
            for kind, values in kinds.items():
                known[kind] = list(dict.fromkeys((*values, *known.get(kind, ()))))
        self._settled.update(state)
