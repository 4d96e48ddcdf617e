"""Compare datasets: `python compare_datasets.py [RUN [PICTURE]]` draws the accuracy of the first and last steps."""

from __future__ import annotations

import sys

import matplotlib as mpl

mpl.use("agg")  # no window
import llm_telemetry

QUARTERS = 4


def main(run: str | None = None, picture: str = "datasets.png") -> None:
    """Draw and print."""
    frame = llm_telemetry.load(run)
    accuracy = frame[(frame["metric"] == "dataset/accuracy") & (frame["split"] == "train") & (frame["source"] != "")]
    by_source = accuracy.pivot_table(index="step", columns="source", values="value", observed=True)
    size = max(len(by_source) // QUARTERS, 1)
    ends = by_source.head(size).mean().to_frame("first").assign(last=by_source.tail(size).mean())
    axes = ends.sort_values("last").plot.barh(xlabel="accuracy, %", ylabel="", xlim=(0, 100))
    axes.figure.savefig(picture, bbox_inches="tight")
    print(ends.round(1).to_string())


if __name__ == "__main__":
    main(*sys.argv[1:])
