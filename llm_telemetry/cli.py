"""The command `llm-telemetry`."""

from __future__ import annotations

import argparse
import gc
import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from llm_telemetry import __version__
from llm_telemetry.settings.variables import VARIABLES, Variable, VariableError

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from llm_telemetry.runs.history import Run

_PARSER = "LLM_TELEMETRY_JUDGE_PARSER"
_NEEDS_EXTRA = "the demo's trainer needs numpy and rich: pip install 'llm_telemetry[demo]'"
_NEEDS_RICH = "it needs rich: pip install 'llm_telemetry[report]'"
_NEEDS_WORKSPACES = "it needs wandb-workspaces: pip install 'llm_telemetry[dashboard]'"
_RUN = "a JSONL, a folder with runs, or entity/project/run (default: the newest run below the working directory)"


class _StopError(Exception):
    """A command cannot go on; its message is for the user."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code."""
    ours, program = _split(sys.argv[1:] if arguments is None else arguments)
    parser = _parser()
    options = parser.parse_args(ours)
    if options.command == "run":
        return _run(parser, options, program)
    try:
        return _COMMANDS[options.command](options)
    except _StopError as error:
        sys.stderr.write(str(error))
        return 2


def _split(arguments: Sequence[str]) -> tuple[list[str], list[str]]:
    """Cut `run`'s own options from the program and its arguments, which are nobody's business."""
    if list(arguments[:1]) != ["run"]:
        return [*arguments], []
    i = 1
    while i < len(arguments) and arguments[i].startswith("-") and arguments[i] not in ("-m", "-h", "--help"):
        i += 1 if "=" in arguments[i] or arguments[i] == "--dry" else 2
    helps = arguments[i : i + 1] in (["-h"], ["--help"])
    return [*arguments[: i + helps]], [*arguments[i + helps :]]


def _run(parser: argparse.ArgumentParser, options: argparse.Namespace, program: Sequence[str]) -> int:
    from llm_telemetry.activation import launcher  # noqa: PLC0415 - nobody else needs it

    module = program[:1] == ["-m"]
    program = program[module:]
    if not program:
        parser.error("run: name a script, or a module with -m")
    for variable in VARIABLES:
        value = getattr(options, variable.name, None)
        if value is not None:
            os.environ[variable.name] = value
            if (
                variable.name != _PARSER
            ):  # it may be a function in the program's own folder, which is not on the path yet
                _check(parser, variable)
    try:
        if options.dry:
            from llm_telemetry.doctor.dry_run import run_dry  # noqa: PLC0415 - the same

            return run_dry(program, module=module)
        return launcher.run(program, module=module)
    except launcher.NoProgramError as error:
        sys.stderr.write(f"llm-telemetry run: {error}\n")
        return 2


def _check(parser: argparse.ArgumentParser, variable: Variable) -> None:
    try:
        variable.read(os.environ)
    except VariableError as error:
        parser.error(f"run: {variable.option}: {error}")


def _demo(options: argparse.Namespace) -> int:
    try:
        from llm_telemetry.demo.run import run_demo  # noqa: PLC0415 - numpy and rich are an extra
    except ModuleNotFoundError as error:
        if error.name not in ("numpy", "rich"):
            raise
        sys.stderr.write(f"llm-telemetry demo: {_NEEDS_EXTRA}\n")
        return 2
    return run_demo(
        steps=options.steps,
        seed=options.seed,
        base_url=options.base_url,
        model=options.model,
        judge_model=options.judge_model,
    )


def _sync(options: argparse.Namespace) -> int:
    from llm_telemetry.runs.sync import add_missing, find_runs  # noqa: PLC0415 - brings wandb

    try:
        runs = find_runs(options.folder)
    except FileNotFoundError as error:
        sys.stderr.write(f"llm-telemetry sync: {error}\n")
        return 2
    for run in runs:
        sys.stdout.write(f"run {run.run_id}: {run.payloads} payloads, {len(run.missing)} of them not in W&B\n")
        if run.missing and run.busy:
            sys.stdout.write("  its process is still alive and may yet write them: try again when it has ended\n")
        elif run.missing:
            sys.stdout.write(f"  added to it in {add_missing(run)}\n")
    return 0


