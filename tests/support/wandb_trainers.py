"""Trainers as data: what a program logs, and when a payload of ours comes in between.

An operation is a `Log` (the trainer's call) or a `Pay` (one flush of ours). Every value is unique, so that a value
tells where its call has landed.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from hypothesis import strategies as st

from llm_telemetry.events import STEP_KEY, Payload

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator


class Log(NamedTuple):
    """The trainer logs one key; `broken` adds a value that W&B refuses."""

    key: str = "loss"
    step: int | None = None
    commit: bool | None = None
    broken: bool = False


class Pay(NamedTuple):
    """A training step (or its validation) ends, and a payload is written."""

    step: int
    split: str = "train"


Program = list  # of Log and Pay


def payload(step: int, number: float, split: str = "train") -> Payload:
    """A payload whose values tell its `number`, plus a total."""
    prefix = "" if split == "train" else "val/"
    values = {STEP_KEY: step, f"{prefix}dataset/count": number, "cost/total_cost": number}
    return Payload(step, split, values, {"cost/total_cost": number}, 0.0)


def play(program: Program, log: Callable[..., Any], write: Callable[[Payload], Any] | None = None) -> list[Any]:
    """Run `program` against `log` and `write`; return what each call of the trainer raised or returned."""
    return list(played(program, log, write))


def played(program: Program, log: Callable[..., Any], write: Callable[[Payload], Any] | None) -> Iterator[Any]:
    """Run `program` one operation at a time, and yield the outcome of each."""
    for number, operation in enumerate(program):
        if isinstance(operation, Log):
            yield _outcome(log, _data(operation, number), operation)
        else:
            if write is not None:
                write(payload(operation.step, float(number), operation.split))
            yield None


def _data(operation: Log, number: int) -> dict[str, Any]:
    data: dict[str, Any] = {operation.key: 1000.0 + number}
    return {**data, "broken": object()} if operation.broken else data


def _outcome(log: Callable[..., Any], data: dict[str, Any], operation: Log) -> Any:
    try:
        return log(data, step=operation.step, commit=operation.commit)
    except TypeError as error:
        return str(error)


def trainer_values(rows: Iterable[dict[str, Any]]) -> dict[tuple[str, float], int]:
    """Where each value of the trainer is: (key, value) → `_step`."""
    keys = {"loss", "reward", "val_loss"}
    return {(key, row[key]): row["_step"] for row in rows for key in keys & row.keys()}


def payload_places(rows: Iterable[dict[str, Any]]) -> list[tuple[float, int]]:
    """Where each payload is: (its number, `_step`), in the order of the rows, two in one row in their own.

    Rows of W&B's shared mode have no `_step` before they reach a real server.
    """
    keys = {"dataset/count", "val/dataset/count"}
    return [(number, row.get("_step", -1)) for row in rows for number in sorted(row[key] for key in keys & row.keys())]


def payload_numbers(program: Program) -> list[float]:
    """The numbers of all payloads in `program`."""
    return [float(number) for number, operation in enumerate(program) if isinstance(operation, Pay)]


def steps(log: Callable[[int], Iterable[Log]], count: int = 12, *, when: str = "after") -> Program:
    """A trainer of `count` steps whose `log` comes after the flush of the step, or within the step, before it."""
    program: Program = []
    for step in range(1, count + 1):
        calls = list(log(step))
        program += [Pay(step), *calls] if when == "after" else [*calls, Pay(step)]
    return program


def _with_validation(step_of: Callable[[int], int | None], *, when: str) -> Program:
    program: Program = []
    for step in range(1, 13):
        calls = [Log(step=step_of(step))]
        program += [Pay(step), *calls] if when == "after" else [*calls, Pay(step)]
        if step % 3 == 0:
            program += [Pay(step, "val"), Log("val_loss", step=step)]
    return program


PATTERNS: dict[str, Program] = {
    "explicit, after": steps(lambda s: [Log(step=s)]),
    "explicit, within": steps(lambda s: [Log(step=s)], when="within"),
    "explicit, 0-based, after": steps(lambda s: [Log(step=s - 1)]),
    "explicit within, validation later at the same step": _with_validation(lambda s: s, when="within"),
    "explicit after, validation later at the same step": _with_validation(lambda s: s, when="after"),
    "explicit, commit=True": steps(lambda s: [Log(step=s, commit=True)]),
    "explicit, every 4th step": steps(lambda s: [Log(step=s)] if s % 4 == 0 else []),
    "explicit, step counts tokens": steps(lambda s: [Log(step=s * 1000)]),
    "no step, after": steps(lambda _: [Log()]),
    "no step, within": steps(lambda _: [Log()], when="within"),
    "no step, every 4th step": steps(lambda s: [Log()] if s % 4 == 0 else []),
    "no step, 3 logs per step": steps(lambda _: [Log(), Log("reward"), Log("val_loss")]),
    "24 without step, then step=s": steps(lambda s: [*[Log("reward")] * 24, Log(step=s)], count=3),
    "step=s, then one without": steps(lambda s: [Log(step=s), Log("reward")]),
    "no step, then validation at step=s": _with_validation(lambda _: None, when="after"),
    "nothing": steps(lambda _: []),
    "commit=False, then a closing call": steps(lambda s: [Log(commit=False), Log("reward", commit=True)]),
    "steps that run backwards": steps(lambda s: [Log(step=40 - s)]),
    "two payloads per step": [op for s in range(1, 13) for op in (Pay(s), Pay(s), Log(step=s))],
}

_commits = st.sampled_from([None, None, True, False])
_keys = st.sampled_from(["loss", "reward", "val_loss"])
_logs = st.builds(Log, _keys, st.none() | st.integers(-2, 40), _commits, st.sampled_from([False, False, False, True]))
_pays = st.builds(Pay, st.integers(0, 40), st.sampled_from(["train", "train", "val"]))


def _planned(*, count: int, stride: int, offset: int, factor: int, when: str, per_step: int, commit: Any) -> Program:
    """A trainer with a plan: logs every `stride` steps, `per_step` rows, under `factor * step + offset`."""

    def calls(step: int) -> list[Log]:
        if step % stride:
            return []
        at = None if factor == 0 else factor * step + offset
        return [Log(key, at, commit) for key in ("loss", "reward", "val_loss")[:per_step]]

    return steps(calls, count, when=when)


_plans = st.builds(
    _planned,
    count=st.integers(1, 12),
    stride=st.integers(1, 10),
    offset=st.integers(-1, 5),
    factor=st.sampled_from([0, 1, 1, 3, 1000]),
    when=st.sampled_from(["after", "within"]),
    per_step=st.integers(1, 3),
    commit=_commits,
)


@st.composite
def programs(draw: st.DrawFn) -> Program:
    """A random trainer: a plan with noise in it, or noise alone."""
    program = list(draw(_plans)) if draw(st.booleans()) else []
    for operation in draw(st.lists(_logs | _pays, max_size=12)):
        program.insert(draw(st.integers(0, len(program))), operation)
    return program
