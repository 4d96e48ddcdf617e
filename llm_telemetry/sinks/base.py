"""What a sink is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

if TYPE_CHECKING:
    from collections.abc import Callable

    from llm_telemetry.events import Alert, Payload


@runtime_checkable
class Sink(Protocol):
    """What `instrument(trainer, sinks=[…])` takes besides its own sinks.

    A sink that raises is counted in `telemetry/errors`; training and the other sinks go on.
    """

    def write(self, payload: Payload) -> None:
        """Take the payload of one step or validation; called in the trainer's thread, so be quick."""

    def close(self) -> None:
        """Write what is left; nothing comes after."""


@runtime_checkable
class AlertSink(Sink, Protocol):
    """A sink that also wants to hear the alarm; the method is optional."""

    def alert(self, alert: Alert) -> None:
        """Take what the alarm tells; called in the trainer's thread, after `write`, so be quick."""


class ScalarWriter(Protocol):
    """TensorBoard's `SummaryWriter`, torch's or tensorboardX's, which may stand among the sinks as it is."""

    @property
    def add_scalar(self) -> Callable[..., Any]:
        """Take a number at a step."""
