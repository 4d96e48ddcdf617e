"""Calls, tokens, errors, retries and latency by role."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import TYPE_CHECKING

from llm_telemetry.collectors import keys
from llm_telemetry.collectors.aggregates import Quantiles, ratio
from llm_telemetry.collectors.naming import Key, name_all
from llm_telemetry.events import SPLITS, Call, Role, Rollout, Split

if TYPE_CHECKING:
    from collections.abc import Mapping


class RoleWindow:
    """What the calls of one role did since the last flush."""

    # fmt: off
    __slots__ = (
        "cache_write", "cacheable", "cached", "completion", "errors", "latency", "no_usage", "prompt", "reasoning",
        "retries", "unplaced",
    )
    # fmt: on

    def __init__(self) -> None:
        """Start empty."""
        self.retries = 0
        self.no_usage = 0
        self.unplaced = 0
        self.cacheable = 0
        """Prompt tokens of calls that told how many of them were cached."""
        self.errors: Counter[str] = Counter()
        self.prompt: int | None = None
        """Tokens; of none of their kinds, as long as no call has told any."""
        self.completion: int | None = None
        self.cached: int | None = None
        self.reasoning: int | None = None
        self.cache_write: int | None = None
        self.latency = Quantiles()

    @property
    def calls(self) -> int:
        """All of them have a latency."""
        return self.latency.count

    def add_trouble(self, retries: int, error: str | None) -> None:
        """Count what went wrong in a call."""
        self.retries += retries
        if error is not None:
            self.errors[error] += 1

    def describe(self, role: Role, split: Split) -> dict[str, float]:
        """Return the keys of this role."""
        p50, p95 = self.latency.quantiles(0.5, 0.95)
        values: dict[Key, float | None] = {
            keys.PROMPT_TOKENS: self.prompt,
            keys.COMPLETION_TOKENS: self.completion,
            keys.CACHED_TOKENS: self.cached,
            keys.REASONING_TOKENS: self.reasoning,
            keys.CACHE_WRITE_TOKENS: self.cache_write,
            keys.CALLS: self.calls,
            keys.ERROR_CALLS: self.errors.total(),
            keys.RETRIES: self.retries,
            keys.NO_USAGE: self.no_usage,
            keys.UNPLACED_SHARE: ratio(self.unplaced, self.calls) if role == "judge" else None,
            keys.CACHE_HIT_RATE: ratio(self.cached or 0, self.cacheable),
            keys.LATENCY_P50: p50,
            keys.LATENCY_P95: p95,
        }
        kinds = {keys.ERRORS_BY_KIND.of(split, role=role, kind=kind): count for kind, count in self.errors.items()}
        return {**name_all(values, split, role=role), **kinds}


class CallCollector:
    """Counts calls by role and split."""

    def __init__(self) -> None:
        """Start empty."""
        self._windows: dict[Split, defaultdict[Role, RoleWindow]] = {split: defaultdict(RoleWindow) for split in SPLITS}
        self._generated: dict[Split, int] = {}
        self._ended: int | None = None
        """Tokens of windows that are over, and of former processes."""

    def add_call(self, call: Call) -> None:
        """Count one call; in one frame, because this runs for every call."""
        window, usage = self._windows[call.split][call.role], call.usage
        window.latency.add(call.latency)
        if not call.placed:
            window.unplaced += 1
        if call.retries or call.error:
            window.add_trouble(call.retries, call.error)
        if usage is None:
            window.no_usage += call.error is None
            return
        prompt, completion, cached, reasoning, cache_write = usage
        if prompt is None or completion is None:
            window.no_usage += 1
        if prompt is not None:
            window.prompt = (window.prompt or 0) + prompt
        if completion is not None:
            window.completion = (window.completion or 0) + completion
        if cached is not None:
            window.cached = (window.cached or 0) + cached
            window.cacheable += prompt or 0
        if reasoning is not None:
            window.reasoning = (window.reasoning or 0) + reasoning
        if cache_write is not None:
            window.cache_write = (window.cache_write or 0) + cache_write

    def add_rollout(self, rollout: Rollout) -> None:
        """Count the tokens that an engine of the trainer's own has generated."""
        if rollout.tokens is not None:
            self._generated[rollout.split] = self._generated.get(rollout.split, 0) + rollout.tokens

    def state(self) -> int | None:
        """Return the tokens of the run, for `restore` in another process."""
        tokens = self._ended
        for window in self._windows.values():
            tokens = _add_tokens(tokens, window)
        return tokens

    def restore(self, state: int | None) -> None:
        """Add the tokens of a run that this one goes on with."""
        if state is not None:
            self._ended = (self._ended or 0) + state

    def get_wandb_logs(self, split: Split = "train") -> dict[str, float]:
        """Return the keys `tokens/…` and `llm/…` since the last `collect`."""
        logs = name_all({keys.TOTAL_TOKENS: self.state(), keys.GENERATED_TOKENS: self._generated.get(split)}, split)
        for role, window in sorted(self._windows[split].items()):
            logs |= window.describe(role, split)
        return logs

    def begin(self, split: Split) -> None:
        """Begin a new window for `split`."""
        self._ended = _add_tokens(self._ended, self._windows[split])
        self._windows[split].clear()
        self._generated.pop(split, None)

    def collect(self, split: Split) -> dict[str, float]:
        """Return the logs and begin a new window for `split`."""
        logs = self.get_wandb_logs(split)
        self.begin(split)
        return logs


def _add_tokens(tokens: int | None, window: Mapping[Role, RoleWindow]) -> int | None:
    """Return `tokens` and those of a window, of prompts and completions; `None` where none are known."""
    for one in window.values():
        if one.prompt is not None or one.completion is not None:
            tokens = (tokens or 0) + (one.prompt or 0) + (one.completion or 0)
    return tokens
