"""Cost efficiency: `python cost_efficiency.py [RUN]` prints USD a correct rollout, and the best step."""

from __future__ import annotations

import sys

import llm_telemetry


def main(run: str | None = None) -> None:
    """Print."""
    frame = llm_telemetry.load(run)
    train = frame[frame["split"] == "train"]
    by_source = train[train["source"] != ""].pivot_table(
        index=["source", "step"], columns="metric", values="value", observed=True
    )
    count, right = by_source["dataset/count"], by_source["dataset/accuracy"] / 100
    spent = by_source["dataset/avg_cost"] * count
    per_correct = spent.groupby("source", observed=True).sum() / (right * count).groupby("source", observed=True).sum()
    print(per_correct.sort_values().map("${:.6f}".format).to_string())

    by_step = train[train["source"] == ""].pivot_table(index="step", columns="metric", values="value", observed=True)
    each = by_step["cost/step_cost"] / (by_step["dataset/accuracy"] / 100 * by_step["dataset/count"])
    print(f"best step: {each.idxmin()}, ${each.min():.6f} a correct rollout")


if __name__ == "__main__":
    main(*sys.argv[1:])
