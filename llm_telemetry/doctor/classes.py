"""The classes of a program: their methods, and what their attributes seem to hold."""

from __future__ import annotations

import ast
import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from llm_telemetry.doctor.program import dotted_name

if TYPE_CHECKING:
    from collections.abc import Iterator

    from llm_telemetry.doctor.program import Module, Program

Function = ast.FunctionDef | ast.AsyncFunctionDef
_PLAIN = (ast.Constant, ast.JoinedStr, ast.List, ast.Dict, ast.Set, ast.Tuple, ast.ListComp, ast.DictComp, ast.Compare)
_PLAIN_TYPES = {"int", "float", "str", "bool", "bytes", "list", "dict", "tuple", "set", "Path"}


@dataclass(eq=False)
class Class:
    """One class statement."""

    module: Module
    name: str
    """Its qualified name."""
    node: ast.ClassDef
    inside_function: bool
    bases: list[Class] = field(default_factory=list)
    """Those that are in the program too."""
    foreign: list[str] = field(default_factory=list)
    """The others, by what their names stand for."""

    @property
    def place(self) -> str:
        """File and line."""
        return f"{self.module.path.name}:{self.node.lineno}"

    def lineage(self) -> list[Class]:
        """Return the class and what it inherits from, in about the order in which names are looked up."""
        found: list[Class] = [self]
        for one in found:
            found.extend(base for base in one.bases if base not in found)
        return found

    def methods(self) -> dict[str, Function]:
        """Return all methods by name."""
        return {name: node for cls in reversed(self.lineage()) for name, node in cls.own_methods().items()}

    def own_methods(self) -> dict[str, Function]:
        """Return those that the class statement itself defines."""
        return {node.name: node for node in self.node.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)}


class Classes:
    """All classes of a program."""

    def __init__(self, program: Program) -> None:
        self._program = program
        self.by_name: dict[str, Class] = {}
        """By what their names stand for, such as `lib.training.Trainer`."""
        for module in program.modules.values():
            for cls in _classes_in(module, module.tree, "", inside_function=False):
                self.by_name[f"{module.name}.{cls.name}"] = cls
        for cls in self.by_name.values():
            self._find_bases(cls)

    def _find_bases(self, cls: Class) -> None:
        for node in cls.node.bases:
            name = dotted_name(node.value if isinstance(node, ast.Subscript) else node)
            if name is None or name == "object":
                continue
            full = self._program.resolve(cls.module, name)
            if full in self.by_name:
                cls.bases.append(self.by_name[full])
            elif not full.startswith(f"{cls.module.name}."):
                cls.foreign.append(full)

    def attributes(self, cls: Class) -> dict[str, Class | None]:
        """Return the attributes that an object has, with their classes as far as those are known.

        What is plainly a number, a text, a container or of the standard library is left out.
        """
        found: dict[str, Class | None] = {}
        for one in reversed(cls.lineage()):
            for name, known in self._own_attributes(one):
                found[name] = known or found.get(name)
        return found

    def _own_attributes(self, cls: Class) -> Iterator[tuple[str, Class | None]]:
        for node in cls.node.body:  # a dataclass
            if isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name) and not _is_plain(node.annotation):
                yield node.target.id, self._annotated(cls.module, node.annotation)
        for method in cls.own_methods().values():
            own = method.args.args[0].arg if method.args.args else ""
            for target, value, annotation in _assignments(method):
                if isinstance(target, ast.Attribute) and dotted_name(target.value) == own:
                    if self._is_plain_value(cls, value, annotation, method):
                        continue
                    yield target.attr, self._annotated(cls.module, annotation) or self._made(cls, value, method)

    def _is_plain_value(
        self, cls: Class, value: ast.expr | None, annotation: ast.expr | None, method: Function
    ) -> bool:
        if annotation is not None and _is_plain(annotation):
            return True
        if isinstance(value, ast.Call) and self._is_of_stdlib(cls.module, dotted_name(value.func)):
            return True
        parameter = _parameter(method, value)
        return isinstance(value, _PLAIN) or (parameter is not None and _is_plain(parameter.annotation))

    def _is_of_stdlib(self, module: Module, name: str | None) -> bool:
        """Tell whether a name is imported from the standard library: a thread pool is nobody's executor."""
        return name is not None and self._program.resolve(module, name).partition(".")[0] in sys.stdlib_module_names

    def _made(self, cls: Class, value: ast.expr | None, method: Function) -> Class | None:
        """Return the class of what an expression gives: a class that is called, or a parameter with a type."""
        if isinstance(value, ast.BoolOp):
            return next((made for part in value.values if (made := self._made(cls, part, method))), None)
        if isinstance(value, ast.IfExp):
            return self._made(cls, value.body, method) or self._made(cls, value.orelse, method)
        if isinstance(value, ast.Call):
            return self._named(cls.module, dotted_name(value.func))
        parameter = _parameter(method, value)
        return None if parameter is None else self._annotated(cls.module, parameter.annotation)

    def _annotated(self, module: Module, annotation: ast.expr | None) -> Class | None:
        """Return the class that an annotation names, also as text, or with `| None`."""
        names = () if annotation is None else _names_in(annotation)
        return next((found for name in names if (found := self._named(module, name))), None)

    def _named(self, module: Module, name: str | None) -> Class | None:
        return None if name is None else self.by_name.get(self._program.resolve(module, name))


def _classes_in(module: Module, node: ast.AST, prefix: str, *, inside_function: bool) -> Iterator[Class]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.ClassDef):
            yield Class(module, prefix + child.name, child, inside_function)
            yield from _classes_in(module, child, f"{prefix}{child.name}.", inside_function=inside_function)
        elif isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _classes_in(module, child, f"{prefix}{child.name}.<locals>.", inside_function=True)
        else:
            yield from _classes_in(module, child, prefix, inside_function=inside_function)


def _assignments(method: Function) -> Iterator[tuple[ast.expr, ast.expr | None, ast.expr | None]]:
    """Yield target, value and annotation of each assignment."""
    for node in ast.walk(method):
        if isinstance(node, ast.Assign):
            yield from ((target, node.value, None) for target in node.targets)
        elif isinstance(node, ast.AnnAssign):
            yield node.target, node.value, node.annotation


def _parameter(method: Function, value: ast.expr | None) -> ast.arg | None:
    parameters = [*method.args.posonlyargs, *method.args.args, *method.args.kwonlyargs]
    return next((one for one in parameters if isinstance(value, ast.Name) and one.arg == value.id), None)


def _names_in(annotation: ast.expr) -> Iterator[str | None]:
    for node in ast.walk(annotation):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            try:
                yield from _names_in(ast.parse(node.value, mode="eval").body)
            except SyntaxError:  # a text of `Literal` or `Annotated`
                continue
        else:
            yield dotted_name(node)


def _is_plain(annotation: ast.expr | None) -> bool:
    head = annotation.value if isinstance(annotation, ast.Subscript) else annotation
    return dotted_name(head) in _PLAIN_TYPES
