"""The doors by which a trainer's calls come to us: none looks at what is the trainer's outside of the guard."""

import ast
import sys

import pytest

from tests.chaos import breaking
from tests.support.children import ROOT, python

SIGNATURE = ["wrapped", "instance", "args", "kwargs"]
"""Of a wrapper of wrapt's, by which hooks are found; `_instance` where it is not used."""


def hooks():
    """Yield every function of the package that takes the place of another one."""
    for path in sorted(breaking.PACKAGE.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.FunctionDef) and [a.arg.lstrip("_") for a in node.args.args] == SIGNATURE:
                yield pytest.param(node, id=f"{path.relative_to(breaking.PACKAGE)}:{node.name}")


def results_in(function):
    """Yield the names of what the wrapped function has given."""
    for node in ast.walk(function):
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call) and "wrapped" in ast.dump(node.value.func):
            yield from (name.id for target in node.targets for name in ast.walk(target) if isinstance(name, ast.Name))


def is_harmless(name, parent):
    """Tell whether nothing of the trainer's runs here: it is handed on, called as it would be, or seen from outside."""
    if isinstance(parent, ast.Call):
        return parent.func is not name or name.id == "wrapped"
    if isinstance(parent, ast.Compare):
        return all(isinstance(operator, ast.Is | ast.IsNot) for operator in parent.ops)
    if isinstance(parent, ast.Attribute):
        return (name.id, parent.attr) == ("kwargs", "get")
    if isinstance(parent, ast.Subscript | ast.BoolOp | ast.UnaryOp | ast.If):
        return name.id in ("args", "kwargs")  # a tuple and a dict of Python's own
    return isinstance(parent, ast.Starred | ast.keyword | ast.Return | ast.Tuple | ast.IfExp)


@pytest.mark.parametrize("function", list(hooks()))
def test_a_hook_looks_at_nothing_of_the_trainer_s_outside_of_the_guard(function):
    foreign = {argument.arg for argument in function.args.args} | set(results_in(function)) - {"scope"}
    wrong = [
        ast.unparse(parent)
        for parent in ast.walk(function)
        for name in ast.iter_child_nodes(parent)
        if isinstance(name, ast.Name) and isinstance(name.ctx, ast.Load) and name.id in foreign
        if not is_harmless(name, parent)
    ]
    assert wrong == []


def test_hooks_are_found():
    assert len(list(hooks())) >= 15


@pytest.mark.long
@pytest.mark.skipif(sys.gettrace() is not None, reason="it traces, and so does what measures coverage")
def test_whichever_function_of_ours_raises_a_trainer_sees_nothing_of_it():
    scenes = ("awkward", "by_hand", "openai_async", "wandb_model")  # `make chaos` plays all of them
    done = python("-m", "tests.chaos.doors", *scenes, cwd=ROOT, check=False)
    assert done.returncode == 0, done.stdout[-5000:]
