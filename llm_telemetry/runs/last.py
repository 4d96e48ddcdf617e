"""The last run, read off its JSONL in one pass: nothing is kept but sums and the latest values."""

from __future__ import annotations

import re
from collections import Counter, deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from llm_telemetry.collectors.eval_stats import MISMATCH
from llm_telemetry.events import API_FAILURES, PARSE_FAILURES, STEP_KEY
from llm_telemetry.sinks.jsonl import read_lines, read_watched

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from pathlib import Path

RECENT = 6
"""Training payloads that are kept for looking at what moves."""
_COUNTS = re.compile(r"(?:dataset|val)/count|(?:val/)?(llm/[a-z]+/(?:calls|no_usage))")
CONTRADICTED, COMPARED = "eval_stats/contradicted", "eval_stats/compared"
_RATES = ("parse_failure_rate", "api_failure_rate")


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
    """Counts of the steps added up, and the judge's evaluations and failures of both splits; in how many
    payloads `eval_stats` was compared with what was seen, and contradicted it."""
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
    if STEP_KEY not in latest:
        return None
    return LastRun(
        path, line.get("run"), line.get("time", 0.0), payloads, int(latest[STEP_KEY]), latest, sums, tuple(recent),
        line.get("state") or {}, read_watched(path),
    )  # fmt: skip


def _counts(payload: Mapping[str, float]) -> Counter[str]:
    """Return what can be added up over the steps, both splits together; rates become counts."""
    counts: Counter[str] = Counter()
    for key, value in payload.items():
        if (match := _COUNTS.fullmatch(key)) is not None:
            counts[match[1] or key] += int(value)
    if MISMATCH in payload:
        counts.update({MISMATCH: int(payload[MISMATCH]), COMPARED: 1, CONTRADICTED: int(payload[MISMATCH] > 0)})
    for prefix in ("judge", "val/judge"):
        calls = int(payload.get(f"{prefix}/calls", 0))
        counts["judge/evaluations"] += calls
        for kind in (*API_FAILURES, *PARSE_FAILURES):
            counts[f"judge/failures/{kind}"] += int(payload.get(f"{prefix}/failures/{kind}", 0))
        for rate in _RATES:
            counts[f"judge/{rate.removesuffix('_rate')}s"] += round(payload.get(f"{prefix}/{rate}", 0) * calls)
    return counts