def _doctor(options: argparse.Namespace) -> int:
    from llm_telemetry.doctor import run_doctor  # noqa: PLC0415 - nobody else needs it

    return run_doctor(options.folder, verbose=options.verbose)


def _report(options: argparse.Namespace) -> int:
    from llm_telemetry.report.report import make_report  # noqa: PLC0415 - nobody else needs it

    gc.disable()  # a long run is millions of numbers without a circle: a third of the time would go into looking
    try:
        report = make_report([_find(options, named) for named in options.runs or [None]])
    finally:
        gc.enable()
    if options.html is not None or options.open:
        from llm_telemetry.report.page import write_page  # noqa: PLC0415 - the same

        page = options.html or Path("llm_telemetry_report.html")
        try:
            write_page(report, page, show=options.open)
        except OSError as error:
            raise _StopError(f"llm-telemetry report: {page} cannot be written: {error.strerror}\n") from None
        return 0
    try:
        from llm_telemetry.report.terminal import show_report  # noqa: PLC0415 - rich is an extra
    except ModuleNotFoundError:
        raise _StopError(f"llm-telemetry report: {_NEEDS_RICH}; the page does not: --html out.html\n") from None
    show_report(report)
    return 0


def _audit(options: argparse.Namespace) -> int:
    from llm_telemetry.report.audit import audit, print_audit  # noqa: PLC0415 - nobody else needs it

    return print_audit(audit(_find(options, options.run)), as_json=options.json)


def _watch(options: argparse.Namespace) -> int:
    try:
        from llm_telemetry.report.watch import watch  # noqa: PLC0415 - rich is an extra
    except ModuleNotFoundError:
        raise _StopError(f"llm-telemetry watch: {_NEEDS_RICH}\n") from None
    return watch(options.run, steps=options.steps, once=options.once)


def _dashboard(options: argparse.Namespace) -> int:
    from llm_telemetry.report.dashboard import build, print_plan  # noqa: PLC0415 - nobody else needs it

    run = _find(options, options.run)
    if options.dry_run:
        print_plan(run)
        return 0
    if options.leet:
        return _leet(run)
    if not (options.entity and options.project):
        raise _StopError(
            "llm-telemetry dashboard: say where to save it, --entity E --project P; or --leet, or --dry-run\n"
        )
    try:
        workspace = build(run, options.entity, options.project)
    except ModuleNotFoundError:
        raise _StopError(f"llm-telemetry dashboard: {_NEEDS_WORKSPACES}\n") from None
    sys.stdout.write(f"{workspace.save().url}\n")
    return 0


def _leet(run: Run) -> int:
    from llm_telemetry.report.leet import write_view  # noqa: PLC0415 - nobody else needs it
    from llm_telemetry.runs.findings import show_path  # noqa: PLC0415 - the same

    try:
        folder = write_view(run)
    except LookupError as error:
        raise _StopError(f"llm-telemetry dashboard: {error}, where `wandb leet` would look\n") from None
    sys.stdout.write(f"wandb leet {show_path(folder)}\n")
    return 0


def _find(options: argparse.Namespace, named: str | None) -> Run:
    """Return the run that is meant; where there is none the command ends, with the reason."""
    from llm_telemetry.runs.find import find_run  # noqa: PLC0415 - nobody else needs it
    from llm_telemetry.runs.history import NoRunError  # noqa: PLC0415 - the same

    try:
        return find_run(named)
    except NoRunError as error:
        raise _StopError(f"llm-telemetry {options.command}: {error}\n") from None


