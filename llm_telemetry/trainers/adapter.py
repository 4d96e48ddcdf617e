"""What a kind of trainer is: an adapter knows it when it sees one, and says what to watch on it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llm_telemetry.settings.config import Config
    from llm_telemetry.trainers.kinds import Kind, Watched


class Found(NamedTuple):
    """What an adapter found on a trainer."""

    watched: Sequence[Watched]
    """The functions to hook, such as `kinds.STEP.of(trainer, "train_step")`; one that cannot be hooked raises."""
    lacks: Sequence[str] = ()
    """What the payload will be without, a sentence each; told as warnings."""
    is_sure: bool = True
    """Whether this is a trainer beyond doubt. With `LLM_TELEMETRY=1` others are not watched unless they are named."""
    rows_are_steps: bool = False
    """Whether the owner's own `wandb.log` ends its steps: there is no function that does."""
    log_takes_payloads: bool = False
    """Whether the owner's own log call takes payloads along: they are not written to W&B besides."""
    in_modules: bool = False
    """Whether functions of a framework's modules are hooked besides, see `trainers.frameworks`."""
    answers_itself: bool = False
    """Whether an engine of the trainer's own answers, so that rollouts without a call are as they should be."""
    trains: bool | None = True
    """Whether there is any training; `None` where it is not known before a step is seen. What never trains has its
    numbers under `eval/`."""
    has_executor: bool = True
    """Whether it is seen how rollouts are made; else they are known by their rewards alone."""
    unrewarded_is_wrong: bool = False
    """Whether this kind of trainer gives no reward to what is wrong."""
    rewards: Sequence[str] | None = ()
    """The names of the functions that a reward is made of: `correct=` names one; `None` where they are told later."""
    columns: Sequence[str] | None = None
    """The names under which items tell what they are, where that is known: `source=` names one."""


class Adapter(Protocol):
    """One kind of trainer. Subclass it, or write a class with the same members."""

    name: str
    """What it is called in `instrument(trainer, adapter="…")` and in messages."""

    def matches(self, trainer: Any) -> bool:
        """Tell whether `trainer` is of this kind; asked of every trainer, so look, and call nothing of it."""

    def find(self, trainer: Any, config: Config) -> Found:
        """Return what to watch on a trainer of this kind.

        Raises:
            InstrumentError: It cannot be watched; the message says what was looked for.
        """

    def entrances(self, cls: type) -> Sequence[tuple[str, Kind]]:  # noqa: ARG002 - a default that asks for nothing
        """Return the methods of a class by which training begins, for `LLM_TELEMETRY=1`, which sees classes first.

        An instance is looked at when one of them is first called; that call is of the kind given here.
        """
        return ()
