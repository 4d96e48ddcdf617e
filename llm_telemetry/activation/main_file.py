"""The main file: what could be a trainer in it is looked at as soon as it is made.

Each class statement that has a step method gets one more decorator, which looks at the class, and behind the last
function is one more expression, which looks at all of them.

Classes of an imported module are found when it is imported; the main file is not imported, so it is compiled here.
"""

from __future__ import annotations

import ast
import os
from typing import TYPE_CHECKING, Any, TypeVar

from llm_telemetry.names import MAINS, STEP_METHODS
from llm_telemetry.words import TRAINER, parse_targets

if TYPE_CHECKING:
    from types import CodeType

N = TypeVar("N", bound=ast.AST)

_NOTE = "__import__('llm_telemetry.activation.finder', None, None, ['note']).note"
"""The decorator: an expression that needs no name in the program."""
_DEFINED = _NOTE.replace("note", "defined") + "()"


def compile_script(source: bytes, path: str) -> CodeType:
    """Compile the main file so that the finder sees its classes; lines and positions are the file's."""
    tree = ast.parse(source, path)
    named = any(home in MAINS for home, _ in _targets())
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and (named or _has_step(node)):
            node.decorator_list.insert(0, _note_at(node))
    functions = [i for i, node in enumerate(tree.body) if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)]
    if functions:
        last = functions[-1]
        tree.body.insert(last + 1, _placed(ast.Expr(ast.parse(_DEFINED, mode="eval").body), tree.body[last]))
    return compile(tree, path, "exec", dont_inherit=True)


def compile_module(loader: Any, name: str) -> CodeType | None:
    """Compile a module that `python -m` is about to run, in the same way; `None` where that cannot be done."""
    try:
        path = loader.get_filename(name)
        return compile_script(loader.get_data(path), path) if path.endswith(".py") else None
    except SyntaxError:
        return None  # Python will say it


def _targets() -> tuple[tuple[str, str], ...]:
    try:
        return parse_targets(os.environ.get(TRAINER, ""))
    except ValueError:
        return ()


def _has_step(node: ast.ClassDef) -> bool:
    return any(getattr(statement, "name", None) in STEP_METHODS for statement in node.body)


def _note_at(node: ast.ClassDef) -> ast.expr:
    """Return the decorator at the place of the outermost one."""
    first = node.decorator_list[0] if node.decorator_list else node
    return _placed(ast.parse(_NOTE, mode="eval").body, first)


def _placed(new: N, place: ast.AST) -> N:
    """Give a piece of code that we add the place of one that is there."""
    for part in ast.walk(new):
        ast.copy_location(part, place)
    return new
