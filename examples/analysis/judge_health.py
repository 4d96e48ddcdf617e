"""Judge health with thresholds: `python judge_health.py [RUN]`; the exit code is 1 when a step was beyond one."""

from __future__ import annotations

import sys

import llm_telemetry

HIGHEST = {"judge/parse_failure_rate": 0.15, "judge/api_failure_rate": 0.10}
LEAST = 20  # evaluations: over fewer, a rate says nothing


def main(run: str | None = None) -> int:
    """Print; returns 1 when a step was beyond a threshold."""
    frame = llm_telemetry.load(run)
    judge = frame[(frame["split"] == "train") & (frame["source"] == "")]
    by_step = judge.pivot_table(index="step", columns="metric", values="value", observed=True)
    bad = 0
    for rate, highest in HIGHEST.items():
        beyond = by_step[(by_step[rate] > highest) & (by_step["judge/calls"] >= LEAST)]
        bad += len(beyond)
        print(f"{rate}: {by_step[rate].mean():.1%} on average, above {highest:.0%} in steps {list(beyond.index)}")
    failures = judge[judge["metric"] == "judge/failures/{failure}"].groupby("failure", observed=True)["value"].sum()
    print(failures.sort_values(ascending=False).to_string())
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
