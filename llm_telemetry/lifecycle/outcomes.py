"""What came of a call: which rollouts an executor has made, and which rewards a reward function has computed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from llm_telemetry.lifecycle.rewards import flat, plain, reward_in, rewards_in
from llm_telemetry.objects import fields_of
from llm_telemetry.session.items import rows_in

if TYPE_CHECKING:
    from llm_telemetry.lifecycle.items import Given, Row


def outcomes_in(given: Given, result: Any) -> list[tuple[Row, Any]]:
    """Return what an executor has done: for each rollout its item, and what was returned for it.

    A list may have one element for each item, or a group of samples; its elements may tell their item themselves.
    """
    if given.is_alone:
        return [(given.fields, result)]
    made, rows = _made(result), given.rows
    if rows and len(made) == len(rows):
        return _of_rows(given, made)
    told = rows_in(result)
    if told and (not given.is_one or given.asks_for(len(told))):
        elements = flat(made)
        return list(zip(told, elements if len(elements) == len(told) else told, strict=True))
    if rows:
        several = made if made and len(made) % len(rows) == 0 else []
        return [({}, one) for one in several] or [(row, None) for row in rows]
    return [(given.fields, one) for one in made] if made and given.asks_for(len(made)) else [(given.fields, result)]


def _of_rows(given: Given, made: list[Any]) -> list[tuple[Row, Any]]:
    """Return the outcomes of a batch: for each item one, or a group of as many as were asked for."""
    groups = [one if isinstance(one, list) and given.asks_for(len(one)) else [one] for one in made]
    return [(row, one) for row, group in zip(given.rows, groups, strict=True) for one in group]


def _made(result: Any) -> list[Any]:
    """Return the elements of a list; of a tuple the first list, as in `(answers, costs)`."""
    if isinstance(result, tuple):
        result = next((part for part in result if isinstance(part, list)), None)
    return result if isinstance(result, list) else []


def rewards_for(given: Given, result: Any) -> list[tuple[Row, float | None]]:
    """Return what a reward function has computed: for each rollout what is known of it, and its reward.

    A function that returns nothing has noted the rewards where it found the items.
    """
    if given.rows:
        returned = next(filter(rows_in, given.fields.values()), None) if result is None else result
        return list(zip(given.rows, rewards_in(returned, len(given.rows), _responses(given.fields)), strict=True))
    made = plain(result)
    if isinstance(made, list) and len(made) > 1 and not given.is_one:
        return [
            ({**fields_of(one), **beside}, reward_in(one))
            for one, beside in zip(made, _beside(given.fields, len(made)), strict=True)
        ]
    return [(given.fields, _noted(given.fields) if result is None else reward_in(made))]


def _beside(fields: Row, length: int) -> list[Row]:
    """Return what stands in arguments beside each of so many rewards, in lists under whatever name."""
    lists = {name: v for name, v in fields.items() if isinstance(v, list | tuple) and len(v) == length}
    return [{name: v[i] for name, v in lists.items()} for i in range(length)]


def _noted(fields: Row) -> float | None:
    """Return the reward that a function has noted in what it was given, if it is in one place."""
    noted = [inner["reward"] for value in fields.values() if (inner := fields_of(value)).get("reward") is not None]
    return reward_in(noted[0]) if len(noted) == 1 else None


def _responses(fields: Row) -> tuple[int, ...]:
    """Return the shape of the responses' tokens in a `DataProto`, if that is an argument."""
    batches = (fields_of(fields_of(value).get("batch")) for value in fields.values())
    return next((tuple(batch["responses"].shape) for batch in batches if "responses" in batch), ())
