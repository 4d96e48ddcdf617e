"""All frameworks that are known: each a module beside this one, and a name here; `names.FRAMEWORKS` has its modules."""

from __future__ import annotations

from typing import TYPE_CHECKING

from llm_telemetry.hooks.arrivals import Arrivals
from llm_telemetry.names import FRAMEWORKS as MODULES
from llm_telemetry.notices import Notices
from llm_telemetry.trainers.frameworks.agent_lightning import AGENT_LIGHTNING
from llm_telemetry.trainers.frameworks.art import ART
from llm_telemetry.trainers.frameworks.openrlhf import OPENRLHF
from llm_telemetry.trainers.frameworks.roll import ROLL
from llm_telemetry.trainers.frameworks.skyrl import SKYRL
from llm_telemetry.trainers.frameworks.tinker import TINKER
from llm_telemetry.trainers.frameworks.verifiers import VERIFIERS
from llm_telemetry.trainers.frameworks.verl import VERL

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llm_telemetry.hooks.patching import Row
    from llm_telemetry.trainers.frameworks.framework import Framework

FRAMEWORKS: tuple[Framework, ...] = (VERL, AGENT_LIGHTNING, OPENRLHF, ROLL, SKYRL, TINKER, ART, VERIFIERS)


CHANGED = (
    "{framework}: {function} {change}. It is not the function that was read for this version of llm_telemetry, and "
    "what is heard there is absent; docs/frameworks.md says with which version of {framework} it was tested"
)
_tell = Notices()


def _rows(module: str) -> Iterator[Row]:
    """Yield the hooks of a module that is imported, and tell what of it is not as we know it."""
    for framework in FRAMEWORKS:
        logs = () if framework.log is None else (framework.log,)
        for seam in (one for one in (*logs, *framework.seams) if one.module == module):
            if change := seam.change():
                _tell(CHANGED.format(framework=framework.name, function=f"{module}.{seam.path}", change=change))
            elif seam is not framework.log:
                yield seam.row()


arrivals = Arrivals(MODULES, _rows)
"""Puts the hooks on their functions, but for the log call, which is hooked with the object that has it."""
