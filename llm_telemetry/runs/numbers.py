"""What a run has watched and counted; where a kind of numbers is missing, why that may be."""

from __future__ import annotations

import datetime as dt
from functools import partial
from typing import TYPE_CHECKING

from llm_telemetry.collectors import keys
from llm_telemetry.events import ALL_SPLITS, ROLES
from llm_telemetry.runs.findings import Finding, Severity, format_count
from llm_telemetry.runs.history import RECENT

if TYPE_CHECKING:
    from llm_telemetry.runs.history import Run

SHOWN = 8
"""Names of sources in one line."""
_SOURCE = "pass source=… to compute_reward or the executor, or put it into the items; or instrument(trainer, items=…)"
_finding = partial(Finding, "last run")


def check_numbers(run: Run) -> list[Finding]:
    """Say what was watched, and how many rollouts and evaluations were counted."""
    return [_when(run), *_check_parts(run), *_check_dataset(run), *_check_judge(run)]


def _when(run: Run) -> Finding:
    ended = dt.datetime.fromtimestamp(run.time).astimezone().strftime("%Y-%m-%d %H:%M")
    splits = ", ".join(f"{number:,} {split}" for split, number in sorted(run.payloads.items()))
    payloads = format_count(run.payloads.total(), "payload")
    what = f"{run.name}: {payloads} ({splits}), up to step {run.step}, {ended}"
    return _finding(Severity.OK, what)


def _check_parts(run: Run) -> list[Finding]:
    """Say what the finder found, in its own words, which are in the file's first line."""
    if not run.watched:
        return []
    parts = ", ".join(f"{part['kind']} {part['name']}" for part in run.watched["parts"])
    watched = f"watched {run.watched['trainer']} (found by {run.watched['adapter']}): {parts}"
    details = [f"{part['kind']}: {part['owner']}.{part['name']}" for part in run.watched["parts"]]
    settings = ", ".join(f"{name}={value!r}" for name, value in run.watched["settings"].items()) or "none"
    return [
        _finding(Severity.OK, watched),
        *(_finding(Severity.NOTE, lack) for lack in run.watched["missing"]),
        *(_finding(Severity.DETAIL, what) for what in (*details, f"settings other than the defaults: {settings}")),
    ]


def _check_dataset(run: Run) -> list[Finding]:
    """Say whether rollouts were counted, and if not, what was missing."""
    count = run.sums[keys.COUNT.name]
    if not count:
        return [_empty_dataset(run)]
    sources = sorted({source for split in ALL_SPLITS for source in keys.COUNT.sources(run.latest, split)})
    findings = []
    if not any(keys.AVG_REWARD.of(split) in run.latest for split in ALL_SPLITS):
        what = "rollouts are counted, but not one reward was seen"
        findings.append(
            _finding(Severity.WARNING, what, 'name what computes it: instrument(trainer, reward="path.method")')
        )
    if sources == ["unknown"]:
        what = "all rollouts are of the source unknown: no item says which dataset it is from"
        findings.append(_finding(Severity.WARNING, what, _SOURCE))
    listed = f"{', '.join(sources[:SHOWN])}{', …' if len(sources) > SHOWN else ''}"
    return findings or [_finding(Severity.OK, f"{format_count(count, 'rollout')} of {listed}")]


def _empty_dataset(run: Run) -> Finding:
    if not any(run.sums[keys.CALLS.of(role=role)] for role in ROLES):
        what = "dataset statistics are empty: not one LLM call and not one rollout was seen in the steps"
        advice = "does another process make them, or a client that is not known? See docs/how-it-works.md"
    else:
        what = "dataset statistics are empty: calls were seen, but neither an executor nor a reward computer was found"
        advice = 'name them: instrument(trainer, executor="path.method", reward="path.method")'
    return _finding(Severity.WARNING, what, advice)


def _check_judge(run: Run) -> list[Finding]:
    """Say so where the judge's statistics do not move, and why that may be."""
    if not run.sums[keys.EVALUATIONS.name]:
        return [_silent_judge(run)]
    totals = {payload.get(keys.TOTAL_EVALUATIONS.name) for payload in run.recent}
    counted = all(keys.COUNT.name in payload for payload in run.recent)
    if len(run.recent) == RECENT and len(totals) == 1 and None not in totals and counted:
        what = (
            f"judge statistics do not move: none was asked for in the last {RECENT} steps, though rollouts were counted"
        )
        advice = "the reward is computed without the judge: by a rule or a cache, or an earlier failure turned it off"
        return [_finding(Severity.WARNING, what, advice)]
    return []


def _silent_judge(run: Run) -> Finding:
    if run.sums[keys.CALLS.of(role="judge")]:
        calls = format_count(run.sums[keys.CALLS.of(role="judge")], "call")
        what = f"judge statistics do not move: {calls} of a judge, but its function was not found"
        advice = 'name it: instrument(trainer, judge="method"), a method of the reward computer'
        return _finding(Severity.WARNING, what, advice)
    advice = "if there is one: is it called through a known client, in this process or a child with LLM_TELEMETRY set?"
    return _finding(Severity.NOTE, "no evaluation of a judge was seen", advice)
