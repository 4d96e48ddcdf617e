"""The kinds of functions that a trainer is watched by: what a call of each opens, and who may know of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from llm_telemetry.lifecycle import functions, spans
from llm_telemetry.lifecycle.evaluation import judge, judging_reward
from llm_telemetry.trainers.parts import Part

if TYPE_CHECKING:
    from collections.abc import Callable

    from llm_telemetry.events import Role
    from llm_telemetry.lifecycle.functions import MakeSpan
    from llm_telemetry.session.session import Session

Opener: TypeAlias = "Callable[[str], MakeSpan]"


class Watched(NamedTuple):
    """One row of what an adapter wants hooked: calls of `part` are of this kind."""

    kind: Kind
    part: Part


class Kind(NamedTuple):
    """One kind of watched function; equal by its name."""

    name: str
    opens: Opener
    """Returns what opens the spans, given what a judge is called in keys (empty for what is no judge)."""
    in_children: bool = True
    """Whether processes that the trainer starts are told of it; a step is only its owner's."""
    clients: Role | None = None
    """The role of LLM clients that the function's object holds."""
    hook: Callable[..., Any] = functions.hook
    """Returns the wrapper that opens the spans; its arguments are those of `functions.hook`."""
    reads: tuple[str, ...] = ()
    """The parameters without which a function is not of this kind."""

    def wrapper(
        self,
        function: Any,
        label: str = "",
        owner: Callable[[], Any] = functions.nobody,
        adopt: Callable[[Any], Session | None] | None = None,
        *,
        in_class: bool = False,
    ) -> Any:
        """Return the wrapper that watches a function.

        Args:
            function: Tells its parameters.
            label: What a judge is called in keys.
            owner: As for `functions.opener`.
            adopt: As for `functions.opener`.
            in_class: It is a class's own, and the first parameter is the object.
        """
        return self.hook(self.opens(label), functions.parameters_of(function)[in_class:], owner, adopt)

    def of(self, owner: Any, name: str, label: str = "") -> Watched:
        """Say that `owner.name` is such a function.

        Args:
            owner: The object, or the module, that has the function.
            name: The function's name there.
            label: What a judge is called in keys, where there are several.
        """
        return Watched(self, Part(owner, name, label))


def _always(make_span: MakeSpan) -> Opener:
    return lambda _label: make_span


STEP = Kind("step", _always(spans.train_step), in_children=False)
"""A training step: its payload is made when it returns."""
VALIDATION = Kind("validation", _always(spans.validation), in_children=False)
"""A validation, with a payload of its own."""
ROLLOUT = Kind("executor", _always(spans.execution))
"""An attempt at an item; it waits for its reward."""
REWARD = Kind("reward", _always(spans.reward), clients="judge")
"""The reward of a rollout, or the rewards of a batch."""
JUDGE = Kind("judges", judge, clients="judge")
"""An evaluation; what the function returns is its verdict."""
JUDGING_REWARD = Kind("judging reward", judging_reward, clients="judge")
"""A reward function that is its own judge."""
ITEMS = Kind("items", _always(spans.handout))
"""What hands out dataset items: the sources of what follows are known from them."""

KINDS = {kind.name: kind for kind in (STEP, VALIDATION, ROLLOUT, REWARD, JUDGE, JUDGING_REWARD, ITEMS)}
"""By their names, which children are told."""
