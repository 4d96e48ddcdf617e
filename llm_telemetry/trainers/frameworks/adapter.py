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
        watched = [self._log.of(trainer, self._method), *(JUDGE.of(*judge) for judge in judges)]
        known: dict[str, Any] = {"log_takes_payloads": True, "answers_itself": True, "has_executor": False}
        return Found(watched, self._framework.lacks, rewards=None, **known)

    def entrances(self, cls: type) -> Sequence[tuple[str, Kind]]:
        """Return the log method: the owner is known, with `LLM_TELEMETRY=1`, as soon as its logger is made."""
        return [(self._method, self._log)] if any(map(self._has_log, cls.__mro__)) else ()

    @property
    def _log(self) -> Kind:
        return self._framework.log.kind

    @property
    def _method(self) -> str:
        return self._framework.log.path.rpartition(".")[2]

    def _has_log(self, cls: type) -> bool:
        return self._framework.log[:2] == (cls.__module__, f"{cls.__qualname__}.{self._method}")
