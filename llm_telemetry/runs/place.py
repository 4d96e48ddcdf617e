"""The place of a run: its W&B run, its folder, and what an earlier process of the same run has left there.

A W&B run is the same run when it has the same id; its former folders lie beside the new one. Where those are not at
hand (another machine), what an online run's summary holds is taken instead.
"""

from __future__ import annotations

import itertools
import os
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from llm_telemetry.collectors import keys
from llm_telemetry.events import SPLITS
from llm_telemetry.runs.wandb_file import run_folders
from llm_telemetry.sinks.jsonl import FILE_NAME, read_lines, read_sequence

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from llm_telemetry.settings.config import Config
    from llm_telemetry.sinks.wandb.sink import WandbSink


class Place:
    """Where one watched trainer's payloads go.

    Args:
        config: Says which folder, and whether to go on from earlier counts.
        wandb: The W&B sink, `None` when W&B is not wanted.
    """

    def __init__(self, config: Config, wandb: WandbSink | None) -> None:
        self._config = config
        self._wandb = wandb
        self._run_id: str | None = None

    @property
    def run(self) -> Any:
        """The W&B run, `None` while there is none."""
        return None if self._wandb is None else self._wandb.run

    @property
    def run_id(self) -> str | None:
        """The id of the latest W&B run, also after its end; `None` before there was one."""
        run = self.run
        if run is not None:
            self._run_id = run.id
        return self._run_id

    @property
    def _run_folder(self) -> Path | None:
        return None if self._wandb is None else self._wandb.run_dir()

    def attach(self) -> None:
        """See whether there is a W&B run by now."""
        if self._wandb is not None:
            self._wandb.attach()

    def facts(self) -> dict[str, float]:
        """Say how W&B treats the trainer; nothing without a run."""
        if self._wandb is None or self.run is None:
            return {}
        return {keys.ROWS_DROPPED.name: self._wandb.trainer_rows_dropped}

    def path(self) -> Path:
        """Return a JSONL file: in the folder that was given, the W&B run's, or one of our own."""
        run_folder = self._run_folder
        if self._config.folder is None and run_folder is not None:
            return run_folder / self._file_name()
        stem = f"run-{time.strftime('%Y%m%d-%H%M%S')}-{os.getpid()}"
        folder = self._config.folder or Path("llm_telemetry")
        candidates = (folder / f"{stem}{n}.jsonl" for n in itertools.chain([""], itertools.count(2)))
        return next(path for path in candidates if not path.exists())

    @property
    def _prefix(self) -> str:
        return "" if self._wandb is None else self._wandb.prefix()

    def _file_name(self) -> str:
        """Return the file's name in the W&B run's folder; a second trainer's has its name in it."""
        return f"{Path(FILE_NAME).stem}-{self._prefix.rstrip('/')}.jsonl" if self._prefix else FILE_NAME

    def foreseen(self) -> str:
        """Say where the JSONL will be, as far as that is known."""
        if not self._config.jsonl:
            return "no file"
        folder = self._config.folder or self._run_folder
        if folder is None and self._wandb is not None:
            return "llm_telemetry/, or beside the W&B run's own files once there is a run"
        return f"{folder or 'llm_telemetry'}/"

    def state(self) -> dict[str, Any] | None:
        """Return the state to go on from, `None` for a run that begins."""
        resume, run = self._config.resume, self.run
        if resume is False or (run is None and not resume):
            return None
        state = last_state(self._files(), None if resume else run.id)
        if state is not None or run is None or not run.resumed:
            return state
        prefix, summary = self._prefix, dict(run.summary)
        return state_in_summary({key.removeprefix(prefix): summary[key] for key in summary if key.startswith(prefix)})

    def sequence(self) -> int:
        """Return the highest number of a line that a former process of this run has written, 0 without one."""
        return max(map(read_sequence, self._files()), default=0)

    def _files(self) -> list[Path]:
        """Return the JSONL files in the folder that was given, and those of the W&B run."""
        run, run_folder = self.run, self._run_folder
        files = [*self._config.folder.glob("*.jsonl")] if self._config.folder is not None else []
        if run is None or run_folder is None:
            return files
        of_run = (folder / self._file_name() for folder in run_folders(run_folder.parent, run.id))
        return [*files, *(file for file in of_run if file.exists())]


def last_state(files: Iterable[Path], run_id: str | None = None) -> dict[str, Any] | None:
    """Return the state in the latest line of these files (only of this W&B run, if one is given).

    The latest has the highest number; lines of older versions have none, and are told apart by their time.
    """
    lines = (line for file in files for line in read_lines(file) if run_id in (None, line.get("run")))
    stated = (line for line in lines if line.get("state"))
    latest = max(stated, key=lambda line: (line.get("sequence", 0), line["time"]), default=None)
    return None if latest is None else latest["state"]


def state_in_summary(summary: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the state that a run's summary tells; coarser than our own: by role, without the causes."""
    samples = summary.get(keys.TOTAL_SAMPLES.name)
    if samples is None:
        return None
    usd = {
        "executor": summary.get(keys.EXECUTOR_COST.name) or 0.0,
        "judge": summary.get(keys.JUDGE_COST.name) or 0.0,
    }
    usd["other"] = max((summary.get(keys.TOTAL_COST.name) or 0.0) - sum(usd.values()), 0.0)
    calls = {
        "executor": summary.get(keys.EXECUTOR_CALLS.name, 0),
        "judge": summary.get(keys.JUDGE_CALLS.name, 0),
    }
    roles = {
        role: {"calls": calls.get(role, 0), "priced": int(cost > 0), "usd": repr(cost)} for role, cost in usd.items()
    }
    roles["executor"]["unpriced"] = summary.get(keys.UNPRICED_CALLS.name, 0)
    roles["executor"]["unmetered"] = summary.get(keys.UNMETERED_CALLS.name, 0)
    return {
        "step": summary.get(keys.STEP.name, 0),
        "errors": summary.get(keys.TELEMETRY_ERRORS.name, 0),
        "cost": {"roles": roles, "samples": samples},
        "judge": {split: summary.get(keys.TOTAL_EVALUATIONS.of(split), 0) for split in SPLITS},
        "calls": summary.get(keys.TOTAL_TOKENS.name),
    }
