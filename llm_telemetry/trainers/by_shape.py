"""The hand-written GRPO trainer, found by shape: an executor, a reward computer with a judge, a step, a validation.

Every name can be given instead (`instrument(trainer, executor="engine.run")`): a dotted path below the trainer whose
last part is the method, or is an object on which the method is then found by shape; or the object itself.
"""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from llm_telemetry.names import STEP_METHODS, VALIDATION_METHODS
from llm_telemetry.objects import defined_by, held_by, stored_in
from llm_telemetry.settings.config import InstrumentError
from llm_telemetry.trainers import kinds
from llm_telemetry.trainers.actors import seen_through
from llm_telemetry.trainers.adapter import Adapter, Found
from llm_telemetry.trainers.judges import find_judges
from llm_telemetry.trainers.kinds import Watched
from llm_telemetry.trainers.parts import Part, at, is_function, listed, methods_of, on, resolve

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from llm_telemetry.settings.config import Config


class Shape(NamedTuple):
    """How one kind of part is recognised."""

    what: str
    absent: str
    """What the payload lacks without it."""
    attributes: re.Pattern[str]
    """Names of attributes of the trainer that hold such an object."""
    methods: tuple[str, ...]
    """Names of its method, the surest first."""
    anywhere: int
    """So many of the first `methods` are telling enough to be looked for on any attribute, and the trainer."""


EXECUTOR = Shape(
    "executor",
    "failed rollouts; rollouts then open when their reward is computed, and calls have the role other",
    re.compile(r"execut|rollout|workflow|runner|agent|engine"),
    ("execute_workflow", "execute_rollout", "run_workflow", "execute", "run", "__call__"),
    3,
)
REWARD = Shape(
    "reward computer",
    "dataset/… and val/… rewards and correctness, judge/…",
    re.compile(r"reward|grader|scorer|verifier"),
    (
        "compute_reward",
        "compute_rewards",
        "calculate_reward",
        "get_reward",
        "reward",
        "score",
        "grade",
        "__call__",
    ),
    3,
)
ITEMS = Shape(
    "item source",
    "sources that are not among the executor's or the reward computer's arguments",
    re.compile(r"data|sampler|loader|items"),
    ("sample_batch", "get_batch", "next_batch", "sample", "__next__"),
    1,
)


class ByShape(Adapter):
    """The hand-written trainer. It takes everything: what has no step is told what was looked for."""

    name = "by_shape"

    def matches(self, trainer: Any) -> bool:  # noqa: ARG002 - it is asked last
        """Take every trainer."""
        return True

    def find(self, trainer: Any, config: Config) -> Found:
        """Find the trainer's parts: by the names in `config`, else by shape.

        Raises:
            InstrumentError: A given name does not exist, or there is nothing to hook.
        """
        step = _method(trainer, config.step, _step_methods(type(trainer)), "step")
        validation = _method(trainer, config.validation, VALIDATION_METHODS, "validation")
        executor = _given(trainer, config.executor, EXECUTOR) or _by_shape(trainer, EXECUTOR)
        reward = _given(trainer, config.reward, REWARD) or _by_shape(trainer, REWARD)
        items = _given(trainer, config.items, ITEMS) or _by_shape(trainer, ITEMS)
        judges = find_judges(trainer, reward, config.judge)
        rewarding = [] if reward is None else _rewarding(reward, judges)
        parts = [(kinds.STEP, step), (kinds.VALIDATION, validation), (kinds.ROLLOUT, executor), *rewarding]
        parts += [(kinds.JUDGE, judge) for judge in judges if reward is None or not judge.is_same(reward)]
        parts.append((kinds.ITEMS, items))
        watched = [Watched(kind, part) for kind, part in parts if part is not None]
        if step is None:
            raise InstrumentError(_nothing_to_hook(trainer, watched))
        is_sure = executor is not None or reward is not None
        lacks = [*_lacks(executor, reward, judges), *_yielding(watched)]
        return Found(watched, lacks, is_sure, has_executor=executor is not None)

    def entrances(self, cls: type) -> Sequence[tuple[str, kinds.Kind]]:
        """Return the first step method of a class, and its first validation."""
        pairs = [(_first(cls, _step_methods(cls)), kinds.STEP), (_first(cls, VALIDATION_METHODS), kinds.VALIDATION)]
        return [(name, kind) for name, kind in pairs if name is not None]


def _step_methods(cls: type) -> Sequence[str]:
    """Return the names of a step of such a class: `training_step` of a Hugging Face trainer is a part of one only."""
    micro = any(base.__module__.startswith("transformers.") for base in cls.__mro__)
    return [name for name in STEP_METHODS if not (micro and name == "training_step")]


