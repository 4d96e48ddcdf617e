"""A view for `wandb leet`, which shows a run in the terminal: of all charts those that answer the first questions.

Leet keeps its view beside the runs, in the W&B folder's `.wandb-leet.json`: a regular expression that keys must match,
the pinned run. How many charts are side by side is the user's own setting, and is left alone.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from llm_telemetry.collectors import keys
from llm_telemetry.runs.wandb_file import run_id_of

if TYPE_CHECKING:
    from pathlib import Path

    from llm_telemetry.collectors.keys import Told
    from llm_telemetry.runs.history import Run

FILE_NAME = ".wandb-leet.json"
BY_SOURCE = (keys.ACCURACY,)
OVERALL = (keys.SUCCESS_RATE, keys.PARSE_FAILURE_RATE, keys.API_FAILURE_RATE, keys.TOTAL_COST, keys.STEP_COST)
_ANY = "[^/]+"


def choose(run: Run) -> str:
    """Return the regular expression of the keys that are shown; a dataset that comes later is among them."""
    told = [keys.tell_apart(key) for table in run.tables.values() for key in table.columns]
    patterns = {_pattern(one) for one in told if one is not None and _is_shown(one)}
    return f"^({'|'.join(sorted(patterns))})$"


def _is_shown(told: Told) -> bool:
    return told.key in BY_SOURCE or (told.key in OVERALL and not told.source)


def _pattern(told: Told) -> str:
    name = told.key.of(told.split, told.source and "any")
    return re.escape(name).replace("/any/", f"/{_ANY}/") if told.source else re.escape(name)


def write_view(run: Run) -> Path:
    """Write the view beside the run's folder, and keep what else leet has written there; returns the run's folder.

    Raises:
        LookupError: The run's JSONL does not lie in a folder of W&B's.
    """
    folder = run.files[-1].parent if run.files else None
    if folder is None or run_id_of(folder) is None:
        raise LookupError(f"{run.name} is in no folder of W&B's")
    path = folder.parent / FILE_NAME
    kept = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    view = {**kept, "metrics_filter": {"query": choose(run)}, "pinned_run": folder.name}
    path.write_text(json.dumps(view, indent=2) + "\n", encoding="utf-8")
    return folder
