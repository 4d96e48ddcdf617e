"""The soft stop: `stop_when=` ends a training between two steps. Without that setting nothing here ever acts."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from llm_telemetry.collectors.keys import tell_apart
from llm_telemetry.guard import guarded, log
from llm_telemetry.notices import Notices
from llm_telemetry.settings.conditions import read_conditions
from llm_telemetry.settings.config import InstrumentError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from llm_telemetry.events import Payload
    from llm_telemetry.settings.config import Config

STOPS = "the training is stopped after step %d: %s"
SEVERAL = (
    "stop_when= is met after step %d: %s. Nothing is stopped: this training has several ranks, and one that ends alone "
    "leaves the others waiting. Stop it by hand"
)


class StopTraining(BaseException):
    """Ends a training between two steps, because `stop_when=` says so; its text says why.

    Not an `Exception`: a trainer that tries again whatever a step has raised would never be stopped.
    """


class Stopping:
    """Holds payloads against `stop_when=`, and stops where a step ends.

    Args:
        config: The settings.

    Raises:
        InstrumentError: There is no key of a name that a condition has.
    """

    def __init__(self, config: Config) -> None:
        check(config)
        when = config.stop_when
        self._ask = guarded(_of_text(when) if isinstance(when, str) else when) if when is not None else None
        self._asked: tuple[int, str] | None = None
        self._tell = Notices()

    def look(self, payload: Payload) -> None:
        """Hold a payload against it; what is met once, is met until the end of a step."""
        met = self._ask and self._ask(payload)
        if met:
            self._asked = payload.step, met if isinstance(met, str) else "stop_when= says so"

    def take(self) -> str | None:
        """Return, once, why the training is to stop; `None` where it is to go on."""
        if self._asked is None:
            return None
        (step, reason), self._asked = self._asked, None
        if _has_ranks(os.environ):
            self._tell(SEVERAL, step, reason)
            return None
        log.warning(STOPS, step, reason)
        return reason

    def stop(self) -> None:
        """Stop, if that is asked for.

        Raises:
            StopTraining: It is.
        """
        if (reason := self.take()) is not None:
            raise StopTraining(reason)


def check(config: Config) -> None:
    """Check that there are the keys that a text names; those of the user's own collectors nobody knows.

    Raises:
        InstrumentError: There is none of such a name.
    """
    conditions = read_conditions(config.stop_when) if isinstance(config.stop_when, str) else []
    unknown = [one.key for one in conditions if not config.collectors and tell_apart(one.key) is None]
    if unknown:
        raise InstrumentError(f"stop_when: no payload has a key {unknown[0]!r}; docs/metrics.md has them all")


def _of_text(text: str) -> Callable[[Payload], str | None]:
    conditions = read_conditions(text)

    def reason(payload: Payload) -> str | None:
        return next((why for one in conditions if (why := one.reason(payload.values))), None)

    return reason


def _has_ranks(environ: Mapping[str, str]) -> bool:
    """Tell whether this process trains together with others, as torchrun starts them."""
    return "RANK" in environ and environ.get("WORLD_SIZE", "1") != "1"