_COMMANDS: Mapping[str, Callable[[argparse.Namespace], int]] = {
    "audit": _audit,
    "dashboard": _dashboard,
    "demo": _demo,
    "doctor": _doctor,
    "report": _report,
    "sync": _sync,
    "watch": _watch,
}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="llm-telemetry", description="Accuracy by dataset, judge health and cost of an RL trainer's LLM calls."
    )
    parser.add_argument("--version", action="version", version=f"%(prog)s {__version__}")
    commands = parser.add_subparsers(required=True, metavar="COMMAND", dest="command")
    run = commands.add_parser(
        "run",
        help="run your program as python does, with its trainers watched",
        usage="llm-telemetry run [OPTIONS] (SCRIPT | -m MODULE) [ARGUMENTS ...]",
        description="Runs SCRIPT, or MODULE, as python does, with LLM_TELEMETRY=1 for it and its children. Each option "
        "sets the environment variable of the same name.",
    )
    run.add_argument(
        "--dry", action="store_true", help="say what would be watched, and stop before the first step or LLM call"
    )
    for variable in VARIABLES[1:]:
        run.add_argument(variable.option, dest=variable.name, metavar="VALUE", help=f"{variable.allowed}")
    _add_readers(commands)
    demo = commands.add_parser("demo", help="train a small policy for real, against a scripted server, and watch it")
    demo.add_argument("--steps", type=_positive, default=12, help="training steps (default: 12)")
    demo.add_argument("--seed", type=int, default=0, help="of everything that is drawn (default: 0)")
    demo.add_argument("--base-url", help="an OpenAI-compatible endpoint instead of the scripted server")
    demo.add_argument("--model", help="the executor's model there (needs --base-url)")
    demo.add_argument("--judge-model", help="the judge's model there (default: --model)")
    doctor = commands.add_parser("doctor", help="say whether all is in place, and how the last run went")
    doctor.add_argument("--verbose", action="store_true", help="with every detail")
    doctor.add_argument(
        "--folder", type=Path, help="where to look for the last run (default: ./wandb, ./llm_telemetry)"
    )
    sync = commands.add_parser("sync", help="add payloads that W&B has lost in a crash to their run, from the JSONL")
    sync.add_argument(
        "folder", type=Path, nargs="?", default=Path("wandb"), help="a run's folder, or the folder of runs"
    )
    return parser


def _add_readers(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Add the commands that read a run back."""
    report = commands.add_parser("report", help="say what a run's numbers mean, in the terminal or as a page")
    report.add_argument("runs", metavar="RUN", nargs="*", help=f"{_RUN}; several are compared")
    report.add_argument("--html", type=Path, metavar="FILE", help="write a page that needs nothing else")
    report.add_argument("--open", action="store_true", help="write the page, and open it")
    dashboard = commands.add_parser("dashboard", help="save a workspace in W&B, made of the keys that a run has")
    dashboard.add_argument("run", metavar="RUN", nargs="?", help=_RUN)
    dashboard.add_argument("--entity", help="whose project it is")
    dashboard.add_argument("--project", help="where the workspace is saved")
    dashboard.add_argument(
        "--leet", action="store_true", help="write the view of `wandb leet`, beside the run, instead"
    )
    dashboard.add_argument("--dry-run", action="store_true", help="print what would be saved")
    watch = commands.add_parser("watch", help="follow a running training in the terminal")
    watch.add_argument(
        "run", metavar="RUN", nargs="?", help="a JSONL or a folder (default: the newest run below this one)"
    )
    watch.add_argument("--steps", type=_positive, help="how many steps the training has, for a line of progress")
    watch.add_argument("--once", action="store_true", help="show what there is, and stop")
    audit = commands.add_parser("audit", help="say what is wrong with a run; exit code 1 for warnings, 2 for broken")
    audit.add_argument("run", metavar="RUN", nargs="?", help=_RUN)
    audit.add_argument("--json", action="store_true", help="as a list of findings")


def _positive(text: str) -> int:
    number = int(text) if text.isdecimal() else 0
    if number < 1:
        raise argparse.ArgumentTypeError(f"must be a whole number of at least 1, not {text!r}")
    return number
