"""A script and the local modules that it imports: parsed, and never executed."""

from __future__ import annotations

import ast
import sys
from collections import deque
from dataclasses import dataclass, field
from importlib.machinery import PathFinder
from pathlib import Path
from typing import TYPE_CHECKING

import _llm_telemetry_autostart as autostart

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Sequence

MAIN = "__main__"
LARGEST = 500
"""Modules that are read."""
_OURS, _DEMO = "llm_telemetry", "llm_telemetry.demo"
_BY_NAME = ("import_module", "__import__")


@dataclass(frozen=True)
class Module:
    """One file."""

    name: str
    path: Path
    package: str
    """What its relative imports are relative to."""
    tree: ast.Module
    imports: dict[str, str]
    """Each name that an import binds, and what it stands for, such as `lib.training.Trainer`."""


@dataclass(frozen=True)
class Program:
    """What could be read."""

    modules: dict[str, Module] = field(default_factory=dict)
    """By name; the script is `__main__`."""
    libraries: set[str] = field(default_factory=set)
    """Top-level names of what is imported from elsewhere."""
    unread: list[str] = field(default_factory=list)
    """What could not be read or followed, in words."""

    @property
    def main(self) -> Module:
        """The script."""
        return self.modules[MAIN]

    def resolve(self, module: Module, dotted: str) -> str:
        """Return what a dotted name in a module stands for; through modules that only pass it on, too."""
        for _ in range(10):
            head, dot, rest = dotted.partition(".")
            if head not in module.imports:
                return f"{module.name}.{dotted}"
            dotted = module.imports[head] + dot + rest
            home = self._home(dotted)
            if home is None:
                return dotted
            module, dotted = self.modules[home], dotted[len(home) + 1 :]
        return dotted

    def _home(self, dotted: str) -> str | None:
        """Return the longest beginning of a dotted name that is a module which was read, with something behind it."""
        parts = dotted.split(".")
        names = (".".join(parts[:n]) for n in range(len(parts) - 1, 0, -1))
        return next((name for name in names if name in self.modules), None)


def read_program(script: Path, named: Collection[str] = ()) -> Program:
    """Parse a script, and every module of its own that it imports, wherever in the file.

    Args:
        script: The file.
        named: Modules that are read too, even a library's.

    Raises:
        OSError: The script cannot be read.
        SyntaxError: It is no Python.
    """
    package, top = _package_of(script)
    program = Program()
    program.modules[MAIN] = _parse(script, MAIN, package)
    path = [str(script.absolute().parent), *sys.path[1:], str(top), str(Path.cwd())]
    names = deque([*_imported(program.main, program), *named])
    while names and len(program.modules) < LARGEST:
        name = names.popleft()
        found = _follow(name, path, program, library_too=name in named or name.startswith(_DEMO))
        if found is not None:
            names.extend(_imported(found, program))
    return program


def locate(name: str, path: Sequence[str]) -> Path | None:
    """Return the source file of a module; its packages are not imported, as `importlib.util.find_spec` would do."""
    origin: str | None = None
    for part in name.split("."):
        spec = PathFinder.find_spec(part, path)
        if spec is None:
            return None
        path, origin = [*(spec.submodule_search_locations or ())], spec.origin
    return Path(origin) if origin is not None and origin.endswith(".py") else None


def dotted_name(node: ast.AST | None) -> str | None:
    """Return `a.b.c` for such an expression, `None` for any other."""
    if isinstance(node, ast.Name):
        return node.id
    if isinstance(node, ast.Attribute):
        owner = dotted_name(node.value)
        return None if owner is None else f"{owner}.{node.attr}"
    return None


def _package_of(script: Path) -> tuple[str, Path]:
    """Return the package that a script lies in, and the folder that this package is imported from."""
    folder, names = script.absolute().parent, list[str]()
    while (folder / "__init__.py").exists():
        names.insert(0, folder.name)
        folder = folder.parent
    return ".".join(names), folder


def _parse(file: Path, name: str, package: str) -> Module:
    tree = ast.parse(file.read_bytes(), str(file))
    module = Module(name, file, package, tree, {})
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                bound = alias.asname or alias.name.partition(".")[0]
                module.imports[bound] = alias.name if alias.asname else bound
        elif isinstance(node, ast.ImportFrom):
            base = _base(node, package)
            module.imports.update({alias.asname or alias.name: f"{base}.{alias.name}" for alias in node.names})
    return module


def _base(node: ast.ImportFrom, package: str) -> str:
    """Return the module that a `from … import` names, from its dots on."""
    if not node.level:
        return node.module or ""
    parts = package.split(".")[: len(package.split(".")) - node.level + 1]
    return ".".join([*parts, *([node.module] if node.module else [])])


def _imported(module: Module, program: Program) -> Iterator[str]:
    """Yield the names of what a module imports; an imported name may be a module or not."""
    for node in ast.walk(module.tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = _base(node, module.package)
            yield from (base, *(f"{base}.{alias.name}" for alias in node.names))
        elif isinstance(node, ast.Call) and (dotted_name(node.func) or "").rpartition(".")[2] in _BY_NAME and node.args:
            name = node.args[0]
            if isinstance(name, ast.Constant) and isinstance(name.value, str):
                yield name.value
            else:
                program.unread.append(f"{module.path.name}:{node.lineno} imports a module whose name is computed")


def _follow(name: str, path: Sequence[str], program: Program, *, library_too: bool) -> Module | None:
    """Read a module, and the packages above it, unless it is a library's; returns it when it is new."""
    root = name.partition(".")[0]
    if name in program.modules or not root or root in sys.stdlib_module_names:
        return None
    file = None if root == _OURS and not name.startswith(_DEMO) else locate(name, path)
    if file is None or (autostart._is_library(str(file)) and not library_too):
        if root not in program.modules:
            program.libraries.add(root)
        return None
    package = name if file.name == "__init__.py" else name.rpartition(".")[0]
    try:
        program.modules[name] = _parse(file, name, package)
    except (SyntaxError, ValueError, OSError) as error:
        program.unread.append(f"{file.name} cannot be read: {error}")
        return None
    return program.modules[name]