def _rewarding(reward: Part, judges: Sequence[Part]) -> list[tuple[kinds.Kind, Part | None]]:
    """Return the reward's row; a reward function that is its own judge is both."""
    both = next((judge for judge in judges if judge.is_same(reward)), None)
    return [(kinds.REWARD, reward)] if both is None else [(kinds.JUDGING_REWARD, both)]


def _lacks(executor: Part | None, reward: Part | None, judges: Sequence[Part]) -> list[str]:
    """Say, a sentence each, what will be absent from the payload."""
    lacks: list[tuple[object, str, str]] = [
        (executor, EXECUTOR.what, EXECUTOR.absent),
        (reward, REWARD.what, REWARD.absent),
    ]
    if reward is not None:
        lacks.append((judges or None, "judge function", "judge/… rates; its calls still count as judge cost"))
    return [f"no {what} found: the payload will lack {absent}" for part, what, absent in lacks if part is None]


def _yielding(watched: Sequence[Watched]) -> Iterator[str]:
    """Name what has only begun when its call returns; what hands out items may well be like that."""
    for kind, part in watched:
        yields = inspect.isgeneratorfunction(part.function) or inspect.isasyncgenfunction(part.function)
        if yields and kind != kinds.ITEMS:
            yield (
                f"{kind.name} {part} is a generator, which works as it is iterated, when its call is over: that counts "
                "as done outside of it, a step's work in the payload of the next. Let a plain function iterate it, or "
                "tell it by hand (docs/extending.md#no-trainer-at-all)"
            )


def _first(cls: type, names: Sequence[str]) -> str | None:
    return next((name for name in names if inspect.isroutine(defined_by(cls, name))), None)


def _method(trainer: Any, given: str | None, names: Sequence[str], setting: str) -> Part | None:
    if given is not None and not callable(getattr(trainer, given, None)):
        raise InstrumentError(
            f"{setting}={given!r}: {type(trainer).__name__} has no such method; it has {listed(methods_of(trainer))}"
        )
    name = given or next((name for name in names if callable(getattr(trainer, name, None))), None)
    return None if name is None else Part(trainer, name)


def _given(trainer: Any, given: Any, kind: Shape) -> Part | None:
    """Find the part that the user has named, or handed in."""
    if given is None:
        return None
    if not isinstance(given, str):
        held = next((name for name, value in stored_in(trainer).items() if value is given), None)
        if held is not None and is_function(given):
            return Part(trainer, held)
        return on(given, kind.methods) or _no_method(repr(given), given, kind)
    return at(trainer, given, kind.what, kind.methods) or _no_method(given, resolve(trainer, given, kind.what), kind)


def _no_method(name: str, found: Any, kind: Shape) -> Part:
    raise InstrumentError(
        f"{kind.what} {name}: {type(found).__name__} has none of the methods {listed(kind.methods)}; "
        f'name the method too, as in "{kind.what.split()[0]}.method"'
    )


def _by_shape(trainer: Any, kind: Shape) -> Part | None:
    """Find the part on an attribute with a telling name, then by a telling method anywhere, then on the trainer."""
    attributes = {name: seen_through(value) for name, value in held_by(trainer).items()}
    named = [value for name, value in attributes.items() if kind.attributes.search(name.lower())]
    return next(
        (
            part
            for objects, methods in (
                (named, kind.methods),
                (attributes.values(), kind.methods[: kind.anywhere]),
                ([trainer], kind.methods[: kind.anywhere]),
            )
            for part in _candidates(objects, methods)
        ),
        None,
    ) or _plain_function(trainer, attributes, kind)


def _candidates(objects: Any, methods: Sequence[str]) -> Iterator[Part]:
    """Yield parts, those with the surest method first."""
    for name in methods:
        for candidate in objects:
            if not is_function(candidate) and (part := on(candidate, (name,))):
                yield part


def _plain_function(trainer: Any, attributes: dict[str, Any], kind: Shape) -> Part | None:
    """Find an attribute that is itself the function: `trainer.reward_fn = grade`."""
    if "__call__" not in kind.methods:
        return None
    own = stored_in(trainer)  # what lies in a slot cannot be replaced on the object alone
    names = (name for name in attributes if name in own and kind.attributes.search(name.lower()))
    return next((Part(trainer, name) for name in names if is_function(attributes[name])), None)


def _nothing_to_hook(trainer: Any, watched: Sequence[Watched]) -> str:
    found = [f"{kind.name} {part}" for kind, part in watched]
    return (
        f"nothing to report by: {type(trainer).__name__} has no step method. Looked for {listed(STEP_METHODS)} (name "
        f'yours with step="…"), for an executor with {listed(EXECUTOR.methods)}, for a reward computer with '
        f"{listed(REWARD.methods)}. Found: {listed(found)}. "
        f"Saw the attributes {listed(held_by(trainer))} and the methods {listed(methods_of(trainer))}."
    )
