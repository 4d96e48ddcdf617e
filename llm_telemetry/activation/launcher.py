"""`llm-telemetry run`: a program as plain `python` runs it, in this process, with the classes of its main file seen."""

from __future__ import annotations

import builtins
import os
import runpy
import sys
from importlib.machinery import SourceFileLoader
from types import ModuleType, TracebackType
from typing import TYPE_CHECKING, Any

from llm_telemetry.activation.finder import install
from llm_telemetry.activation.main_file import compile_script
from llm_telemetry.guard import attempt
from llm_telemetry.words import VARIABLE

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence


class NoProgramError(Exception):
    """There is nothing to run; the message is Python's own."""


def run(program: Sequence[str], *, module: bool) -> int:
    """Run a script, or with `module` a module, with its arguments; what it raises goes on as it is.

    Args:
        program: The script's path or the module's name, and the arguments.
        module: As `python -m`.
    """
    os.environ[VARIABLE] = os.environ.get(VARIABLE) or "1"  # for its children too
    install(attempt)
    before = _begin_main()
    try:
        if module:
            _run_module(program)
        else:
            _run_script(program)
    except BaseException:
        sys.excepthook = _hide_launcher(sys.excepthook)
        raise
    del before  # the module whose command we are; its functions are on the stack
    return 0


def _begin_main() -> ModuleType:
    """Put a fresh `__main__` in place, as Python's own start does; returns the former."""
    main = ModuleType("__main__")
    if sys.version_info < (3, 14):
        main.__annotations__ = {}
    vars(main)["__builtins__"] = builtins
    former, sys.modules["__main__"] = sys.modules["__main__"], main
    return former


def _run_script(program: Sequence[str]) -> None:
    script = program[0]
    path = script if os.path.isabs(script) else os.path.join(os.getcwd(), script)  # noqa: PTH109, PTH117, PTH118 - as Python does
    try:
        with open(script, "rb") as file:  # noqa: PTH123 - the path as it was typed is what Python reports
            source = file.read()
    except OSError as error:
        raise NoProgramError(f"can't open file {path!r}: [Errno {error.errno}] {error.strerror}") from error
    sys.argv = [*program]
    _set_first_path(os.path.dirname(os.path.realpath(script)))  # noqa: PTH120 - as Python does
    names = vars(sys.modules["__main__"])
    names["__loader__"] = SourceFileLoader("__main__", path)
    names.update(__file__=path, __cached__=None)
    _call(exec, compile_script(source, path), names)


def _run_module(program: Sequence[str]) -> None:
    """Run a module by the means of `python -m`; the finder has it compiled by us."""
    sys.argv = ["-m", *program[1:]]
    _set_first_path(os.getcwd())  # noqa: PTH109 - as Python does
    _call(runpy._run_module_as_main, program[0])  # type: ignore[attr-defined]


def _set_first_path(folder: str) -> None:
    """Replace the folder of the command by the program's; there is none with `-I` and `-P`."""
    if not (sys.flags.isolated or getattr(sys.flags, "safe_path", False)):
        sys.path[0] = folder


def _call(function: Callable[..., Any], *arguments: Any) -> None:
    function(*arguments)


def _hide_launcher(show: Callable[..., Any]) -> Callable[..., Any]:
    """Have a traceback shown from the program's first frame on."""

    def excepthook(kind: type[BaseException], error: BaseException, trace: TracebackType | None) -> None:
        while trace is not None and trace.tb_frame.f_code is not _call.__code__:
            trace = trace.tb_next
        shown = None if trace is None else trace.tb_next
        show(kind, error.with_traceback(shown), shown)

    return excepthook
