"""What a reward function, a judge or an executor returned: rewards, batches, failures."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

_REWARD_FIELDS = ("reward", "score", "total_reward", "total", "value")
_REWARDS_FIELDS = ("rewards", "scores", "reward", "score")
_FAILURE_SIGNS = ("error", "exception", "timed_out", "timeout")


def says_failed(result: Any) -> bool:
    """Tell whether an executor's result, or a mapping or object in it, says that it did not succeed."""
    parts = result if isinstance(result, tuple) else (result,)
    return any(_tells_failure(part if isinstance(part, Mapping) else getattr(part, "__dict__", {})) for part in parts)


def _tells_failure(told: Mapping[str, Any]) -> bool:
    success = told.get("success", told.get("succeeded"))
    if isinstance(success, bool):
        return not success
    signs = [told.get(name) for name in _FAILURE_SIGNS]  # a `timeout` of 30.0 is a setting, not a sign
    return any(sign is True or isinstance(sign, BaseException) or (isinstance(sign, str) and sign) for sign in signs)


def rewards_in(result: Any, count: int) -> list[float | None]:
    """Return `count` rewards from what a reward function returned; `None` for what is no finite number."""
    if count == 1:
        return [_reward_in(result)]
    batch = batch_in(result, count)
    return [None] * count if batch is None else [_reward_in(value) for value in batch]


def batch_in(result: Any, count: int, names: Sequence[str] = _REWARDS_FIELDS) -> Any:
    """Return the `count` values in what a batch function returned: a list, the first of a tuple, or a field."""
    inner = [result[name] for name in names if name in result] if isinstance(result, Mapping) else []
    first = [result[0]] if isinstance(result, tuple) and result else []
    return next((batch for batch in (*first, *inner, result) if _is_batch(batch, count)), None)


def _is_batch(value: Any, count: int) -> bool:
    return not isinstance(value, str | Mapping) and hasattr(value, "__len__") and len(value) == count


def _reward_in(result: Any) -> float | None:
    if isinstance(result, Mapping):
        result = next((result[name] for name in _REWARD_FIELDS if name in result), None)
    elif isinstance(result, list | tuple) and result:
        result = result[0]
    elif not hasattr(result, "__float__"):
        result = next((v for name in _REWARD_FIELDS if (v := getattr(result, name, None)) is not None), None)
    if not hasattr(result, "__float__") or _elements(result) != 1:
        return None
    value = float(result.item() if hasattr(result, "item") else result)
    return value if math.isfinite(value) else None


def _elements(number: Any) -> int:
    """Return how many numbers there are: arrays and tensors are not always one."""
    shape = getattr(number, "shape", ())
    return math.prod(shape) if isinstance(shape, tuple) else 1
