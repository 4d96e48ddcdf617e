"""`llm-telemetry run --dry`: what would be watched, asked of the living trainer before it takes its first step.

The program runs until a trainer is found, by `instrument()` or by its first step, or until an LLM call is about to be
made: then what was found is told, and the program ends as by `sys.exit()`. Nothing is written, no call is made.
"""

from __future__ import annotations

import os
import sys
import threading
from functools import partial
from typing import TYPE_CHECKING, Any, NoReturn

from llm_telemetry import api
from llm_telemetry.activation import launcher
from llm_telemetry.clients import libraries, unheard
from llm_telemetry.doctor.case import Case
from llm_telemetry.doctor.wandb import check_wandb
from llm_telemetry.runs.findings import Finding, Severity, count_to_do, format_findings
from llm_telemetry.session.session import Session
from llm_telemetry.session.sessions import active
from llm_telemetry.settings.config import Config

if TYPE_CHECKING:
    from collections.abc import Sequence

    from llm_telemetry.trainers.description import Description

_NAME_IT = "name it: LLM_TELEMETRY_TRAINER=module:Class, or Class.method for a step of another name; or instrument()"
_NO_RUN = "there is no W&B run so far: without one, payloads go to the JSONL alone"
_wandb = partial(Finding, "W&B", Severity.NOTE)


def run_dry(program: Sequence[str], *, module: bool) -> int:
    """Run a program until it is known what would be watched; returns 0 when a trainer was found, else 1.

    Args:
        program: The script's path or the module's name, and the arguments.
        module: As `python -m`.
    """
    look = _Look(dict(os.environ))
    os.environ["WANDB_MODE"] = "disabled"
    active.append(Session(Config(jsonl=False)))  # calls are heard only where somebody listens
    libraries.watch([])
    api.before_watching.append(look.at_trainer)
    unheard.before_call.append(look.at_call)
    try:
        launcher.run(program, module=module)
    except SystemExit:
        if look.findings is None:
            look.findings = _never("your program ended by itself before a trainer took a step")
    return look.tell("your program has ended, and no trainer took a step in it")


class _Look:
    """What was seen; the first trainer, or the first LLM call, ends the program."""

    def __init__(self, environ: dict[str, str]) -> None:
        self.findings: list[Finding] | None = None
        self._environ = environ
        self._process = os.getpid()

    def at_trainer(self, trainer: Any, found: Description) -> None:
        """Take note of what would be watched, and end the program."""
        self._end([*_watched(found), *self._check_wandb(trainer)])

    def at_call(self) -> None:
        """End the program before anything is spent; a script of functions is looked for at its first call."""
        for find in unheard.unheard.looks:
            find()
        self._end(_never("an LLM call was about to be made, and no trainer was found before it"))

    def tell(self, otherwise: str) -> int:
        """Print what was found, or what is the case otherwise; returns the exit code."""
        findings = self.findings or _never(otherwise)
        to_do = count_to_do(findings)
        end = "Stopped before the first step: no LLM call was made." if not to_do else "Nothing would be watched."
        sys.stdout.write(f"{format_findings(findings)}{end}\n")
        sys.stdout.flush()
        return int(to_do > 0)

    def _end(self, findings: list[Finding]) -> NoReturn:
        """End the program as `sys.exit` does; at once where that would not: in a thread, in a fork, a second time."""
        is_first, self.findings = self.findings is None, self.findings or findings
        if is_first and threading.current_thread() is threading.main_thread() and os.getpid() == self._process:
            raise SystemExit
        code = self.tell("")
        os._exit(code)

    def _check_wandb(self, trainer: Any) -> list[Finding]:
        """Say whether there will be a run, and whether it could begin; here it is disabled."""
        report_to = getattr(getattr(trainer, "args", None), "report_to", None)  # of a Hugging Face trainer
        checks = check_wandb(Case(environ=self._environ))
        if getattr(sys.modules.get("wandb"), "run", None) is not None:
            return [_wandb("your program starts a run; it was disabled for this look"), *checks]
        if report_to is None:
            return [_wandb(_NO_RUN)]
        if "wandb" in report_to or "all" in report_to:
            return [_wandb("report_to names it: the run starts with the training"), *checks]
        return [_wandb(f"report_to={report_to!r}: there will be no run; payloads go to the JSONL alone")]


def _watched(found: Description) -> list[Finding]:
    """Say what would be watched, and what the payload would lack."""
    width = max(len(part.kind) for part in found.parts)
    ok, lacks = partial(Finding, "trainer", Severity.OK), partial(Finding, "missing", Severity.NOTE)
    return [
        ok(f"{found.trainer} would be watched, as the adapter {found.adapter} says"),
        *(ok(f"  {part.kind:<{width}}  {part.owner}.{part.name}") for part in found.parts),
        *map(lacks, found.missing),
    ]


def _never(what: str) -> list[Finding]:
    return [Finding("trainer", Severity.BROKEN, what, _NAME_IT)]
