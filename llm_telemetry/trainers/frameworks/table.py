"""All frameworks that are known: each a module beside this one, and a name here; `names.FRAMEWORKS` has its modules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llm_telemetry.hooks.arrivals import Arrivals
from llm_telemetry.names import FRAMEWORKS as MODULES
from llm_telemetry.trainers.frameworks.art import ART
from llm_telemetry.trainers.frameworks.skyrl import SKYRL
from llm_telemetry.trainers.frameworks.tinker import TINKER
from llm_telemetry.trainers.frameworks.verifiers import VERIFIERS
from llm_telemetry.trainers.frameworks.verl import VERL

if TYPE_CHECKING:
    from collections.abc import Iterable

    from llm_telemetry.hooks.patching import Row
    from llm_telemetry.trainers.frameworks.framework import Framework

FRAMEWORKS: tuple[Framework, ...] = (VERL, SKYRL, TINKER, ART, VERIFIERS)


def _rows(module: str) -> Iterable[Row]:
    seams = (seam for framework in FRAMEWORKS for seam in framework.seams if seam.module == module)
    return [row for seam in seams if (row := seam.row()) is not None]


arrivals = Arrivals(MODULES, _rows)
"""Puts the hooks on their functions, but for the log call, which is hooked with the object that has it."""
