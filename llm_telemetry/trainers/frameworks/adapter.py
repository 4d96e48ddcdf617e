"""The adapter of a framework: what logs the steps of the run stands for its trainer."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llm_telemetry.settings.config import InstrumentError
from llm_telemetry.trainers.adapter import Adapter, Found
from llm_telemetry.trainers.judges import find_judges
from llm_telemetry.trainers.kinds import JUDGE, Kind

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llm_telemetry.settings.config import Config
    from llm_telemetry.trainers.frameworks.framework import Framework

_KNOWN = ("executor", "reward", "step", "validation", "items")
"""Settings that name what is known of a framework."""


class Logging(Adapter):
    """A framework's logger, such as `verl.utils.tracking.Tracking`, by which the run's owner tells its steps.

    A framework without one is asked for by name: `instrument(adapter="verifiers")`.

    Args:
        framework: What is known of it.
    """

    def __init__(self, framework: Framework) -> None:
        self._framework = framework
        self.name = framework.name

    def matches(self, trainer: Any) -> bool:
        """Take objects of the class that has the log method."""
        return any(map(self._has_log, type(trainer).__mro__))

    def find(self, trainer: Any, config: Config) -> Found:
        """Return the log method, and the judges that are named; the rest is hooked as its modules are imported.

        Raises:
            InstrumentError: A part is named that is known here.
        """
        if named := [name for name in _KNOWN if getattr(config, name) is not None]:
            raise InstrumentError(f"{named[0]}=: the parts of {self.name} are known; leave it out")
        judges = () if config.judge is None else find_judges(trainer, None, config.judge)
        logs = [kind.of(trainer, name) for name, kind in self.entrances(type(trainer))]
        known: dict[str, Any] = {"in_modules": True, "answers_itself": True, "has_executor": False, "rewards": None}
        known |= {"log_takes_payloads": True} if logs else {"rows_are_steps": True, "trains": None}
        return Found([*logs, *(JUDGE.of(*judge) for judge in judges)], self._framework.lacks, **known)

    def entrances(self, cls: type) -> Sequence[tuple[str, Kind]]:
        """Return the log method: the owner is known, with `LLM_TELEMETRY=1`, as soon as its logger is made."""
        log = self._framework.log
        if log is None or not any(map(self._has_log, cls.__mro__)) or log.change():
            return ()
        return [(log.path.rpartition(".")[2], log.kind)]

    def _has_log(self, cls: type) -> bool:
        log = self._framework.log
        return log is not None and log[:2] == (cls.__module__, f"{cls.__qualname__}.{log.path.rpartition('.')[2]}")
