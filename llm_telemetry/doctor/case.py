"""What is examined: the environment, and the last run if there is one."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from llm_telemetry.runs.find import newest_run

if TYPE_CHECKING:
    from collections.abc import Mapping

    from llm_telemetry.runs.history import Run


@dataclass(frozen=True)
class Case:
    """What the checks look at."""

    folder: Path | None = None
    """Where to look for runs instead of where they usually are."""
    environ: Mapping[str, str] = field(default_factory=lambda: dict(os.environ))

    @cached_property
    def wandb_folder(self) -> Path:
        """Where W&B puts its run folders."""
        root = Path(self.environ.get("WANDB_DIR") or ".").expanduser()
        return root / (".wandb" if (root / ".wandb").exists() else "wandb")

    @cached_property
    def run_folders(self) -> list[Path]:
        """The folders of W&B runs, the oldest first."""
        places = [self.wandb_folder] if self.folder is None else [self.folder, self.folder / "wandb"]
        folders = [path for place in places for path in place.glob("*run-*") if path.is_dir()]
        return sorted(folders, key=lambda path: path.name.removeprefix("offline-"))

    @cached_property
    def last_run(self) -> Run | None:
        """The run with the newest JSONL."""
        folders = [self.folder] if self.folder is not None else []
        if self.folder is None and self.environ.get("LLM_TELEMETRY_FOLDER"):
            folders.append(Path(self.environ["LLM_TELEMETRY_FOLDER"]).expanduser())
        own = [*folders, (self.folder or Path()) / "llm_telemetry", *self.run_folders]
        return newest_run(file for folder in own for file in folder.glob("*.jsonl"))
