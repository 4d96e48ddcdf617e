"""Reward functions of whole batches: a call of one is an evaluation of each completion, if a judge is asked in it."""

from __future__ import annotations

import functools
import inspect
from collections.abc import Mapping
from types import FunctionType
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

from llm_telemetry.hooks.patching import Hook
from llm_telemetry.lifecycle import functions
from llm_telemetry.lifecycle.evaluation import Item, OpenEvaluation, judge
from llm_telemetry.lifecycle.items import judged_in, open_rollout
from llm_telemetry.lifecycle.rewards import rewards_in
from llm_telemetry.objects import defined_by
from llm_telemetry.session.items import fingerprint
from llm_telemetry.session.rollouts import OpenRollout
from llm_telemetry.sources import clean_source
from llm_telemetry.trainers.judges import is_judge, sounds_like_judge

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from llm_telemetry.events import Id
    from llm_telemetry.hooks.observe import Span
    from llm_telemetry.hooks.scopes import Scope
    from llm_telemetry.session.session import Session

_GIVEN = ("completions",)
"""What a reward function is given by position, if anything: by ms-swift."""
Note: TypeAlias = "Callable[[list[float | None]], object]"
"""Is told what a reward function has returned, one for each completion."""


def watched(function: Any, name: str, sources: Sequence[str | None], note: Note, keys: Sequence[list[Id]]) -> Any:
    """Return a reward function as a hook that opens evaluations; a model that gives rewards is none.

    An object that is called asynchronously becomes its bound method: whoever asks whether it is a coroutine function
    asks the object's `__call__`, which a hook has of its own.

    Args:
        function: The function.
        name: What it is called, as a judge too.
        sources: Of the items that it will be given.
        note: Is told what it has returned.
        keys: Gets, for each completion, the key by which the function's calls and evaluations name its rollout.
    """
    if not callable(function) or hasattr(function, "state_dict"):
        return function
    if type(function) is not FunctionType and inspect.iscoroutinefunction(defined_by(type(function), "__call__")):
        function = function.__call__
    return Hook(function, functions.hook(_asked(name, sources, note, keys), _GIVEN))


def _asked(name: str, sources: Sequence[str | None], note: Note, keys: Sequence[list[Id]]) -> functions.MakeSpan:
    label = clean_source(name).strip("_")

    def open_span(session: Session, scope: Scope, fields: dict[str, Any]) -> Span | None:
        if scope.evaluation is not None or not (count := len(fields.get("completions") or ())):
            return None
        given = {name: value.copy() if isinstance(value, list) else value for name, value in fields.items()}
        told = (*sources[:count], *[None] * (count - len(sources)))
        is_shared = len(set(told)) == 1
        first = [_rollout(session, scope, next(rows_of(given)), told[0])] if is_shared else []

        def items() -> list[Item]:
            rows = list(rows_of(given))
            rest = zip(rows[len(first) :], told[len(first) :], strict=False)
            rollouts = (*first, *(_rollout(session, scope, row, source) for row, source in rest))
            return [
                Item(one, row["completion"] or row["prompt"], row["prompt"], judged_in(row, one.problem))
                for row, one in zip(rows, rollouts, strict=True)
            ]

        shared = first[0] if first else None
        return AskedFunction(OpenEvaluation(scope, label, items, shared, implied=True), count, note, keys)

    return open_span


def _rollout(session: Session, scope: Scope, row: dict[str, Any], source: str | None) -> OpenRollout:
    """Open the rollout of an item; where its source is known, there is nothing to look for."""
    if source is None:
        return open_rollout(session, scope, row)
    problem = fingerprint(row["prompt"]) if row["prompt"] else None
    return OpenRollout(scope.split, scope.phase, source, problem, session.number)


class AskedFunction:
    """A reward function at work; without a call to a judge in it, nothing was judged."""

    def __init__(self, evaluation: OpenEvaluation, count: int, note: Note, keys: Sequence[list[Id]]) -> None:
        self._evaluation = evaluation
        self._count = count
        self._note = note
        self._keys = keys

    def begin(self) -> Scope:
        """Return the scope of the judge's calls."""
        return self._evaluation.begin()

    def end(self, result: Any, error: BaseException | None) -> None:
        """Note what it has returned, and what was judged."""
        self._evaluation.end(result, error)
        asked = self._evaluation.keys
        for own, key in zip(self._keys, asked, strict=False) if len(self._keys) == len(asked) else ():
            own.append(key)
        if error is None:
            self._note(rewards_in(result, self._count))


def rows_of(fields: Mapping[str, Any]) -> Iterator[dict[str, Any]]:
    """Yield a reward function's arguments by item: the columns of the dataset, prompt and completion as texts."""
    completions = fields.get("completions") or ()
    prompts = fields.get("prompts") or [None] * len(completions)
    count = len(completions)
    columns = {name: value for name, value in fields.items() if isinstance(value, list) and len(value) == count}
    for i, (p, c) in enumerate(zip(prompts, completions, strict=False)):
        yield {**{name: values[i] for name, values in columns.items()}, "prompt": text_of(p), "completion": text_of(c)}


def text_of(messages: Any) -> str:
    """Return a prompt or a completion as a text: the last message's, of a chat."""
    if isinstance(messages, str):
        return messages
    if isinstance(messages, list | tuple) and messages:
        messages = messages[-1].get("content") if isinstance(messages[-1], Mapping) else messages[-1]
    if isinstance(messages, list | tuple):
        messages = "\n".join(str(part.get("text", "")) for part in messages if isinstance(part, Mapping))
    return messages if isinstance(messages, str) else ""


class HeldJudge(NamedTuple):
    """A judge function that a reward function holds: in its closure, or as an argument that is already given."""

    function: Any
    label: str
    put: Callable[[Any], object]
    """Puts something in its place."""

    def watch(self) -> None:
        """Put a hook in its place."""
        hook = functions.hook(judge(self.label), functions.parameters_of(self.function))
        self.put(Hook(self.function, hook))

    def restore(self) -> None:
        """Put the function back."""
        self.put(self.function)


def held_judges(function: Any) -> Iterator[HeldJudge]:
    """Yield the judges that a reward function holds; no hook can stay there for good, since nobody else knows them."""
    while isinstance(function, functools.partial):
        for name, value in function.keywords.items():
            if _is_held_judge(name, value):
                yield HeldJudge(value, _label(name, value), functools.partial(function.keywords.__setitem__, name))
        function = function.func
    plain = getattr(function, "__func__", function)
    if isinstance(plain, FunctionType):
        for name, cell in zip(plain.__code__.co_freevars, plain.__closure__ or (), strict=False):
            value = _content_of(cell)
            if _is_held_judge(name, value):
                yield HeldJudge(value, _label(name, value), functools.partial(setattr, cell, "cell_contents"))


def _content_of(cell: Any) -> Any:
    try:
        return cell.cell_contents
    except ValueError:  # empty as yet
        return None


def _is_held_judge(name: str, value: Any) -> bool:
    if not isinstance(value, FunctionType):
        return False
    return is_judge(value.__name__ if sounds_like_judge(value.__name__) else name, value)


def _label(name: str, value: Any) -> str:
    own = getattr(value, "__name__", name)
    return clean_source(own if sounds_like_judge(own) else name).strip("_")
