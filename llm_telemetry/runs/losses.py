"""What a run has lost, as far as its own files tell, and whether its judge was well."""

from __future__ import annotations

from collections import Counter
from functools import partial
from typing import TYPE_CHECKING

from llm_telemetry import events
from llm_telemetry.alarm.health import cause_of
from llm_telemetry.collectors import keys
from llm_telemetry.events import ROLES
from llm_telemetry.runs.findings import Finding, Severity, format_count, show_path
from llm_telemetry.runs.sync import find_runs
from llm_telemetry.settings.limits import API_FAILURES, PARSE_FAILURES
from llm_telemetry.sinks.jsonl import FILE_NAME

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from llm_telemetry.alarm.health import Cause
    from llm_telemetry.runs.history import Run

LOST = 0.05
"""Share of calls from which on it matters that they are attributed to nobody, or tell no tokens."""
_ROWS = "log with the same step= within a step and never a lower one later, see docs/wandb.md; or rescue_rows=True"
_ERRORS = "the run's log, logger llm_telemetry, has each of them once; please report it"
_OTHER = "name what makes them: instrument(trainer, executor=…, reward=…, policy=…)"
_NO_USAGE = 'ask for it in streams: stream_options={"include_usage": True}; else the server does not tell'


_loss, _note, _well = (
    partial(Finding, "last run", severity) for severity in (Severity.WARNING, Severity.NOTE, Severity.OK)
)


def check_losses(run: Run) -> list[Finding]:
    """Look for what is known to be lost; nobody knows of calls that were never seen."""
    found = [*_check_counters(run), *_check_calls(run), *_check_judge(run), *_check_wandb(run)]
    if any(finding.severity >= Severity.WARNING for finding in found):
        return found
    seen = format_count(sum(run.sums[keys.CALLS.of(role=role)] for role in ROLES), "call")
    return [*found, _well(f"of what was seen ({seen}) nothing is known to be lost")]


_COUNTERS = (
    (keys.ROWS_DROPPED.name, "row|s of your trainer dropped by W&B, with us or without", _ROWS),
    (keys.TELEMETRY_ERRORS.name, "failure|s of telemetry's own", _ERRORS),
)


def _check_counters(run: Run) -> list[Finding]:
    counted = [(int(run.latest.get(key, 0)), what, advice) for key, what, advice in _COUNTERS]
    return [
        _loss(f"{number:,} {what.replace('|s', '' if number == 1 else 's')}", advice)
        for number, what, advice in counted
        if number
    ]


def _check_calls(run: Run) -> list[Finding]:
    """Look for calls that belong to nobody, and calls that did not tell their tokens."""
    findings = []
    calls = {role: run.sums[keys.CALLS.of(role=role)] for role in ROLES}
    other, all_calls = calls["other"], sum(calls.values())
    if other:
        what = f"{other:,} of {format_count(all_calls, 'call')} belong to no executor, judge or policy"
        findings.append(_lost(what, other, all_calls, _OTHER))
    for role, number in calls.items():
        silent = run.sums[keys.NO_USAGE.of(role=role)]
        if silent:
            what = (
                f"{silent:,} of {format_count(number, f'{role} call')} did not tell their tokens: their cost is unknown"
            )
            findings.append(_lost(what, silent, number, _NO_USAGE))
    return findings


def _lost(what: str, part: int, whole: int, advice: str) -> Finding:
    """Tell of a few, and give advice from some on."""
    return _loss(what, advice) if part > LOST * whole else _note(what)


def _check_judge(run: Run) -> list[Finding]:
    evaluations = run.sums[keys.EVALUATIONS.name]
    if not evaluations:
        return []
    of_all = format_count(evaluations, "judge evaluation")
    parse = run.share(keys.PARSE_FAILURE_RATE.name, keys.EVALUATIONS.name)
    api = run.share(keys.API_FAILURE_RATE.name, keys.EVALUATIONS.name)
    undecided = run.sums[keys.UNDECIDED.name]
    findings = []
    if undecided:
        what = f"{undecided:,} of {of_all} are undecided: the judge's words are not known here"
        findings.append(_lost(what, undecided, evaluations, "give judge_parser, or look at some: capture_failures=3"))
    if parse > PARSE_FAILURES:
        what = f"{parse:.1%} of {of_all} ended in text without a readable verdict"
        findings.append(_loss(what, _likely(run, events.PARSE_FAILURES)))
    if api > API_FAILURES:
        what = f"{api:.1%} of {of_all} got no usable answer"
        findings.append(_loss(what, _likely(run, events.API_FAILURES)))
    return findings or [_well(f"judge: {of_all}, {parse:.1%} unreadable, {api:.1%} without an answer")]


def _likely(run: Run, kinds: Iterable[str]) -> str:
    """Return what most of the failures of these kinds speak for, and what to do."""
    causes: Counter[Cause] = Counter()
    for kind in kinds:
        causes[cause_of(kind)] += run.sums[keys.FAILURES.of(failure=kind)]
    cause, failures = causes.most_common(1)[0]
    if not failures:
        return "its causes were not written"
    return f"likely cause: {cause.name} ({failures:,} of {causes.total():,}). {cause.advice}"


def _check_wandb(run: Run) -> list[Finding]:
    """Look for payloads that are in the JSONL and not in the W&B run."""
    if run.run_id is None:
        return [_note("there was no W&B run: the JSONL is all there is")]
    if not run.files:
        return [_note(f"W&B run {run.run_id}: read from W&B itself, so what its JSONL has cannot be compared")]
    file = run.files[-1]
    if file.name != FILE_NAME or "run-" not in file.parent.name:
        return [_note(f"W&B run {run.run_id}: its folder is elsewhere, so what it has cannot be compared")]
    return [_compare(run, file)]


def _compare(run: Run, file: Path) -> Finding:
    """Say what the W&B run in whose folder the JSONL lies has of it."""
    try:
        (found,) = find_runs(file.parent)
    except ImportError:
        return _note(f"W&B run {run.run_id}: what it has cannot be read without wandb")
    folder = show_path(file.parent)
    if found.busy:
        return _note(f"W&B run {run.run_id} is still going on")
    if found.missing:
        missing = f"{len(found.missing):,} of {format_count(found.payloads, 'payload')}"
        return _loss(f"{missing} are not in W&B run {run.run_id}", f"llm-telemetry sync {folder}")
    upload = f"wandb sync {folder} uploads it" if found.offline else ""
    return _well(f"all {format_count(found.payloads, 'payload')} are in W&B run {run.run_id}", upload)
