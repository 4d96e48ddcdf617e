"""The last run, read off its JSONL in one pass: nothing is kept but sums and the latest values."""

from __future__ import annotations

from collections import Counter, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from llm_telemetry.collectors import keys
from llm_telemetry.events import API_FAILURES, PARSE_FAILURES, ROLES, SPLITS
from llm_telemetry.sinks.jsonl import read_lines, read_watched

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

    from llm_telemetry.collectors.naming import Key

RECENT = 6
"""Training payloads that are kept for looking at what moves."""
_RATES = (keys.PARSE_FAILURE_RATE, keys.API_FAILURE_RATE)


@dataclass(frozen=True)
class LastRun:
    """What a JSONL tells."""

    path: Path
    run_id: str | None
    """The W&B run's id, `None` where there was none."""
    time: float
    """When its last payload was made, in seconds since the epoch."""
    payloads: Counter[str]
    """How many, by split."""
    step: int
    latest: Mapping[str, float]
    """Each key's latest value."""
    sums: Counter[str]
    """Counts of all steps and validations added up, by their key in training; those of failures by their rate's."""
    recent: tuple[Mapping[str, float], ...]
    """The latest payloads of training."""
    state: Mapping[str, Any]
    watched: Mapping[str, Any]
    """What was watched, and how; empty in files of versions that did not write it."""

    def share(self, part: str, whole: str) -> float:
        """Return one sum over another, 0 where there is nothing."""
        return self.sums[part] / self.sums[whole] if self.sums[whole] else 0.0


def find_last_run(files: Iterable[Path]) -> LastRun | None:
    """Return the run whose file was written to last; files without a line of ours are not ours."""
    dated = sorted(((file.stat().st_mtime, file) for file in set(files)), reverse=True)
    return next((run for _, file in dated if (run := read_run(file)) is not None), None)


def read_run(path: Path) -> LastRun | None:
    """Return what a JSONL tells, `None` when it has no line of a sink's."""
    payloads: Counter[str] = Counter()
    sums: Counter[str] = Counter()
    latest: dict[str, float] = {}
    recent: deque[Mapping[str, float]] = deque(maxlen=RECENT)
    line: dict[str, Any] = {}
    for line in read_lines(path):
        payload = line["payload"]
        payloads[line.get("split", "train")] += 1
        latest |= payload
        sums.update(_counts(payload))
        if line.get("split") == "train":
            recent.append(payload)
    if keys.STEP.name not in latest:
        return None
    step = int(latest[keys.STEP.name])
    return LastRun(
        path, line.get("run"), line.get("time", 0.0), payloads, step, latest, sums, tuple(recent),
        line.get("state") or {}, read_watched(path),
    )  # fmt: skip


def _counts(payload: Mapping[str, float]) -> Counter[str]:
    """Return what can be added up over the steps, both splits together; rates become counts."""
    counts: Counter[str] = Counter()
    for split in SPLITS:
        for key, holes in _SUMMED:
            counts[key.of(**holes)] += int(payload.get(key.of(split, **holes), 0))
        decided = payload.get(keys.EVALUATIONS.of(split), 0) - payload.get(keys.UNDECIDED.of(split), 0)
        for rate in _RATES:
            counts[rate.name] += round(payload.get(rate.of(split), 0) * decided)
    return counts


_SUMMED: tuple[tuple[Key, dict[str, Any]], ...] = (
    (keys.COUNT, {}),
    (keys.EVALUATIONS, {}),
    (keys.UNDECIDED, {}),
    *((keys.FAILURES, {"failure": kind}) for kind in (*API_FAILURES, *PARSE_FAILURES)),
    *((key, {"role": role}) for key in (keys.CALLS, keys.NO_USAGE) for role in ROLES),
)
