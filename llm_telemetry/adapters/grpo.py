"""The hand-written GRPO trainer, found by shape: an executor, a reward computer with a judge, a step, a validation.

Every name can be given instead (`instrument(trainer, executor="engine.run")`): a dotted path below the trainer whose
last part is the method, or is an object on which the method is then found by shape; or the object itself.
"""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from llm_telemetry.config import InstrumentError
from llm_telemetry.hooks.trainer import parameters_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from llm_telemetry.config import Config


class Part(NamedTuple):
    """A function of the trainer's: `getattr(owner, name)`."""

    owner: Any
    name: str

    @property
    def function(self) -> Any:
        """The function, bound."""
        return getattr(self.owner, self.name)

    def __str__(self) -> str:
        """Name it for people."""
        return f"{type(self.owner).__name__}.{self.name}"


class Kind(NamedTuple):
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


EXECUTOR = Kind(
    "executor",
    "failed rollouts; rollouts then open when their reward is computed, and calls have the role other",
    re.compile(r"execut|rollout|workflow|runner|agent|engine"),
    ("execute_workflow", "execute_rollout", "run_workflow", "execute", "run", "__call__"),
    3,
)
REWARD = Kind(
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
ITEMS = Kind(
    "item source",
    "sources that are not among the executor's or the reward computer's arguments",
    re.compile(r"data|sampler|loader|items"),
    ("sample_batch", "get_batch", "next_batch", "sample", "__next__"),
    1,
)
STEP = ("train_step", "training_step")
VALIDATION = ("evaluate_on_val_set", "evaluate", "validate")
_HEAP_TYPE, _IMMUTABLE_TYPE = 1 << 9, 1 << 8  # of `type.__flags__`, see CPython's Include/object.h
_JUDGE_NAMES = ("_llm_judge_compare", "llm_judge_compare", "_llm_judge", "llm_judge", "_judge", "judge")
_NO_JUDGE = re.compile(r"init|client|prompt|parse|build|make|format|load|setup|stats|extract|config|__")
_PREDICTION = re.compile(r"predict|answer|response|completion|output|candidate|solution|generat")


class Parts(NamedTuple):
    """What was found on a trainer; `None` where there is none."""

    step: Part | None
    validation: Part | None
    executor: Part | None
    reward: Part | None
    judges: tuple[Part, ...]
    items: Part | None


def find_parts(trainer: Any, config: Config) -> Parts:
    """Find the trainer's parts: by the names in `config`, else by shape.

    Raises:
        InstrumentError: A given name does not exist, or there is nothing to hook.
    """
    executor = _given(trainer, config.executor, EXECUTOR) or _by_shape(trainer, EXECUTOR)
    reward = _given(trainer, config.reward, REWARD) or _by_shape(trainer, REWARD)
    parts = Parts(
        step=_method(trainer, config.step, STEP, "step"),
        validation=_method(trainer, config.validation, VALIDATION, "validation"),
        executor=executor,
        reward=reward,
        judges=_judges(trainer, reward, config.judge),
        items=_given(trainer, config.items, ITEMS) or _by_shape(trainer, ITEMS),
    )
    if parts.step is None:
        raise InstrumentError(_nothing_to_hook(trainer, parts))
    return parts


def missing(parts: Parts) -> list[str]:
    """Say, a sentence each, what will be absent from the payload."""
    lacks: list[tuple[object, str, str]] = [
        (parts.executor, EXECUTOR.what, EXECUTOR.absent),
        (parts.reward, REWARD.what, REWARD.absent),
    ]
    if parts.reward is not None:
        lacks.append((parts.judges or None, "judge function", "judge/… rates; its calls still count as judge cost"))
    return [f"no {what} found: the payload will lack {absent}" for part, what, absent in lacks if part is None]


def _method(trainer: Any, given: str | None, names: Sequence[str], setting: str) -> Part | None:
    if given is not None and not callable(getattr(trainer, given, None)):
        raise InstrumentError(
            f"{setting}={given!r}: {type(trainer).__name__} has no such method; it has {_listed(_methods(trainer))}"
        )
    name = given or next((name for name in names if callable(getattr(trainer, name, None))), None)
    return None if name is None else Part(trainer, name)


def _given(trainer: Any, given: Any, kind: Kind) -> Part | None:
    """Find the part that the user has named, or handed in."""
    if given is None:
        return None
    if not isinstance(given, str):
        held = next((name for name, value in getattr(trainer, "__dict__", {}).items() if value is given), None)
        if held is not None and _is_function(given):
            return Part(trainer, held)
        return _on(given, kind.methods) or _no_method(repr(given), given, kind)
    return _at(trainer, given, kind.what) or _no_method(given, _resolve(trainer, given, kind.what), kind)


def _at(root: Any, path: str, what: str, methods: Sequence[str] = ()) -> Part | None:
    """Find the function at a dotted path, or the telling method of the object that is there."""
    owner_path, _, name = path.rpartition(".")
    found = _resolve(root, path, what)
    if inspect.isroutine(found):
        return Part(_resolve(root, owner_path, what) if owner_path else root, name)
    return _on(found, methods or _METHODS[what])


_METHODS = {kind.what: kind.methods for kind in (EXECUTOR, REWARD, ITEMS)}


def _resolve(root: Any, path: str, what: str) -> Any:
    found = root
    for name in path.split("."):
        if not hasattr(found, name):
            raise InstrumentError(
                f"{what} {path!r}: {type(found).__name__} has no attribute {name!r}; it has "
                f"{_listed([*_attributes(found), *_methods(found)])}"
            )
        found = getattr(found, name)
    return found


def _no_method(name: str, found: Any, kind: Kind) -> Part:
    raise InstrumentError(
        f"{kind.what} {name}: {type(found).__name__} has none of the methods {_listed(kind.methods)}; "
        f'name the method too, as in "{kind.what.split()[0]}.method"'
    )


def _by_shape(trainer: Any, kind: Kind) -> Part | None:
    """Find the part on an attribute with a telling name, then by a telling method anywhere, then on the trainer."""
    attributes = _attributes(trainer)
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
            if not _is_function(candidate) and (part := _on(candidate, (name,))):
                yield part


def _plain_function(trainer: Any, attributes: dict[str, Any], kind: Kind) -> Part | None:
    """Find an attribute that is itself the function: `trainer.reward_fn = grade`."""
    if "__call__" not in kind.methods:
        return None
    own = getattr(trainer, "__dict__", {})  # what lies in a slot cannot be replaced on the object alone
    names = (name for name in attributes if name in own and kind.attributes.search(name.lower()))
    return next((Part(trainer, name) for name in names if _is_function(attributes[name])), None)


def _is_function(value: Any) -> bool:
    """Tell whether a value is a function, or an object as good as one, such as a `functools.partial`."""
    return inspect.isroutine(value) or (callable(value) and not isinstance(value, type) and _is_immutable(type(value)))


def _on(owner: Any, methods: Sequence[str]) -> Part | None:
    if owner is None or isinstance(owner, str | bytes | int | float | dict | list | tuple | set | type):
        return None
    name = next((name for name in methods if _has_method(owner, name)), None)
    return None if name is None else Part(owner, name)


def _has_method(owner: Any, name: str) -> bool:
    """Tell whether the class of `owner` defines a method; its metaclass does not count, nor does a built-in type."""
    found = next((vars(cls)[name] for cls in type(owner).__mro__ if name in vars(cls)), None)
    return callable(getattr(found, "__func__", found)) and not _is_immutable(type(owner))


def _is_immutable(cls: type) -> bool:
    """Tell whether a class is written in C: its methods cannot be hooked."""
    return not cls.__flags__ & _HEAP_TYPE or bool(cls.__flags__ & _IMMUTABLE_TYPE)


def _judges(trainer: Any, reward: Part | None, given: Any) -> tuple[Part, ...]:
    """Find the judge function; on the reward computer, unless the user says where."""
    if given is None:
        return () if reward is None else tuple(_judges_on(reward.owner))
    if not isinstance(given, str):
        part = _on(given, (*_JUDGE_NAMES, "compare", "__call__"))
        return (part or _no_judge(repr(given), given),)
    roots = [root for root in (reward and reward.owner, trainer) if root is not None]
    root = next((root for root in roots if hasattr(root, given.split(".")[0])), None)
    if root is None:
        return (_no_judge(given, roots[0]),)
    part = _at(root, given, "judge", (*_JUDGE_NAMES, "compare", "__call__"))
    return (part or _no_judge(given, root),)


def _no_judge(name: str, owner: Any) -> Part:
    raise InstrumentError(
        f"judge {name!r}: there is no such function; {type(owner).__name__} has {_listed(_methods(owner))}"
    )


def _judges_on(owner: Any) -> Iterator[Part]:
    """Yield the judge functions of a reward computer: the one with a known name, else all that look like one."""
    methods = _methods(owner)
    known = next((name for name in _JUDGE_NAMES if name in methods), None)
    if known is not None:
        yield Part(owner, known)
        return
    for name in methods:
        if "judge" in name.lower() and not _NO_JUDGE.search(name.lower()) and _judges_predictions(getattr(owner, name)):
            yield Part(owner, name)


def _judges_predictions(function: Callable[..., Any]) -> bool:
    """Tell whether a function takes a prediction and gives a verdict, not text."""
    returns = getattr(function, "__annotations__", {}).get("return")
    gives_text = returns in (str, "str", None, "None") and "return" in getattr(function, "__annotations__", {})
    return not gives_text and any(_PREDICTION.search(name.lower()) for name in parameters_of(function))


def _attributes(thing: Any) -> dict[str, Any]:
    slots = [s for cls in type(thing).__mro__ for s in getattr(cls, "__slots__", ()) if hasattr(thing, s)]
    return {
        **getattr(thing, "__dict__", {}),
        **{slot: getattr(thing, slot) for slot in slots if slot != "__dict__"},
    }


def _methods(thing: Any) -> list[str]:
    """Return the names of a thing's own methods; properties are not touched."""
    return [name for name in dir(type(thing)) if not name.startswith("__") and _has_method(thing, name)]


def _listed(names: Any) -> str:
    return ", ".join(sorted(dict.fromkeys(names))) or "nothing"


def _nothing_to_hook(trainer: Any, parts: Parts) -> str:
    found = [f"{field} {part}" for field, part in zip(parts._fields, parts, strict=True) if isinstance(part, Part)]
    return (
        f"nothing to report by: {type(trainer).__name__} has no step method. Looked for {_listed(STEP)} (name yours "
        f'with step="…"), for an executor with {_listed(EXECUTOR.methods)}, for a reward computer with '
        f"{_listed(REWARD.methods)}. Found: {_listed(found)}. "
        f"Saw the attributes {_listed(_attributes(trainer))} and the methods {_listed(_methods(trainer))}."
    )
