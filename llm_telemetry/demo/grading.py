"""Marks for answers that are not simply right: how near a result is, how many tests a function passes."""

from __future__ import annotations

import ast
import builtins
from typing import Any

from llm_telemetry.demo.prompts import normalised

RIGHT, NEARLY, HALF, LITTLE, NONE = 1.0, 0.7, 0.4, 0.2, 0.0

_NEAR = 0.1  # relative distance up to which a wrong number counts as near
_MARKS = ((1.0, RIGHT), (0.75, NEARLY), (0.5, HALF), (1e-9, LITTLE))  # by the share that is reached at least
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
    try:
        return HALF if abs(float(said) - float(meant)) <= _NEAR * abs(float(meant)) else LITTLE
    except ValueError:  # words: marked by those that they share with the right ones
        wanted = set(meant.split())
        return min(HALF, _mark(len(wanted & set(said.split())) / max(len(wanted), 1)))


def code_mark(code: str, entry_point: str, test: str) -> float:
    """Return the mark of a function by the share of the test's assertions that it passes."""
    return _mark(passed_share(code, entry_point, test))


def passed_share(code: str, entry_point: str, test: str) -> float:
    """Return the share of the assertions in `test`, one a line, that hold for the function in `code`.

    The code runs in this process, without imports, double-underscore names or `while`. That fence stops
    accidents; it is no sandbox against malice.
    """
    namespace = _fenced()
    if not _runs(code, namespace) or entry_point not in namespace:
        return 0.0
    lines = test.splitlines()
    return sum(_runs(line, _fenced() | {"candidate": namespace[entry_point]}) for line in lines) / max(len(lines), 1)


def _mark(share: float) -> float:
    """Return the mark of a share between 0 and 1."""
    return next((mark for least, mark in _MARKS if share >= least), NONE)


def _runs(code: str, namespace: dict[str, Any]) -> bool:
    """Run code in the fence, and tell whether nothing was raised."""
    try:
        _check(code)
        exec(compile(code, "<answer>", "exec"), namespace)  # noqa: S102 - fenced
    except Exception:  # noqa: BLE001 - whatever a model's code raises, it fails its tests
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
