"""What a reward function, a judge or an executor returned: rewards, batches, failures.

The forms that occur are read; a number is taken for a reward only where nothing else could be meant. What a list of
several numbers for one rollout means (one a criterion? one a sample?) is for its trainer to know.
"""

from __future__ import annotations

import functools
import inspect
import math
from typing import TYPE_CHECKING, Any

from llm_telemetry.objects import fields_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_PARTS = ("acc", "accuracy", "correct", "is_correct")
"""A reward by itself; beside other numbers one part of a reward."""
_REWARD_FIELDS = (
    *("reward", "score", "total_reward", "total", "overall", "final_reward", "reward_score", "overall_score"),
    *("total_score", "value", "rewards", "scores", *_PARTS),
)
_REWARDS_FIELDS = ("rewards", "response_level_rewards", "scores", "reward", "score", "overall")
_TOKEN_LEVEL = ("reward_tensor", "token_level_scores", "token_level_rewards", "rm_scores")
"""Where verl's and ROLL's rewards are: a number for each token, whose sum is the rollout's reward."""
_FAILURE_SIGNS = ("error", "exception", "timed_out", "timeout")
_DEPTH = 3


def says_failed(result: Any) -> bool:
    """Tell whether an executor's result, or a mapping or object in it, says that it did not succeed."""
    parts = result if isinstance(result, tuple) else (result,)
    return any(map(_tells_failure, filter(None, map(fields_of, parts))))


def _tells_failure(told: Mapping[Any, Any]) -> bool:
    success = told.get("success", told.get("succeeded"))
    if isinstance(success, bool):
        return not success
    signs = [told[name] for name in _FAILURE_SIGNS if name in told]  # a `timeout` of 30.0 is a setting, not a sign
    return any(sign is True or isinstance(sign, BaseException) or (isinstance(sign, str) and sign) for sign in signs)


def rewards_in(result: Any, count: int, responses: tuple[int, ...] = ()) -> list[float | None]:
    """Return `count` rewards from what a batch function returned; `None` for what cannot be read as a finite number.

    Args:
        result: What it returned.
        count: How many rewards there should be.
        responses: The shape of the responses' tokens; rewards of this shape are a number for each token.
    """
    batch = batch_in(result, count, responses=responses)
    return [None] * count if batch is None else [reward_in(value) for value in batch]


def batch_in(
    result: Any, count: int, names: Sequence[str] = _REWARDS_FIELDS, responses: tuple[int, ...] = ()
) -> Sequence[Any] | None:
    """Return the `count` values in what a batch function returned: a list, one in a tuple, or a field."""
    if type(result) is list and len(result) == count and not responses:
        return result
    told = fields_of(result)
    told = {**fields_of(told.get("batch")), **told}
    tokens = [_sums(told[name]) for name in _TOKEN_LEVEL if name in told]
    if responses and getattr(result, "shape", None) == responses:
        tokens.append(_sums(result))
    inside = result if type(result) is tuple else ()
    parts = (*inside, *(told[name] for name in names if name in told), *tokens, result)
    lists = (list_ for part in parts if isinstance(list_ := plain(part), list | tuple))
    return next((batch for list_ in lists for batch in (list_, flat(list_)) if len(batch) == count), None)


def flat(groups: Sequence[Any]) -> Sequence[Any]:
    """Return the elements of a list of lists; any other list as it is."""
    nested = bool(groups) and all(isinstance(group, list) for group in groups)
    return [one for group in groups for one in group] if nested else groups


def _sums(tokens: Any) -> Any:
    """Return the sum of each row of an array; what is no array of two dimensions as it is."""
    return tokens.sum(-1) if len(getattr(tokens, "shape", ())) == 2 else tokens  # noqa: PLR2004 - rollouts and tokens


def plain(value: Any) -> Any:
    """Return an array or a tensor of one number a rollout as a list, or as the number that it is."""
    if not hasattr(type(value), "tolist") or not isinstance(shape := getattr(value, "shape", None), tuple):
        return value
    return value.tolist() if math.prod(shape[1:]) == 1 else value


def reward_in(result: Any, depth: int = _DEPTH) -> float | None:
    """Return the one number that was returned for one rollout; `None` where there is none, or more than one.

    Each attribute of an object, and `__float__`, is asked at most once; no iterator is touched.
    """
    if type(result) is float:  # as nearly all are
        return result if math.isfinite(result) else None
    value = plain(result)
    if isinstance(value, str) or hasattr(type(value), "__float__"):
        return _number(value)
    if not depth:
        return None
    if isinstance(value, list | tuple) and not hasattr(type(value), "_fields"):
        return _only_number(value, depth)
    return _field(value, depth)


def _number(value: Any) -> float | None:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):  # a text, several numbers, 10**400
        return None
    return number if math.isfinite(number) else None


def _only_number(values: Sequence[Any], depth: int) -> float | None:
    """Return the only number among values; else the only truth value; else the only thing that holds a reward."""
    kinds: tuple[list[Any], ...] = [], [], [], []
    for value in map(plain, values):
        is_number = hasattr(type(value), "__float__")
        kinds[1 if isinstance(value, bool) else 0 if is_number else 3 if isinstance(value, str) else 2].append(value)
    numbers = next((kind for kind in kinds[:2] if kind), None) or [
        one for kind in kinds[2:] for value in kind if (one := reward_in(value, depth - 1)) is not None
    ]
    return _number(numbers[0]) if len(numbers) == 1 else None


def _field(value: Any, depth: int) -> float | None:
    """Return the reward among the fields of a mapping or an object, stored ones first; a property runs at most once."""
    told = fields_of(value)
    name = next((name for name in _REWARD_FIELDS if told.get(name) is not None), None)
    if name is None:
        name = next((name for name in _REWARD_FIELDS if _is_computed(value, name)), None)
        return None if name is None else reward_in(getattr(value, name), depth - 1)
    others = [one for key, one in told.items() if key not in _PARTS and isinstance(one, int | float)]
    return None if name in _PARTS and others else reward_in(told[name], depth - 1)


def _is_computed(value: Any, name: str) -> bool:
    return isinstance(inspect.getattr_static(type(value), name, None), property | functools.cached_property)


def describe(result: Any) -> str:
    """Say what was returned instead of a reward: types and names of fields, no values."""
    kind = type(result).__name__
    if isinstance(result, list | tuple) and result:
        return f"a {kind} of {len(result)} ({', '.join(sorted({type(one).__name__ for one in result[:16]}))})"
    shape = getattr(result, "shape", None)
    if isinstance(shape, tuple) and shape:
        return f"a {kind} of shape {shape}"
    names = [str(name)[:24] for name in list(fields_of(result))[:6]]
    return f"a {kind} with {', '.join(names)}" if names else f"a {kind}"
