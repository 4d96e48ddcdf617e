"""The main file: each class statement in it that could be a trainer gets one more decorator, which looks at the class.

Classes of an imported module are found when it is imported; the main file is not imported, so it is compiled here.
"""

from __future__ import annotations

import ast
import os
from typing import TYPE_CHECKING, Any

from llm_telemetry.names import MAINS, STEP_METHODS
from llm_telemetry.settings.words import TRAINER, parse_targets

if TYPE_CHECKING:
    from types import CodeType

_NOTE = "__import__('llm_telemetry.activation.finder', None, None, ['note']).note"
"""The decorator: an expression that needs no name in the program."""


def compile_script(source: bytes, path: str) -> CodeType:
    """Compile the main file so that the finder sees its classes; lines and positions are the file's."""
    tree = ast.parse(source, path)
    named = any(home in MAINS for home, _ in _targets())
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and (named or _has_step(node)):
            node.decorator_list.insert(0, _note_at(node))
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
    expression = ast.parse(_NOTE, mode="eval").body
    first = node.decorator_list[0] if node.decorator_list else node
    for part in ast.walk(expression):
        ast.copy_location(part, first)
    return expression
