"""A dataset's accuracy fell: since when? `python accuracy_fell.py [RUN]` prints the fall since its best step."""

from __future__ import annotations

import sys

import llm_telemetry

WINDOW = 3  # steps that are averaged, so that one unlucky step is no fall


def main(run: str | None = None) -> None:
    """Print."""
    frame = llm_telemetry.load(run)
    accuracy = frame[(frame["metric"] == "dataset/accuracy") & (frame["split"] == "train") & (frame["source"] != "")]
    by_source = accuracy.pivot_table(index="step", columns="source", values="value", observed=True)
    smooth = by_source.rolling(WINDOW, min_periods=1).mean()
    for source in smooth:
        best, last = smooth[source].idxmax(), smooth[source].dropna().iloc[-1]
        fall = smooth[source].max() - last
        told = f"fell by {fall:.1f} points since step {best}" if fall > 0 else "is at its best"
        print(f"{source}: {last:.1f} %, {told}")


if __name__ == "__main__":
    main(*sys.argv[1:])
