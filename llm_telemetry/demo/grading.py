"""Marks for answers that are not simply right: how near a result is, how many tests a function passes."""

from __future__ import annotations

import ast
import builtins
from typing import Any

from llm_telemetry.demo.prompts import normalised

RIGHT, NEARLY, HALF, LITTLE, NONE = 1.0, 0.7, 0.4, 0.2, 0.0

_NEAR = 0.1  # relative distance up to which a wrong number counts as near
_MANY_TESTS, _SOME_TESTS = 0.75, 0.5
# fmt: off
_BUILTINS = (
    "abs", "all", "any", "bin", "bool", "chr", "dict", "divmod", "enumerate", "filter", "float",
    "format", "frozenset", "hex", "int", "isinstance", "len", "list", "map", "max", "min", "next",
    "oct", "ord", "pow", "range", "reversed", "round", "set", "sorted", "str", "sum", "tuple", "zip",
    "iter", "AssertionError", "IndexError", "KeyError", "TypeError", "ValueError", "ZeroDivisionError",
)
# fmt: on


def nearness(answer: str, truth: str) -> float:
    """Return the mark of an answer that the judge has not called right."""
    said, meant = normalised(answer), normalised(truth)
    if said == meant:
        return NEARLY
    number = _number(meant)
    return _word_overlap(said, meant) if number is None else _number_nearness(_number(said), number)


def _number(text: str) -> float | None:
    """Read a number, if `text` is one."""
    try:
        return float(text)
    except ValueError:
        return None


def _number_nearness(said: float | None, meant: float) -> float:
    """Mark a wrong number."""
    if said is None:
        return NONE
    return HALF if abs(said - meant) <= _NEAR * abs(meant) else LITTLE


def _word_overlap(said: str, meant: str) -> float:
    """Mark wrong words by those that they share with the right ones."""
    wanted, given = set(meant.split()), set(said.split())
    shared = len(wanted & given) / max(len(wanted), 1)
    if shared == 0:
        return NONE
    return HALF if shared >= _SOME_TESTS else LITTLE


def code_mark(code: str, entry_point: str, test: str) -> float:
    """Return the mark of a function by the share of the test's assertions that it passes."""
    share = passed_share(code, entry_point, test)
    if share >= _SOME_TESTS:
        return RIGHT if share == 1 else NEARLY if share >= _MANY_TESTS else HALF
    return LITTLE if share > 0 else NONE


def passed_share(code: str, entry_point: str, test: str) -> float:
    """Return the share of the assertions in `test`, one a line, that hold for the function in `code`.

    The code runs in this process, without imports, double-underscore names or `while`. That fence stops
    accidents; it is no sandbox against malice.
    """
    namespace = _fenced()
    try:
        _check(code)
        exec(compile(code, "<answer>", "exec"), namespace)  # noqa: S102 - fenced
        candidate = namespace[entry_point]
    except Exception:  # noqa: BLE001 - whatever a model's code raises, it fails its tests
        return 0.0
    lines = test.splitlines()
    return sum(_holds(line, candidate) for line in lines) / len(lines) if lines else 0.0


def _holds(assertion: str, candidate: Any) -> bool:
    """Tell whether one assertion holds."""
    try:
        exec(assertion, _fenced() | {"candidate": candidate})  # noqa: S102 - the dataset's own line
    except Exception:  # noqa: BLE001 - as above
        return False
    return True


def _fenced() -> dict[str, Any]:
    """Return a namespace with harmless builtins only."""
    return {"__builtins__": {name: getattr(builtins, name) for name in _BUILTINS}}


def _check(code: str) -> None:
    """Refuse code that reaches out of the fence, or that may loop without end."""
    for node in ast.walk(ast.parse(code)):
        if isinstance(node, ast.Import | ast.ImportFrom | ast.While):
            raise ValueError(f"{type(node).__name__} is not allowed")  # noqa: TRY004 - of a tree, not of a value
        name = node.attr if isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
        if name.startswith("__"):
            raise ValueError(f"the private name {name} is not allowed in answers")
