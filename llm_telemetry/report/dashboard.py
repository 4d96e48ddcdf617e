"""`llm-telemetry dashboard`: a workspace in W&B, built from the keys that a run really has."""

from __future__ import annotations

import importlib
import sys
from typing import TYPE_CHECKING, Any, NamedTuple

from llm_telemetry.collectors import keys
from llm_telemetry.events import STEP_KEY

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from llm_telemetry.collectors.keys import Told
    from llm_telemetry.collectors.naming import Key
    from llm_telemetry.runs.history import Run

NAME = "llm_telemetry"


class Panel(NamedTuple):
    """A chart over the training steps."""

    title: str
    metrics: Sequence[str]
    """Keys of the run, a line each."""


class Row(NamedTuple):
    """Which keys belong to a panel: those that were made of these, and fit."""

    section: str
    title: str
    made_of: Sequence[Key]
    fits: Callable[[Told], bool]


def _overall(told: Told) -> bool:
    return told.split == "train" and not told.source


def _by_source(told: Told) -> bool:
    return told.split == "train" and bool(told.source)


def _validated(told: Told) -> bool:
    return told.split == "val"


def _any(told: Told) -> bool:
    return told.split == "train" or told.key.shared


# fmt: off
ROWS = (
    Row("Training", "Accuracy, %", [keys.ACCURACY], _overall),
    Row("Training", "Reward", [keys.AVG_REWARD, keys.REWARD_STD], _overall),
    Row("Training", "Rollouts", [keys.COUNT, keys.FAILED, keys.UNSCORED], _overall),
    Row("Datasets", "Accuracy, %", [keys.ACCURACY], _by_source),
    Row("Datasets", "Reward", [keys.AVG_REWARD], _by_source),
    Row("Datasets", "Failed rollouts", [keys.FAILED], _by_source),
    Row("Judge", "Outcomes", [keys.SUCCESS_RATE, keys.PARSE_FAILURE_RATE, keys.API_FAILURE_RATE], _overall),
    Row("Judge", "With a verdict, by dataset and judge", [keys.SUCCESS_RATE], _by_source),
    Row("Judge", "Correct, by dataset and judge", [keys.CORRECT_RATIO], _by_source),
    Row("Judge", "Failures by kind", [keys.FAILURES], _any),
    Row("Judge", "Disagreements", [keys.DISAGREEMENTS], _any),
    Row("Validation", "Accuracy, %", [keys.ACCURACY], _validated),
    Row("Validation", "Judge", [keys.SUCCESS_RATE, keys.PARSE_FAILURE_RATE, keys.API_FAILURE_RATE], _validated),
    Row("Cost", "USD of the run", [keys.TOTAL_COST, keys.EXECUTOR_COST, keys.JUDGE_COST], _any),
    Row("Cost", "USD of a step", [keys.STEP_COST], _any),
    Row("Cost", "USD of a rollout, by dataset", [keys.AVG_COST], _by_source),
    Row("Cost", "Time of a call, s", [keys.LATENCY_P50, keys.LATENCY_P95], _any),
    Row("Cost", "Retries and errors", [keys.RETRIES, keys.ERROR_CALLS], _any),
    Row("Cost", "Not priced", [keys.UNPRICED_CALLS, keys.UNMETERED_CALLS], _any),
    Row("Cost", "Not seen", [keys.ROWS_DROPPED, keys.TELEMETRY_ERRORS], _any),
)
# fmt: on


def plan(run: Run) -> dict[str, list[Panel]]:
    """Return the panels of each section, without those of which the run has no key."""
    told = {key: keys.tell_apart(key) for table in run.tables.values() for key in table.columns}
    sections: dict[str, list[Panel]] = {}
    for section, title, made_of, fits in ROWS:
        metrics = sorted(key for key, t in told.items() if t is not None and t.key in made_of and fits(t))
        if metrics:
            sections.setdefault(section, []).append(Panel(title, metrics))
    return sections


def build(run: Run, entity: str, project: str) -> Any:
    """Return the workspace, not saved yet.

    Raises:
        ImportError: wandb-workspaces is not installed.
    """
    reports: Any = importlib.import_module("wandb_workspaces.reports.v2")  # an extra, and a second to import
    workspaces: Any = importlib.import_module("wandb_workspaces.workspaces")
    sections = [
        workspaces.Section(
            name=name,
            panels=[reports.LinePlot(title=panel.title, x=STEP_KEY, y=[*panel.metrics]) for panel in panels],
            is_open=True,
        )
        for name, panels in plan(run).items()
    ]
    return workspaces.Workspace(entity=entity, project=project, name=NAME, sections=sections)


def print_plan(run: Run) -> None:
    """Print what would be saved."""
    for name, panels in plan(run).items():
        sys.stdout.write(f"{name}\n")
        for title, metrics in panels:
            sys.stdout.write(f"  {title}: {', '.join(metrics)}\n")
