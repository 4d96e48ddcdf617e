"""A run as a table of pandas: one number a row, and beside it what it is a number of."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llm_telemetry.collectors import keys
from llm_telemetry.collectors.naming import HOLES
from llm_telemetry.runs.find import find_run

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    import pandas as pd

    from llm_telemetry.runs.history import Table


def load(run: str | Path | None = None) -> pd.DataFrame:
    """Return the numbers of a run as a tidy DataFrame: a row a number; needs pandas.

    The columns are `step`, `time` (UTC), `split` (`train` or `val`), `key` as it stands in payloads, `value`, and what
    the key is made of: `metric`, its name in docs/metrics.md (`dataset/accuracy` for `val/gsm8k/accuracy`, too),
    `source`, `role`, `kind`, `failure`, `function`, `k`, each empty where a key has none. Keys of your own collectors
    are their own metric.

    Args:
        run: A JSONL, a folder with runs, a run's `.wandb` file, or `entity/project/run`; nothing for the newest run
            below the working directory. A run that several processes have written is read whole.

    Raises:
        NoRunError: There is none; a `FileNotFoundError`.
        ImportError: pandas is not installed.
    """
    import pandas as pd  # noqa: PLC0415 - an extra, and half a second to import

    parts = [part for table in find_run(run).tables.values() for part in _parts(pd, table)]
    frame = pd.concat(parts, ignore_index=True).sort_values("step", kind="stable", ignore_index=True)
    names = ["split", "key", "metric", "source", *HOLES]
    return frame.astype(dict.fromkeys(names, "category"))[["step", "time", *names, "value"]]


def _parts(pd: Any, table: Table) -> Iterator[pd.DataFrame]:
    """Yield the numbers of each key, of those payloads that have it."""
    times = pd.to_datetime(pd.Series(table.times, dtype="float64"), unit="s", utc=True)
    for key, column in table.columns.items():
        told = keys.tell_apart(key)
        metric, source, holes = (key, "", {}) if told is None else (told.key.name, told.source, told.holes)
        names = {"split": table.split, "key": key, "metric": metric, "source": source}
        numbers = pd.DataFrame({"step": table.steps, "time": times, "value": column})
        yield numbers[numbers["value"].notna()].assign(**names, **{hole: holes.get(hole, "") for hole in HOLES})
